"""The promises about policies, on a database: `core.policy_revisions`. A part of the Ledger; see `ledger.py`."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from gateway.core.events import Event
from gateway.core.policy_revisions import Documents, PolicyLoaded, PolicyRevision
from gateway.store import policies
from gateway.store.entries import NewEntry
from gateway.store.reader import Reader
from gateway.store.writer import Writer


class SqlPolicies(ABC):
    """`core.policy_revisions.PolicyRevisions`. `SqlLedger` gives it what it reads and writes with."""

    _writer: Writer
    _reader: Reader
    _gateway: str
    _now: Callable[[], datetime]

    @abstractmethod
    def _note(self, event: Event) -> NewEntry: ...

    async def keep_policy(self, revision: str, sha256: str, documents: Documents, rules: int) -> int:
        """Note that this policy comes into force, and return its number. Durable when this returns."""
        at = self._now()
        kept = PolicyRevision(0, revision, sha256, documents, rules, at, self._gateway, at)

        def entry(number: int) -> NewEntry:
            return self._note(PolicyLoaded(number=number, revision=revision, sha256=sha256, rules=rules))

        def work(connection: Connection) -> int:
            return policies.keep(connection, kept, entry)

        return await self._writer.write(work)

    async def policies(self) -> Sequence[PolicyRevision]:
        """All of them, without their texts. The newest number first."""
        return await self._reader.read(policies.newest)

    async def policy(self, number: int) -> PolicyRevision | None:
        """The one with this number."""
        return await self._reader.read(lambda c: policies.find(c, number))

    async def policy_number(self, revision: str) -> int:
        """Of the newest that decisions name so; 0: there is none."""
        return await self._reader.read(lambda c: policies.number_of(c, revision))
