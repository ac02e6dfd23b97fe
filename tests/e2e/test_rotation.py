"""A password is changed in the vault and on the target while the gateway runs: nobody restarts anything."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from tests.e2e.served import PATIENCE, Served, run
from tests.secrets.vault_double import VaultDouble
from tests.ssh.sshd import Sshd

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]

TABLES = """
[secrets]
cache = "5m"

[vault]
address = "{address}"
token = {{ file = "vault.token" }}

[[target]]
name = "db-1"
kind = "ssh"
to = "127.0.0.1:{port}"
user = "app"
host_keys = ["{host_key}"]
password = {{ vault = "secret/data/db-1#password" }}
"""
PLACE = "secret/data/db-1"


class Target(asyncssh.SSHServer):
    """Lets in whoever has today's password."""

    password = "one"

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return password == self.password


@pytest.fixture
async def served(tmp_path: Path, vault: VaultDouble) -> AsyncIterator[Served]:
    sshd = Sshd(tmp_path / "sshd")
    await sshd.start()
    key = asyncssh.generate_private_key("ssh-ed25519")
    Target.password = "one"
    target = await asyncssh.create_server(
        Target,
        "127.0.0.1",
        0,
        server_host_keys=[key],
        process_factory=lambda process: process.exit(0),
    )
    served = Served(tmp_path, sshd, forked=True)
    (tmp_path / "vault.token").touch(0o600)
    (tmp_path / "vault.token").write_text(vault.token())
    host_key = " ".join(key.export_public_key().decode().split()[:2])
    served.write(more=TABLES.format(address=vault.address, port=target.get_port(), host_key=host_key))
    await served.start()
    yield served
    if served.process is not None:
        await served.stop(signal.SIGTERM)
    target.close()
    await target.wait_closed()
    await sshd.stop()


@pytest.fixture
async def vault() -> AsyncIterator[VaultDouble]:
    vault = VaultDouble(time.monotonic)
    vault.kv2[PLACE] = [{"password": "one"}]
    await vault.start()
    yield vault
    await vault.stop()
    assert vault.wrong == []


async def test_the_session_after_a_refused_one_has_the_new_password(
    served: Served, vault: VaultDouble
) -> None:
    async def enters() -> bool:
        answer = await run(*served.ssh("db-1@127.0.0.1", "true"))
        assert answer.status == 0 or answer.err.startswith("hoop: db-1 can not be reached"), answer
        return answer.status == 0

    assert await enters()
    assert await enters()
    assert vault.count(PLACE) == 1
    vault.kv2[PLACE].append({"password": "two"})
    assert await enters()
    Target.password = "two"
    assert not await enters()
    assert await enters()
    assert await enters()
    assert vault.count(PLACE) == 2
    await vault.stop()
    assert await enters()
    Target.password = "three"
    assert not await enters()
    assert not await enters()
    told = "the vault secret secret/data/db-1#password can not be fetched: the vault can not be reached"
    assert any(told in line for line in served.log)
    vault.kv2[PLACE].append({"password": "three"})
    await vault.start()
    async with asyncio.timeout(PATIENCE):
        while not await enters():  # within a second of the last attempt nobody asks again
            pass
