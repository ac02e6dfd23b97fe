"""People, locks, tokens, certificates and passwords for the Ledger's contract, and short ways to keep them."""

from datetime import timedelta

from gateway.core.events import (
    CertificateIssued,
    PasswordSet,
    PersonKept,
    PersonLocked,
    PersonUnlocked,
    TokenCreated,
)
from gateway.core.ports import CertificateRow, Ledger, LockRow, PasswordRow, PersonRow, TokenRow
from tests.contracts.conftest import NOON

ISSUER = "https://id.example.com"
MOST_SERIAL = 2**63 - 1
BOB = "bob@example.com"


def a_person(subject: str = "1", name: str = "alice@example.com") -> PersonRow:
    id = f"{ISSUER}#{subject}"
    return PersonRow(id, ISSUER, subject, name, frozenset({"dev", "sre"}), NOON, NOON, b"\x00sealed\xff")


def kept(row: PersonRow) -> PersonKept:
    return PersonKept(
        actor=row.id, person=row.name, issuer=row.issuer, subject=row.subject, groups=sorted(row.groups)
    )


def a_token(id: str = "t-7QF2KM", person: str = BOB, parent: str = "") -> TokenRow:
    expires = NOON + timedelta(hours=12)
    roles = frozenset({"person", "auditor"})
    return TokenRow(id, "a" * 64, person, roles, NOON, expires, kind="login", parent=parent)


def created(row: TokenRow) -> TokenCreated:
    return TokenCreated(actor=row.person, token=row.id, person=row.person, roles=sorted(row.roles))


def a_certificate(serial: int = 1, person: str = BOB, token: str = "") -> CertificateRow:
    expires = NOON + timedelta(hours=12)
    return CertificateRow(serial, person, f"SHA256:{serial}", NOON, expires, "192.0.2.7", token)


def issued(row: CertificateRow) -> CertificateIssued:
    return CertificateIssued(
        serial=str(row.serial),
        person=row.person,
        fingerprint=row.fingerprint,
        expires_at=row.expires_at.isoformat(),
    )


def a_lock(person: str = BOB) -> LockRow:
    return LockRow(person, NOON, "otto@example.com", "a lost laptop")


def locked(lock: LockRow) -> PersonLocked:
    return PersonLocked(actor=lock.by, person=lock.person, reason=lock.reason)


def unlocked(person: str = BOB) -> PersonUnlocked:
    return PersonUnlocked(actor="adam@example.com", person=person)


def a_password(person: str = BOB, last_step: int = 0) -> PasswordRow:
    return PasswordRow(person, "$argon2id$v=19$x", NOON, b"\xff\x00totp", last_step)


def was_set(row: PasswordRow) -> PasswordSet:
    return PasswordSet(actor="root", person=row.person, totp=bool(row.totp))


async def add_token(ledger: Ledger, row: TokenRow) -> None:
    await ledger.add_token(row, created(row))


async def add_certificate(ledger: Ledger, row: CertificateRow) -> None:
    await ledger.add_certificate(row, issued(row))


async def keep(ledger: Ledger, row: PersonRow) -> bool:
    return await ledger.keep_person(row, kept(row))


async def lock(ledger: Ledger, person: str = BOB) -> bool:
    return await ledger.lock_person(a_lock(person), locked(a_lock(person)))


async def valid(ledger: Ledger) -> set[str | int]:
    """The tokens and certificates that are not revoked."""
    tokens = {token.id for token in await ledger.tokens() if not token.revoked}
    return tokens | {row.serial for row in await ledger.certificates() if not row.revoked}


async def names(ledger: Ledger) -> list[str]:
    return [entry.name for entry in await ledger.entries(limit=1000)]
