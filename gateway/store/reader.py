"""Reads, each in a transaction of its own that sees one moment of the database.

A read runs to its end even if the caller goes away: an interrupted one would cost its connection.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from gateway.core.errors import Fault
from gateway.store.database import NO_ANSWER, Database
from gateway.store.one_thread import ThreadEngine

T = TypeVar("T")


class Reader:
    """Answers questions about the ledger. Raises `Fault` when the database does not."""

    def __init__(self, database: Database, patience: float) -> None:
        self._database = database
        self._patience = patience
        self._reads: set[asyncio.Task[object]] = set()

    async def read(self, question: Callable[[Connection], T]) -> T:
        """The answer to `question`, asked a second time if the first met a connection that was lost meanwhile."""
        asking = asyncio.create_task(self._ask(question))
        self._reads.add(asking)
        asking.add_done_callback(self._reads.discard)
        asking.add_done_callback(_looked_at)
        await asyncio.wait({asking}, timeout=self._patience)
        if not asking.done():
            asking.cancel()
            raise Fault(NO_ANSWER)
        problem = asking.exception()
        if problem is not None:
            raise self._database.as_fault(problem) from problem
        return asking.result()

    async def close(self) -> None:
        """Let reads that are on their way come to an end."""
        if self._reads:
            await asyncio.wait(self._reads, timeout=self._patience)

    async def _ask(self, question: Callable[[Connection], T]) -> T:
        self._database.check_place()
        try:
            return await self._once(question)
        except DBAPIError as problem:
            if not problem.connection_invalidated:
                raise
        return await self._once(question)

    async def _once(self, question: Callable[[Connection], T]) -> T:
        reading = self._database.reading
        if isinstance(reading, ThreadEngine):
            return await reading.visit(question)
        async with reading.connect() as connection:
            return await connection.run_sync(question)


def _looked_at(task: asyncio.Task[T]) -> None:
    """Its caller may be gone; a failure that nobody collects is no news to the event loop."""
    if not task.cancelled():
        task.exception()
