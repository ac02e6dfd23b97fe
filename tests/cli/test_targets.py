"""`target ls` and `target trust`, against a real SSH server on loopback."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

Run = Callable[..., Any]


class Machine:
    """An SSH server that shows the host keys it is given, in a thread of its own."""

    def __init__(self) -> None:
        self.keys = [asyncssh.generate_private_key("ssh-ed25519")]
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._acceptor: asyncssh.SSHAcceptor | None = None

    def __enter__(self) -> "Machine":
        self._thread.start()
        self.restart()
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def restart(self) -> None:
        """Serve, on the same port as before, with the keys there are now."""
        self._call(self._start())

    def _call(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _start(self) -> None:
        await self._stop()
        self._acceptor = await asyncssh.create_server(
            asyncssh.SSHServer, "127.0.0.1", self.port, server_host_keys=self.keys
        )
        self.port = self._acceptor.get_port()

    async def _stop(self) -> None:
        if self._acceptor is not None:
            self._acceptor.close()
            await self._acceptor.wait_closed()

    @property
    def fingerprints(self) -> list[str]:
        return [key.get_fingerprint() for key in self.keys]


@pytest.fixture
def machine(config: Path) -> Iterator[Machine]:
    """The machine behind the target `web-1`."""
    with Machine() as machine:
        config.write_text(config.read_text().replace('"127.0.0.1:1"', f'"127.0.0.1:{machine.port}"'))
        yield machine


def pins(config: Path) -> list[str]:
    return (config.parent / "data" / "known_hosts").read_text().splitlines()


def test_trust_pins_what_openssh_can_read(run: Run, config: Path, machine: Machine) -> None:
    ended = run("target", "trust", "web-1", "--yes", "-c", config)
    assert (ended.code, ended.out) == (0, "")
    assert machine.fingerprints[0] in ended.err
    public = machine.keys[0].export_public_key().decode().strip()
    assert pins(config) == [f"[127.0.0.1]:{machine.port} {public}"]
    file = config.parent / "data" / "known_hosts"
    assert file.stat().st_mode & 0o777 == 0o600
    found = asyncssh.match_known_hosts(str(file), "127.0.0.1", "127.0.0.1", machine.port)[0]
    assert {key.get_fingerprint() for key in found} == set(machine.fingerprints)
    assert "nothing changed" in run("target", "trust", "web-1", "--yes", "-c", config).err
    assert len(pins(config)) == 1


def test_every_kind_of_key_is_pinned(run: Run, config: Path, machine: Machine) -> None:
    machine.keys += [asyncssh.generate_private_key(kind) for kind in ("ecdsa-sha2-nistp256", "ssh-rsa")]
    machine.restart()
    ended = run("target", "trust", "web-1", "--yes", "-c", config)
    assert ended.code == 0
    assert all(fingerprint in ended.err for fingerprint in machine.fingerprints)
    assert len(pins(config)) == 3


def test_a_changed_key_is_refused_loudly(run: Run, config: Path, machine: Machine) -> None:
    run("target", "trust", "web-1", "--yes", "-c", config)
    file = config.parent / "data" / "known_hosts"
    file.write_text("# a comment\nother ssh-ed25519 AAAA\n" + file.read_text())
    before, old = pins(config), machine.fingerprints[0]
    machine.keys = [asyncssh.generate_private_key("ssh-ed25519")]
    machine.restart()
    ended = run("target", "trust", "web-1", "--yes", "-c", config)
    assert ended.code == 1
    assert "WARNING: THE HOST KEY OF web-1 HAS CHANGED" in ended.err
    assert old in ended.err
    assert machine.fingerprints[0] in ended.err
    assert pins(config) == before
    ended = run("target", "trust", "web-1", "--yes", "--replace", "-c", config)
    assert ended.code == 0
    assert "HAS CHANGED" in ended.err
    public = machine.keys[0].export_public_key().decode().strip()
    assert pins(config) == [*before[:2], f"[127.0.0.1]:{machine.port} {public}"]


def test_another_kind_of_key_does_not_slip_in_beside_the_pinned_one(
    run: Run, config: Path, machine: Machine
) -> None:
    run("target", "trust", "web-1", "--yes", "-c", config)
    machine.keys = [asyncssh.generate_private_key("ecdsa-sha2-nistp256")]
    machine.restart()
    assert run("target", "trust", "web-1", "--yes", "-c", config).code == 1
    assert len(pins(config)) == 1


def test_nothing_is_pinned_without_a_yes(run: Run, config: Path, machine: Machine) -> None:
    ended = run("target", "trust", "web-1", "-c", config, stdin="yes\n")
    assert ended.code == 2
    assert ended.err.endswith(
        "hoop-gateway: there is nobody to ask; compare the fingerprints, then run it again with --yes\n"
    )
    assert not (config.parent / "data" / "known_hosts").exists()


def test_targets_that_can_not_be_trusted(run: Run, config: Path) -> None:
    ended = run("target", "trust", "web-2", "-c", config)
    assert ended == (7, "", 'hoop-gateway: there is no target "web-2"; did you mean "web-1"?\n')
    ended = run("target", "trust", "web-1", "-c", config)
    assert ended.code == 1
    assert ended.err.startswith("hoop-gateway: 127.0.0.1:1 can not be reached as an SSH server: ")
    ended = run("target", "trust", "local-x", "-c", config)
    assert ended.code == 1
    assert ended.err.startswith("hoop-gateway: local-x.invalid:22 can not be reached as an SSH server: ")


def test_ls(run: Run, config: Path, machine: Machine) -> None:
    ended = run("target", "ls", "-c", config)
    assert ended.code == 0
    lines = [line.split() for line in ended.out.splitlines()]
    assert lines == [
        ["NAME", "KIND", "TO", "USER", "LABELS", "KNOWN", "BY"],
        ["web-1", "ssh", f"127.0.0.1:{machine.port}", "deploy", "env=prod", "unknown"],
        ["local-*", "ssh", "{name}.invalid:22", "deploy", "-", "each"],
    ]
    run("target", "trust", "web-1", "--yes", "-c", config)
    listed = json.loads(run("target", "ls", "-o", "json", "-c", config).out)
    assert [row["known_by"] for row in listed] == ["pinned", "each"]
    assert listed[0]["labels"] == {"env": "prod"}


def test_a_key_in_the_configuration_stays_the_only_one(run: Run, config: Path, machine: Machine) -> None:
    public = machine.keys[0].export_public_key().decode().strip()
    config.write_text(config.read_text().replace('labels = { env = "prod" }', f'host_keys = ["{public}"]'))
    ended = run("target", "trust", "web-1", "--yes", "-c", config)
    assert ended.code == 0
    assert "trusted by its host_keys in the configuration" in ended.err
    machine.keys = [asyncssh.generate_private_key("ssh-ed25519")]
    machine.restart()
    ended = run("target", "trust", "web-1", "--yes", "--replace", "-c", config)
    assert ended.code == 1
    assert "WARNING: THE HOST KEY OF web-1 HAS CHANGED" in ended.err
    assert not (config.parent / "data" / "known_hosts").exists()
    assert "configured" in run("target", "ls", "-c", config).out


DATABASES = """
[[target]]
name = "appdb"
kind = "postgres"
to = ["db-1.internal:5432", "db-2.internal:5432"]
database = "app"
user = "hoop"
password = { command = ["x"] }

[[target]]
name = "local"
kind = "postgres"
to = "/var/run/postgresql:5432"
database = "app"
user = "hoop"
"""


def test_databases_are_listed_and_have_no_host_key(run: Run, config: Path) -> None:
    config.write_text(config.read_text() + DATABASES)
    listed = json.loads(run("target", "ls", "-o", "json", "-c", config).out)[-2:]
    assert [(row["kind"], row["to"], row["known_by"]) for row in listed] == [
        ("postgres", "db-1.internal:5432, db-2.internal:5432", "tls verify-full"),
        ("postgres", "/var/run/postgresql:5432", "socket"),
    ]
    ended = run("target", "trust", "appdb", "-c", config)
    assert ended.code == 2
    assert "appdb has no host key to pin: its certificate is checked as tls and ca_file say" in ended.err
