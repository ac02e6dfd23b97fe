"""Targets that trust the authority of a vault, which signs a key of the gateway for each connection. sshd judges."""

import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.adapters.ssh.adapter import SshAdapter
from gateway.core.people import Target
from gateway.secrets.references import ReferenceSecrets
from gateway.secrets.vault.client import Vault
from gateway.secrets.vault.settings import ByToken, VaultSettings
from gateway.secrets.vault.signer import VaultSigner
from tests.secrets.vault_double import VaultDouble, error
from tests.ssh.client import StockSsh
from tests.ssh.house import House
from tests.ssh.test_target_certificates import TrustingSshd

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]

PLACE = "ssh/sign/deploy"


class SigningHouse(House):
    """A gateway that knows a vault."""

    vault: VaultDouble
    client: Vault

    async def start(self) -> None:
        self.vault = VaultDouble(time.monotonic)
        await self.vault.start()
        environ = {"TOKEN": self.vault.token()}
        settings = VaultSettings(self.vault.address, ByToken({"env": "TOKEN"}), timeout=2.0)
        self.client = Vault(settings, ReferenceSecrets(environ))
        self.adapter = SshAdapter(
            self.door,
            self.lobby,
            self.known,
            ReferenceSecrets(self.environ),
            self.targets.find,
            key_signer=VaultSigner(self.client),
        )
        ((_, self.port),) = await self.adapter.start("127.0.0.1", 0)

    async def close(self) -> None:
        await super().close()
        await self.client.close()
        await self.vault.stop()
        assert self.vault.wrong == []


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[SigningHouse]:
    house = await SigningHouse.open(tmp_path / "gateway")
    assert isinstance(house, SigningHouse)
    yield house
    await house.close()


@pytest.fixture
async def target(tmp_path: Path, house: SigningHouse) -> AsyncIterator[TrustingSshd]:
    server = TrustingSshd(tmp_path / "target")
    await server.start()
    server.trust(house.vault.ca.export_public_key().decode().strip())
    options = {"host_keys": [server.host_key_line], "key": {"vault_ssh": PLACE}, "logins": ("nobody",)}
    house.add(Target("web-1", "ssh", "127.0.0.1", server.port, server.user, options=options))
    yield server
    await server.stop()


@pytest.fixture
def ssh(tmp_path: Path, house: SigningHouse, target: TrustingSshd) -> StockSsh:
    return StockSsh(tmp_path / "client", house)


async def test_each_connection_has_a_key_of_its_own(
    ssh: StockSsh, house: SigningHouse, target: TrustingSshd
) -> None:
    for _ in range(2):
        ran = await ssh.run("web-1@gw", "echo in; exit 3")
        assert (ran.out, ran.status) == (b"in\n", 3)
    signed = [asked.body for asked in house.vault.asked if asked.path == PLACE]
    assert len(signed) == 2
    assert len(set(signed)) == 2
    assert all(f'"valid_principals": "{target.user}"'.encode() in body for body in signed)


async def test_a_target_that_trusts_somebody_else(
    ssh: StockSsh, house: SigningHouse, target: TrustingSshd
) -> None:
    target.trust()
    ran = await ssh.run("web-1@gw", "true")
    assert ran.status == 255
    assert ran.said.startswith("hoop: web-1 can not be reached")


async def test_a_vault_that_does_not_sign(
    ssh: StockSsh, house: SigningHouse, target: TrustingSshd, caplog: pytest.LogCaptureFixture
) -> None:
    """What it says, and what is wrong with it, is for the log; and nothing of its words."""
    unusable = (
        "hoop: web-1 can not be reached - the gateway's credential is unusable, tell your platform team"
    )
    house.vault.moods[PLACE] = 400, error("canary is not allowed")
    assert (await ssh.run("web-1@gw", "true")).said.strip() == unusable
    del house.vault.moods[PLACE]
    house.vault.sign_as = {"principals": ["root", target.user]}
    assert (await ssh.run("web-1@gw", "true")).said.strip() == unusable
    await house.vault.stop()
    assert (await ssh.run("web-1@gw", "true")).said.strip() == unusable
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert [line.split(": ")[2].split(" - ")[0] for line in told] == [
        "the vault does not take this question (status 400)",
        "the answer is no certificate for this key and this account",
        "the vault can not be reached",
    ]
    assert "canary" not in caplog.text
