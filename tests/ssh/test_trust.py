"""Who is who: people by key, targets by host key, and what is said when it does not fit."""

import asyncio
import os
from pathlib import Path

import asyncssh
import pytest

from gateway.core.people import Target
from tests.ssh.client import StockSsh
from tests.ssh.house import ALICE, House
from tests.ssh.sshd import Sshd, free_port

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]


def line_of(key: asyncssh.SSHKey) -> str:
    return key.export_public_key().decode()


async def test_an_unknown_key(ssh: StockSsh, house: House) -> None:
    ssh.use_key(asyncssh.generate_private_key("ssh-ed25519"))
    ran = await ssh.run("web-1@gw", "true")
    assert ran.status == 255
    assert "Permission denied (publickey)" in ran.said
    async with asyncio.timeout(10):
        while not (refused := await house.entries("identity.refused")):
            await asyncio.sleep(0.02)
    assert refused[0].body["reason"].startswith("unknown ssh-key SHA256:")
    assert refused[0].body["login"] == "web-1"
    assert not await house.entries("session.opened")


async def test_a_known_key_after_unknown_ones(ssh: StockSsh, house: House, tmp_path: Path) -> None:
    """An agent offers what it has; only the key that signed is written down, and no refusal."""
    other = tmp_path / "other"
    other.touch(0o600)
    other.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    ran = await ssh.run("-i", str(other), "web-1@gw", "true")
    assert ran.status == 0
    assert house.adapter is not None
    await house.adapter.stop(1.0)
    assert not await house.entries("identity.refused")
    (accepted,) = await house.entries("identity.accepted")
    assert accepted.body["method"] == f"ssh-key {house.person_key.get_fingerprint()}"
    assert accepted.body["client"].startswith("OpenSSH_")


@pytest.mark.parametrize("kind", ["ssh-rsa", "ecdsa-sha2-nistp256"])
async def test_other_kinds_of_keys(ssh: StockSsh, house: House, kind: str) -> None:
    key = asyncssh.generate_private_key(kind)
    house.known.replace({ALICE: [line_of(key)]})
    ssh.use_key(key)
    assert (await ssh.run("web-1@gw", "true")).status == 0


async def test_an_unknown_target(ssh: StockSsh) -> None:
    ran = await ssh.run("web-9@gw", "true")
    assert (ran.status, ran.out) == (126, b"")
    assert ran.said.startswith('hoop: there is no target "web-9" for you')


async def test_an_account(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    assert (await ssh.run(f"{sshd.user}%web-1@gw", "true")).status == 0
    refused = await ssh.run("postgres%web-1@gw", "true")
    assert refused.status == 126
    assert 'hoop: the account "postgres" is not offered on web-1' in refused.said


@pytest.mark.parametrize(
    "name", ["a@b", "a%b%c", "%web-1", "web-1%", "../web-1", "web-*", "a:web-1", "x" * 200]
)
async def test_a_name_with_no_reading(ssh: StockSsh, name: str) -> None:
    ran = await ssh.run(f"{name}@gw", "true")
    assert ran.status == 255
    assert "hoop: the user name must be TARGET or USER%TARGET" in ran.said


async def test_a_target_that_nobody_has_trusted(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    house.change("web-1", host_keys=[])
    before = sshd.log
    ran = await ssh.run("web-1@gw", "true")
    assert ran.status == 255
    assert ran.said == (
        "hoop: web-1 is not trusted yet - an operator must run: hoop-gateway target trust web-1\n"
    )
    assert sshd.log == before, "it was not even connected to"
    assert await house.outcomes() == ["unreachable"]


@pytest.mark.parametrize("pinned", ["ssh-ed25519", "ecdsa-sha2-nistp256"])
async def test_a_target_with_another_host_key(ssh: StockSsh, house: House, sshd: Sshd, pinned: str) -> None:
    """Another key of the same kind, and a machine that has no key of the pinned kind at all."""
    house.change("web-1", host_keys=[line_of(asyncssh.generate_private_key(pinned))])
    ran = await ssh.run("web-1@gw", "true")
    assert ran.status == 255
    assert ran.said == (
        "hoop: the host key of web-1 has CHANGED - nothing was sent; tell your platform team\n"
    )
    assert "Accepted" not in sshd.log


async def test_known_hosts(ssh: StockSsh, house: House, sshd: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "known"
    house.change("web-1", host_keys=[], known_hosts=[str(tmp_path / "missing"), str(known)])
    known.write_text(f"[127.0.0.1]:{sshd.port} {sshd.host_key_line}\n")
    assert (await ssh.run("web-1@gw", "true")).status == 0
    known.write_text(known.read_text() + f"@revoked * {sshd.host_key_line}\n")
    assert "has CHANGED" in (await ssh.run("web-1@gw", "true")).said
    known.write_text("nonsense\n")
    assert "known_hosts is unusable" in (await ssh.run("web-1@gw", "true")).said
    known.write_text(f"otherhost {sshd.host_key_line}\n")
    assert "not trusted yet" in (await ssh.run("web-1@gw", "true")).said


async def test_a_target_that_is_down(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    house.add(
        Target(
            "web-1",
            "ssh",
            "127.0.0.1",
            free_port(),
            sshd.user,
            options={"host_keys": [sshd.host_key_line], "key": {"env": f"KEY_{sshd.port}"}},
        )
    )
    ran = await ssh.run("web-1@gw", "true")
    assert (ran.status, ran.said) == (255, "hoop: web-1 can not be reached - it refused the connection\n")


async def test_a_target_without_an_address(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    options = {"host_keys": [sshd.host_key_line], "key": {"env": f"KEY_{sshd.port}"}}
    house.add(Target("web-1", "ssh", "no-such-host.invalid", 22, "x", options=options))
    ran = await ssh.run("web-1@gw", "true")
    assert (ran.status, ran.said) == (255, "hoop: web-1 can not be reached - its address is not known\n")


async def test_a_target_that_does_not_let_us_in(
    ssh: StockSsh, house: House, sshd: Sshd, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = asyncssh.generate_private_key("ssh-ed25519")
    house.offer("web-1", sshd.port, sshd.user, stranger, host_keys=[sshd.host_key_line])
    ran = await ssh.run("web-1@gw", "true")
    assert ran.status == 255
    assert ran.said == (
        "hoop: web-1 can not be reached - it does not let the gateway in, tell your platform team\n"
    )
    assert "PRIVATE" not in caplog.text


@pytest.mark.parametrize(
    "options",
    [
        {"key": None},
        {"key": {"env": "NOT_THERE"}},
        {"key": {"env": "GARBAGE"}},
        {"key": {"env": "ENCRYPTED"}},
        {"key": None, "password": {"file": "/does/not/exist"}},
    ],
)
async def test_a_credential_that_can_not_be_used(
    ssh: StockSsh, house: House, options: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    house.environ["GARBAGE"] = "very secret garbage"
    key = asyncssh.generate_private_key("ssh-ed25519")
    house.environ["ENCRYPTED"] = key.export_private_key("pkcs8-pem", passphrase="x").decode()
    house.change("web-1", **options)
    ran = await ssh.run("web-1@gw", "true")
    assert ran.status == 255
    assert ran.said == (
        "hoop: web-1 can not be reached - the gateway's credential is unusable, tell your platform team\n"
    )
    assert "very secret" not in caplog.text


async def test_nothing_of_our_own_account_is_used(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    """A key in ~/.ssh and an agent that would be let in: the gateway does not touch them."""
    own = Path(os.environ["HOME"]) / ".ssh"
    own.mkdir(mode=0o700, exist_ok=True)
    (own / "id_ed25519").touch(0o600)
    (own / "id_ed25519").write_bytes(sshd.login_key.export_private_key())
    (own / "config").write_text("Host *\nProxyCommand false\n")
    try:
        assert (await ssh.run("web-1@gw", "true")).status == 0, "ProxyCommand was not followed"
        stranger = asyncssh.generate_private_key("ssh-ed25519")
        house.offer("web-1", sshd.port, sshd.user, stranger, host_keys=[sshd.host_key_line])
        assert (await ssh.run("web-1@gw", "true")).status == 255
    finally:
        for file in own.iterdir():
            file.unlink()
        own.rmdir()


async def test_a_password_target(house: House, ssh: StockSsh, tmp_path: Path) -> None:
    """asyncssh as a target, because sshd without PAM can not check a password we know."""
    host_key = asyncssh.generate_private_key("ssh-ed25519")

    class Server(asyncssh.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == ("deploy", "correct horse")

    def serve(process: asyncssh.SSHServerProcess[str]) -> None:
        process.stdout.write(f"{process.command} as {process.get_extra_info('username')}\n")
        process.exit(0)

    server = await asyncssh.create_server(
        Server, "127.0.0.1", 0, server_host_keys=[host_key], process_factory=serve
    )
    (tmp_path / "password").write_text("correct horse\n")
    (tmp_path / "password").chmod(0o600)
    options = {"host_keys": [line_of(host_key)], "password": {"file": str(tmp_path / "password")}}
    house.add(Target("web-1", "ssh", "127.0.0.1", server.get_port(), "deploy", options=options))
    ran = await ssh.run("web-1@gw", "hello")
    server.close()
    await server.wait_closed()
    assert (ran.status, ran.out) == (0, b"hello as deploy\n")
