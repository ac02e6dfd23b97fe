"""The Register's promises on a database: who is known, and by what. The other half of the Ledger; see `ledger.py`."""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

from gateway.core.events import Event
from gateway.core.ports import CertificateRow, LockRow, PasswordRow, PersonRow, TokenRow
from gateway.store import register
from gateway.store.entries import NewEntry
from gateway.store.reader import Reader
from gateway.store.writer import Writer

_SHA256 = re.compile("[0-9a-f]{64}")
_SERIALS = range(2**63)
"""What the databases hold of the 64 bits that a serial number may have."""


class SqlRegister(ABC):
    """`core.ports.Register`. `SqlLedger` gives it what it reads and writes with."""

    _writer: Writer
    _reader: Reader

    @abstractmethod
    def _note(self, event: Event) -> NewEntry: ...

    async def people_version(self) -> int:
        """Grows with every change below but `token_used` and `use_totp_step`."""
        return await self._reader.read(register.version)

    async def add_token(self, token: TokenRow, event: Event) -> None:
        """Keep a token's digest, and its event."""
        if not _SHA256.fullmatch(token.digest):
            raise ValueError("only the SHA-256 digest of a token is kept")
        entry = self._note(event)
        await self._writer.write(lambda c: register.add_token(c, token, entry))

    async def token(self, id: str) -> TokenRow | None:
        """The token with this id, revoked or not."""
        return await self._reader.read(lambda c: register.token(c, id))

    async def tokens(self) -> Sequence[TokenRow]:
        """Newest first."""
        return await self._reader.read(register.tokens)

    async def revoke_token(self, id: str, event: Event) -> bool:
        """End a token and what was made with it. False, and no event: there is none, or it was over before."""
        entry = self._note(event)
        return await self._writer.write(lambda c: register.revoke_token(c, id, entry))

    async def token_used(self, id: str, at: datetime) -> None:
        """Remember when it was last used. Whoever calls does so now and then, not each time."""
        await self._writer.write(lambda c: register.token_used(c, id, at))

    async def renew_token(self, id: str, digest: str, fresh: str, expires_at: datetime, event: Event) -> bool:
        """Give a token another secret and a later end; what was made with it stays. False, and no event: its digest
        is not `digest` any more, or it is over."""
        if not _SHA256.fullmatch(fresh):
            raise ValueError("only the SHA-256 digest of a token is kept")
        entry = self._note(event)
        return await self._writer.write(
            lambda c: register.renew_token(c, id, digest, fresh, expires_at, entry)
        )

    async def revoked(self, since: datetime) -> tuple[AbstractSet[str], AbstractSet[int]]:
        """Tokens and certificates that were ended early, of those that would have lasted beyond `since`."""
        return await self._reader.read(lambda c: register.revoked(c, since))

    async def keep_person(self, row: PersonRow, event: Event | None) -> bool:
        """Keep somebody of a provider. False, and nothing kept: their name is somebody else's."""
        entry = self._note(event) if event else None
        return await self._writer.write(lambda c: register.keep_person(c, row, entry))

    async def forget_person(self, id: str, event: Event) -> bool:
        """Let others have their names, and end all that they hold. False, and no event: nobody has this id."""
        entry = self._note(event)
        return await self._writer.write(lambda c: register.forget_person(c, id, entry))

    async def person(self, id: str) -> PersonRow | None:
        """Somebody of a provider, by their id."""
        return await self._reader.read(lambda c: register.person(c, id))

    async def people(self) -> Sequence[PersonRow]:
        """Everybody of a provider who was ever here, by name."""
        return await self._reader.read(register.people)

    async def lock_person(self, lock: LockRow, event: Event) -> bool:
        """Keep somebody out, and end all their tokens and certificates. False, and no event: they were locked."""
        entry = self._note(event)
        return await self._writer.write(lambda c: register.lock_person(c, lock, entry))

    async def unlock_person(self, person: str, event: Event) -> bool:
        """Let somebody sign in again. False, and no event: they were not locked."""
        entry = self._note(event)
        return await self._writer.write(lambda c: register.unlock_person(c, person, entry))

    async def locks(self) -> Sequence[LockRow]:
        """Everybody who is kept out."""
        return await self._reader.read(register.locks)

    async def add_certificate(self, row: CertificateRow, event: Event) -> None:
        """Keep that a certificate was signed, before it is handed out."""
        if row.serial not in _SERIALS:
            raise ValueError("a serial number of a certificate has at most 63 bits here")
        entry = self._note(event)
        await self._writer.write(lambda c: register.add_certificate(c, row, entry))

    async def certificate(self, serial: int) -> CertificateRow | None:
        """The certificate with this serial number, revoked or not."""
        if serial not in _SERIALS:
            return None
        return await self._reader.read(lambda c: register.certificate(c, serial))

    async def certificates(self, person: str = "") -> Sequence[CertificateRow]:
        """Newest first; everybody's where nobody is named."""
        return await self._reader.read(lambda c: register.certificates(c, person))

    async def revoke_certificate(self, serial: int, event: Event) -> bool:
        """End a certificate. False, and no event: there is none, or it was over before."""
        if serial not in _SERIALS:
            return False
        entry = self._note(event)
        return await self._writer.write(lambda c: register.revoke_certificate(c, serial, entry))

    async def password(self, person: str) -> PasswordRow | None:
        """How this person signs in without a provider."""
        return await self._reader.read(lambda c: register.password(c, person))

    async def set_password(self, row: PasswordRow, event: Event) -> None:
        """In place of what there was."""
        entry = self._note(event)
        await self._writer.write(lambda c: register.set_password(c, row, entry))

    async def rehash_password(self, person: str, old: str, new: str) -> bool:
        """Compare-and-set: the same password, hashed with more work. False: they have another password by now."""
        return await self._writer.write(lambda c: register.rehash_password(c, person, old, new))

    async def use_totp_step(self, person: str, step: int) -> bool:
        """Compare-and-set. False: the code of that half minute, or of a later one, was used before."""
        return await self._writer.write(lambda c: register.use_totp_step(c, person, step))
