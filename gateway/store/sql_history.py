"""What the ledger tells of the past, for policies to be tried on. A part of the Ledger; see `ledger.py`."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime

from gateway.core.ports import Entry
from gateway.store import history
from gateway.store.reader import Reader

PAGE = 2000
_SESSIONS_AT_ONCE = 400


class SqlHistory:
    """`SqlLedger` gives it what it reads with."""

    _reader: Reader

    async def history(self, names: Collection[str], since: datetime) -> AsyncIterator[Sequence[Entry]]:
        """Entries with these names from then until now, in order, in pages of up to 2,000."""
        until = await self._reader.read(history.last)
        after = await self._reader.read(lambda c: history.first_since(c, since)) - 1
        while page := await self._page(after, until, names):
            yield page
            after = page[-1].seq

    async def openings(self, sessions: Collection[str]) -> Mapping[str, Entry]:
        """How these sessions began, by their ids."""
        ids = sorted(sessions)
        found: dict[str, Entry] = {}
        for at in range(0, len(ids), _SESSIONS_AT_ONCE):
            some = await self._openings(ids[at : at + _SESSIONS_AT_ONCE])
            found.update((entry.session, entry) for entry in some)
        return found

    async def _page(self, after: int, until: int, names: Collection[str]) -> list[Entry]:
        return await self._reader.read(lambda c: history.of_names(c, after, until, names, PAGE))

    async def _openings(self, ids: Sequence[str]) -> list[Entry]:
        return await self._reader.read(lambda c: history.openings(c, ids))
