"""A gateway with certificate authorities, and its people by certificate as well as by key."""

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncssh

from gateway.adapters.ssh.adapter import SshAdapter
from gateway.adapters.ssh.door.settings import SshDoor
from gateway.app.clock import SystemClock
from gateway.core.events import CertificateRevoked
from gateway.core.people import Principal
from gateway.identity.authority import KINDS, Authority
from gateway.identity.certificates import CertificateIdentities, certificate_blob
from gateway.identity.directory import Configured, Directory
from gateway.identity.signing import HostSigner, PersonSigner, TargetSigner
from gateway.secrets.references import ReferenceSecrets
from gateway.session.lobby import Lobby
from gateway.wire.ssh_certificate import read_certificate
from tests.ssh.client import Ran, StockSsh
from tests.ssh.house import ALICE, BOB, House
from tests.store.fresh import fresh_ledger

NAMES = ("gw", "gateway.example.com", "localhost")


class CertifiedPeople:
    """As the gateway composes them: the directory says who there is, the authority whose certificates count."""

    def __init__(self, directory: Directory, certificates: CertificateIdentities) -> None:
        self.directory = directory
        self._certificates = certificates

    async def by_ssh_key(self, openssh: str, fingerprint: str) -> Principal | None:
        return await self.directory.by_ssh_key(openssh, fingerprint)

    async def by_certificate(self, openssh: str, address: str) -> Principal | None:
        return await self._certificates.by_certificate(openssh, address)

    async def by_token(self, token: str) -> Principal | None:
        return None

    def still(self, principal: Principal) -> Principal | None:
        return self.directory.still(principal)


class CertifiedHouse(House):
    """`open`, then `close`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.authorities = {
            kind: Authority(self.directory / "ca", kind) for kind in KINDS if kind != "database"
        }
        clock = SystemClock()
        directory = Directory(self.ledger, clock)
        identities = CertificateIdentities(self.authorities["user"], self.ledger, clock, directory.find)
        self.people = CertifiedPeople(directory, identities)
        self.know(ALICE, BOB)
        self.signer = PersonSigner(self.authorities["user"], clock)
        self.lobby = Lobby(replace(self.rooms, identities=self.people), self.organs, self.live)

    def know(self, *people: Principal) -> None:
        """These people, and alice's plain key."""
        line = self.person_key.export_public_key().decode()
        keys = {ALICE.id: (line,)}
        everybody = [Configured(each, keys.get(each.id, ())) for each in people]
        self.people.directory.replace(everybody, lambda groups: frozenset())

    @classmethod
    async def open(cls, directory: Path, **door: Any) -> "CertifiedHouse":
        directory.mkdir(exist_ok=True)
        ledger = await fresh_ledger(directory / "hoop.db")
        house = cls(directory, ledger, SshDoor(directory / "host_key", names=NAMES, **door))
        for authority in house.authorities.values():
            authority.add(asyncssh.generate_private_key("ssh-ed25519"))
        await house.start()
        return house

    async def start(self) -> None:
        self.adapter = SshAdapter(
            self.door,
            self.lobby,
            self.people,
            ReferenceSecrets(self.environ),
            self.targets.find,
            host_signer=HostSigner(self.authorities["host"], SystemClock()),
            target_signer=TargetSigner(self.authorities["target"], SystemClock()),
        )
        ((_, self.port),) = await self.adapter.start("127.0.0.1", self.port)

    async def issue(
        self, key: asyncssh.SSHKey, person: Principal = ALICE, hours: float = 12, address: str = ""
    ) -> str:
        """A certificate for somebody, as the API makes one."""
        line = key.export_public_key().decode()
        signed = self.signer.sign(person, line, timedelta(hours=hours), address=address)
        await self.ledger.add_certificate(signed.row, signed.event)
        return signed.certificate

    async def revoke(self, certificate: str) -> None:
        """End a certificate, as the API does."""
        serial = read_certificate(certificate_blob(certificate)).serial
        event = CertificateRevoked(serial=str(serial), person=ALICE.name)
        assert await self.ledger.revoke_certificate(serial, event)
        await self.people.directory.refresh()

    async def reasons(self) -> list[str]:
        """Why sign-ins were refused, as the audit has it. Waits for one: it is written when a client has gone."""
        async with asyncio.timeout(10):
            while not (refused := await self.entries("identity.refused")):
                await asyncio.sleep(0.02)
        return [str(entry.body["reason"]) for entry in refused]


class CertificateSsh(StockSsh):
    """The stock client with a certificate beside its key."""

    def use_certificate(self, key: asyncssh.SSHKey, certificate: str) -> None:
        self.use_key(key)
        (self.directory / "id-cert.pub").write_text(certificate + "\n")

    async def refused(self, *arguments: str) -> Ran:
        """Run something that must not be let in."""
        ran = await self.run(*(arguments or ("web-1@gw", "true")))
        assert ran.status == 255
        assert "Permission denied (publickey" in ran.said
        return ran


def forged(
    authority: asyncssh.SSHKey, key: asyncssh.SSHKey, *, name: str | list[str] = ALICE.name, **fields: Any
) -> str:
    """A certificate with anything in it, whoever may have signed it."""
    now = int(time.time())
    given: dict[str, Any] = {
        "serial": 4711,
        "principals": [name] if isinstance(name, str) else name,
        "valid_after": now - 60,
        "valid_before": now + 3600,
        "permit_x11_forwarding": False,
        "permit_user_rc": False,
    }
    made = authority.generate_user_certificate(key, "forged", **{**given, **fields})
    return made.export_certificate().decode().strip()
