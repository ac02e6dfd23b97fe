"""Asks a server on the side, as the same account and with the settings that the session began with, about how many
rows a statement is. It is only ever planned, in a transaction that can change nothing and is rolled back.

Whatever goes wrong, takes too long or might run something: nobody knows, and None is the answer.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from gateway.adapters.postgres.estimate.guard import can_be_guarded, may_be_planned
from gateway.adapters.postgres.estimate.plans import rows_of
from gateway.adapters.postgres.estimate.questions import SETTLED, begin, statement_to_plan
from gateway.adapters.postgres.upstream.server import Server
from gateway.core.errors import Fault, Malformed, Unreachable
from gateway.core.sql import SqlFacts
from gateway.wire.postgres.frames import BackendReader, Message
from gateway.wire.postgres.messages import (
    SYNC,
    Bind,
    Execute,
    Parse,
    make_bind,
    make_execute,
    make_parse,
    make_query,
)
from gateway.wire.postgres.rows import rows
from gateway.wire.postgres.tables import ByServer

PATIENCE = 0.5
"""Seconds that a statement waits for its estimate."""
LOCK_PATIENCE = 0.1
"""Seconds of it for locks: the session itself may hold what the side waits for."""
AGAIN_AFTER = 5.0
"""Seconds until a server that could not be reached is tried again."""

log = logging.getLogger("hoop.postgres")


class Estimates:
    """Of one session. Nothing is dialled before the first question; then one connection is kept."""

    def __init__(self, dial: Callable[[], Awaitable[Server]], *, patience: float = PATIENCE) -> None:
        self._dial = dial
        self._patience = patience
        self._side: Side | None = None
        self._dialling: asyncio.Task[Server] | None = None
        self._not_before = 0.0

    async def rows(self, facts: SqlFacts) -> int | None:
        """About how many; None where nobody knows."""
        if not statement_to_plan(facts, 1 << 30) or not can_be_guarded(facts):
            return None
        side = None
        try:
            async with asyncio.timeout(self._patience):
                side = await self._reached()
                if side is None:
                    return None
                found = await side.rows(facts, self._patience)
                self._side = side
                return found
        except (TimeoutError, NotAnswered, Unreachable, Malformed, OSError) as problem:
            log.info("the rows of a statement are not known: %s", str(problem) or type(problem).__name__)
        if side is not None:
            side.close()
        return None

    async def close(self) -> None:
        """The session is over."""
        if self._side is not None:
            self._side.close()
        if self._dialling is not None:
            self._dialling.cancel()
            await asyncio.wait([self._dialling])
            if not self._dialling.cancelled() and self._dialling.exception() is None:
                self._dialling.result().end.abort()

    async def _reached(self) -> "Side | None":
        """The connection, taken out until it has answered. Dialling goes on where somebody does not wait for it."""
        side, self._side = self._side, None
        if side is not None and not side.is_gone:
            return side
        now = asyncio.get_running_loop().time()
        if self._dialling is None:
            if now < self._not_before:
                return None
            self._not_before = now + AGAIN_AFTER
            self._dialling = asyncio.ensure_future(self._dial())
        try:
            server = await asyncio.shield(self._dialling)
        except (Unreachable, Malformed, Fault, OSError) as problem:
            self._dialling = None
            raise Unreachable("the server does not let us in on the side") from problem
        self._dialling, self._not_before = None, 0.0
        return Side(server)


class NotAnswered(Exception):
    """The server has something against what it was asked."""


class Side:
    """The connection. Whoever was interrupted while it answered closes it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._reader = BackendReader(whole=True)
        self._reader.receive(server.rest)
        self._settled = False

    @property
    def is_gone(self) -> bool:
        """It is of no use any more."""
        return self._server.end.closed.is_set()

    def close(self) -> None:
        self._server.end.abort()

    async def rows(self, facts: SqlFacts, patience: float) -> int | None:
        """Raises `Unreachable` and `Malformed`."""
        version = _major(self._server.version)
        statement = statement_to_plan(facts, version)
        if not statement:
            return None
        if not self._settled:
            await self._asked(SETTLED)
            self._settled = True
        plan: Sequence[str] = ()
        with suppress(NotAnswered):
            await self._asked(begin(round(patience * 1000), round(LOCK_PATIENCE * 1000), version))
            if await may_be_planned(facts, self._asked):
                plan = await self._ask(_alone(statement))
        await self._asked("ROLLBACK")
        return rows_of(plan[0]) if plan else None

    async def _asked(self, question: str) -> Sequence[str]:
        return await self._ask(make_query(question))

    async def _ask(self, data: bytes) -> Sequence[str]:
        """The cells of the first row that comes, if any does. Raises `NotAnswered`."""
        self._server.end.write(data)
        found: Sequence[str] = ()
        refused = False
        while True:
            item = self._reader.next()
            if item is None:
                data = await self._server.end.read()
                if not data:
                    raise Unreachable("the server has hung up")
                self._reader.receive(data)
            elif not isinstance(item, Message):
                if item.tag == ByServer.DATA_ROW and not found:
                    found = _first_row(item.data)
            elif item.tag == ByServer.ERROR:
                refused = True
            elif item.tag == ByServer.READY:
                if refused:
                    raise NotAnswered
                return found


def _alone(statement: str) -> bytes:
    """A message that holds one statement, or fails."""
    run = make_execute(Execute(""))
    return make_parse(Parse("", statement)) + make_bind(Bind("", "", (), (), ())) + run + SYNC


def _first_row(data: bytes) -> Sequence[str]:
    """As text. NULL is an empty text."""
    for row in rows(data):
        return ["" if cell is None else str(cell, "utf-8", "replace") for cell in row]
    return ()


def _major(version: str) -> int:
    digits = version.split(".", 1)[0]
    return int(digits) if digits.isdecimal() and len(digits) < 6 else 0
