"""The queue of notices on a database. A part of the Ledger; see `ledger.py`."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from gateway.core.events import Event
from gateway.core.notices import Claimed, Posted, Waiting
from gateway.core.ports import Entry
from gateway.store import history, outbox
from gateway.store.entries import NewEntry
from gateway.store.reader import Reader
from gateway.store.writer import Writer


class SqlOutbox(ABC):
    """`core.notices.Outbox`. `SqlLedger` gives it what it reads and writes with."""

    _writer: Writer
    _reader: Reader
    _now: Callable[[], datetime]

    @abstractmethod
    def _note(self, event: Event) -> NewEntry: ...

    async def noticed(self) -> int | None:
        """The number of the last entry that was looked at for notices."""
        return await self._reader.read(outbox.noticed)

    async def newest_entry(self) -> int:
        """Its number; 0 where there is none."""
        return await self._reader.read(history.last)

    async def entries_named(
        self, names: Collection[str], after: int, until: int, limit: int
    ) -> Sequence[Entry]:
        """Those with these names and a number behind `after` and up to `until`, in order."""
        return await self._reader.read(lambda c: history.of_names(c, after, until, names, limit))

    async def post(self, after: int | None, until: int, posted: Sequence[Posted]) -> bool:
        """Queue notices about the entries up to `until`. False: another gateway has."""
        at = self._now()
        return await self._writer.write(lambda c: outbox.post(c, after, until, posted, at))

    async def claim(self, receiver: str, claim: str, lease: float) -> Claimed | None:
        """Take the oldest that is due. Looks first, so that nothing is written where there is nothing."""
        at = self._now()
        if not await self._reader.read(lambda c: outbox.due(c, receiver, at)):
            return None
        return await self._writer.write(lambda c: outbox.claim(c, receiver, claim, at, lease))

    async def put_back(self, claimed: Claimed, seconds: float, problem: str) -> bool:
        """It is due again after so long."""
        due_at = self._now() + timedelta(seconds=seconds)
        return await self._writer.write(lambda c: outbox.put_back(c, claimed, due_at, problem))

    async def finish(self, claimed: Claimed, event: Event, problem: str = "") -> bool:
        """It is sent, or given up."""
        entry, at = self._note(event), self._now()
        return await self._writer.write(lambda c: outbox.finish(c, claimed, at, problem, entry))

    async def release(self, owner: str) -> int:
        """Nobody sends any more what this installation had claimed."""
        return await self._writer.write(lambda c: outbox.release(c, owner))

    async def notices_waiting(self) -> Waiting:
        """How many wait, and how many were given up."""
        return await self._reader.read(outbox.counts)

    async def forget_notices(self, before: datetime) -> None:
        """Forget what was finished before then."""
        await self._writer.write(lambda c: outbox.forget(c, before))
