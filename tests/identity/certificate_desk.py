"""Signs certificates, good ones and forged ones, and looks at them as the gateway does."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncssh
import pytest

from gateway.core.errors import Refused
from gateway.core.events import CertificateIssued
from gateway.core.people import Principal
from gateway.core.ports import CertificateRow
from gateway.identity.authority import Authority
from gateway.identity.certificates import CertificateIdentities
from gateway.identity.signing import (
    PersonSigner,
    Signed,
)
from gateway.store.ledger import SqlLedger

ALICE = Principal("https://id#1", "alice@example.com", frozenset({"dev"}), frozenset({"person"}))
KEY = asyncssh.generate_private_key("ssh-ed25519")
LINE = KEY.export_public_key().decode()
HOME = "10.0.0.7"


@dataclass
class HeldClock:
    """Time that only passes when told to."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def now(self) -> datetime:
        return self.at

    def monotonic_us(self) -> int:
        return int(self.at.timestamp() * 1_000_000)


@dataclass
class Desk:
    """Signs certificates and looks at them, as the gateway does."""

    authority: Authority
    ledger: SqlLedger
    clock: HeldClock = field(default_factory=HeldClock)
    people: dict[str, Principal] = field(default_factory=lambda: {ALICE.id: ALICE})

    def __post_init__(self) -> None:
        self.signer = PersonSigner(self.authority, self.clock)
        self.identities = CertificateIdentities(
            self.authority, self.ledger, self.clock, lambda id: self.people.get(id)
        )

    async def issue(self, key: str = LINE, **more: Any) -> Signed:
        signed = self.signer.sign(more.pop("person", ALICE), key, timedelta(hours=12), **more)
        await self.ledger.add_certificate(signed.row, signed.event)
        return signed

    async def forge(self, **fields: Any) -> str:
        """A certificate that our own authority has signed although it never would, with its row in the ledger."""
        now = int(self.clock.now().timestamp())
        given: dict[str, Any] = {
            "serial": 4711,
            "principals": [ALICE.name],
            "valid_after": now - 60,
            "valid_before": now + 3600,
        }
        by = fields.pop("by", None) or self.authority.signer()
        kept = fields.pop("kept", True)
        sign = by.generate_host_certificate if fields.pop("host", False) else by.generate_user_certificate
        made = sign(KEY, "forged", **{**given, **fields})
        if kept:
            await self.keep({**given, **fields}["serial"])
        line: str = made.export_certificate().decode().strip()
        return line

    async def keep(self, serial: int, fingerprint: str = KEY.get_fingerprint()) -> None:
        at = self.clock.now()
        row = CertificateRow(serial, ALICE.id, fingerprint, at, at + timedelta(days=1))
        event = CertificateIssued(serial=str(serial), person="a", fingerprint=fingerprint, expires_at="")
        await self.ledger.add_certificate(row, event)

    async def why_not(self, certificate: str, address: str = HOME) -> str:
        with pytest.raises(Refused) as refused:
            await self.identities.by_certificate(certificate, address)
        return refused.value.sentence


def line(kind: str, **more: Any) -> str:
    key = asyncssh.generate_private_key(kind, **more)
    return key.export_public_key().decode()
