"""A database whose driver waits: all that is done with it is done on one thread, a transaction at a time.

The driver for event loops goes to its thread and back for every single statement, which costs a small transaction
four times what the database itself does. It offers what the ledger uses of SQLAlchemy's engines for event loops.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, CursorResult, Dialect, Engine
from sqlalchemy.engine import URL
from sqlalchemy.sql import Executable

from gateway.core.errors import Fault

T = TypeVar("T")


class ThreadConnection:
    """One connection. Await it, or enter it, before it is used."""

    def __init__(self, engine: Engine, thread: ThreadPoolExecutor) -> None:
        self._engine = engine
        self._thread = thread
        self._connection: Connection | None = None

    async def run_sync(self, work: Callable[..., T], *given: Any) -> T:
        """What `work` returns, given the connection. Who is cancelled meanwhile does not stop it."""
        connection = self._connection
        assert connection is not None
        return await _done(self._thread.submit(work, connection, *given))

    async def execute(self, statement: Executable, values: Any = None) -> CursorResult[Any]:
        """What one statement returns."""
        return await self.run_sync(Connection.execute, statement, values)

    async def exec_driver_sql(self, statement: str) -> CursorResult[Any]:
        """The same for a statement of this database alone."""
        return await self.run_sync(Connection.exec_driver_sql, statement)

    async def invalidate(self) -> None:
        """Nothing more can be done with it."""
        await self.run_sync(Connection.invalidate)

    async def close(self) -> None:
        """What is under way comes to its end before that."""
        await self.run_sync(Connection.close)

    @property
    def dialect(self) -> Dialect:
        """What kind of database it is."""
        return self._engine.dialect

    async def _open(self) -> Self:
        opening = self._thread.submit(self._engine.connect)
        try:
            self._connection = await _done(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_unused)
            raise
        return self

    def __await__(self) -> Generator[Any, None, Self]:
        return self._open().__await__()

    async def __aenter__(self) -> Self:
        return await self._open()

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class ThreadEngine:
    """Makes connections that share one thread, which starts with the first. `visit` may use several `threads`."""

    def __init__(self, engine: Engine, threads: int = 1) -> None:
        self.sync_engine = engine
        self._thread = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="ledger")

    @property
    def url(self) -> URL:
        """Where the database is."""
        return self.sync_engine.url

    def connect(self) -> ThreadConnection:
        """One more connection."""
        return ThreadConnection(self.sync_engine, self._thread)

    async def visit(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, given a connection of its own that it has for as long as it takes. Who is cancelled
        meanwhile does not stop it."""
        try:
            visiting = self._thread.submit(_visited, self.sync_engine, work)
        except RuntimeError as problem:  # it takes nothing any more
            raise Fault("the ledger is closed") from problem
        return await _done(visiting)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[ThreadConnection]:
        """The same, with a transaction around what is done with it."""
        async with self.connect() as connection:
            transaction = await connection.run_sync(Connection.begin)
            try:
                yield connection
            except BaseException:
                await connection.run_sync(lambda _: transaction.rollback())
                raise
            await connection.run_sync(lambda _: transaction.commit())

    async def dispose(self) -> None:
        """The thread ends once what is under way has come to its end."""
        self.sync_engine.dispose()
        self._thread.shutdown(wait=False)


async def _done(work: Future[T]) -> T:
    return await asyncio.shield(asyncio.wrap_future(work))


def _visited(engine: Engine, work: Callable[[Connection], T]) -> T:
    with engine.connect() as connection:
        return work(connection)


def _close_unused(opening: Future[Connection]) -> None:
    if opening.exception() is None:
        opening.result().close()
