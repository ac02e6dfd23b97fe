"""The Ledger on a database: the port's promises, each kept by one of the modules around this one.

Reads go to `Reader`, every write goes through the one queue of `Writer`; what is said in SQL is in `entries.py`,
`approvals.py`, `remarks.py`, `grants.py`, `reading.py`, `history.py`, `policies.py`, `outbox.py`, `recovery.py` and
`register.py`.
"""

from collections.abc import Callable, Collection, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from typing import Self

from sqlalchemy import Connection

from gateway.core.events import Event
from gateway.core.ports import LEASE, Entry, SessionRow
from gateway.core.secret import Secret
from gateway.store import entries, reading, recovery
from gateway.store.database import Database, database
from gateway.store.entries import NewEntry
from gateway.store.reader import Reader
from gateway.store.schema import bring_to_head
from gateway.store.sql_history import SqlHistory
from gateway.store.sql_outbox import SqlOutbox
from gateway.store.sql_policies import SqlPolicies
from gateway.store.sql_register import SqlRegister
from gateway.store.sql_requests import SqlRequests
from gateway.store.writer import Writer

PATIENCE = 2.0
READING_PATIENCE = 5.0


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SqlLedger(SqlRegister, SqlRequests, SqlPolicies, SqlHistory, SqlOutbox):
    """`core.ports.Ledger` on SQLite or PostgreSQL. `open` it, and `close` it once."""

    def __init__(
        self, database: Database, gateway: str, home: str, now: Callable[[], datetime], patience: float
    ) -> None:
        self._database = database
        self._gateway = gateway
        self._home = home
        self._now = now
        self._writer = Writer(database, patience)
        self._reader = Reader(database, max(patience, READING_PATIENCE))

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        password: Secret | None = None,
        gateway: str = "",
        home: str = "",
        now: Callable[[], datetime] = _utc_now,
        patience: float = PATIENCE,
    ) -> Self:
        """Connect and bring the database's schema up to date. Raises `Misconfigured`, or `Fault` if it is not there.

        `gateway` tells gateways that share a database apart. `home` is the installation that this process has for
        itself alone. A write that gets no answer fails after `patience` seconds.
        """
        opened = database(url, password, patience)
        try:
            await bring_to_head(opened)
        except BaseException:
            await opened.close()
            raise
        return cls(opened, gateway, home, now, patience)

    async def append(self, event: Event) -> int:
        """Keep an event, and what follows from it for its session. Durable when this returns."""
        return await self._writer.append(self._note(event))

    async def entries(self, *, after: int = 0, session: str = "", limit: int = 500) -> Sequence[Entry]:
        """Entries in the order of their numbers. None with a smaller number appears later."""
        return await self._reader.read(lambda c: reading.entries(c, after, session, limit))

    async def session(self, id: str) -> SessionRow | None:
        """The session with exactly this id."""
        return await self._reader.read(lambda c: reading.session(c, id))

    async def sessions(
        self,
        *,
        live: bool | None = None,
        person: str = "",
        target: str = "",
        limit: int = 200,
        or_called: bool = False,
    ) -> Sequence[SessionRow]:
        """Newest first. `or_called`: also of those whose name is `person` before its @; only for those who may see
        everybody's."""
        return await self._reader.read(lambda c: reading.sessions(c, live, person, target, limit, or_called))

    async def find_sessions(self, prefix: str) -> Sequence[SessionRow]:
        """The sessions whose id starts with `prefix`, newest first, at most ten."""
        return await self._reader.read(lambda c: reading.find_sessions(c, prefix))

    async def keep_alive(self, sessions: Collection[str]) -> AbstractSet[str]:
        """Note that these sessions are alive now. Those that are returned have been ended in the ledger meanwhile:
        by another process of this gateway's name that took them for lost."""
        ids, at = list(sessions), self._now()
        return await self._writer.write(lambda c: recovery.keep_alive(c, ids, at))

    async def end_open_sessions(self, outcome: str, lease: timedelta = LEASE) -> list[str]:
        """End what this gateway left open when it stopped without a word, expire what was held, and return the
        sessions' ids. For the start, before the doors open: what was open in this home is over for certain; what
        was open elsewhere under this gateway's name, once nobody has seen it for as long as a lease."""
        return await self._end(outcome, self._home, lease, ())

    async def end_lost_sessions(
        self, outcome: str, lease: timedelta = LEASE, living: Collection[str] = ()
    ) -> list[str]:
        """The same while the doors are open: end only what nobody has seen for as long as a lease, and what is not
        known to be `living`. What is held and overdue expires."""
        await self.expire_approvals()
        since = self._now() - lease
        if not await self._reader.read(lambda c: reading.abandoned(c, self._gateway, None, since, living)):
            return []
        return await self._end(outcome, None, lease, living)

    async def _end(
        self, outcome: str, home: str | None, lease: timedelta, living: Collection[str]
    ) -> list[str]:
        at = self._now()

        def work(connection: Connection) -> list[str]:
            rows = reading.abandoned(connection, self._gateway, home, at - lease, living)
            return recovery.end_sessions(connection, rows, outcome, self._gateway, at)

        return await self._writer.write(work)

    async def check(self) -> None:
        """Raise `Fault` unless a write would succeed now. It writes, so that it knows."""
        await self._writer.write(entries.lock)

    async def database_clock(self) -> datetime | None:
        """What time it is for the database. None: it is a file, and has no clock of its own."""
        return await self._reader.read(reading.clock)

    async def close(self) -> None:
        """Finish what waits and close every connection."""
        await self._writer.close()
        await self._reader.close()
        await self._database.close()

    def _note(self, event: Event) -> NewEntry:
        return NewEntry.of(event, self._now(), self._gateway, self._home)
