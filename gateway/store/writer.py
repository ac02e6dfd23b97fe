"""The one writer: a queue, and a task that carries out what waits in it, many in one transaction.

This is why an append can be durable when it returns and still cost a fraction of a disk sync: whoever comes while a
transaction is on its way shares the next one. What is written is not decided here.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlalchemy import Connection

from gateway.core.errors import Fault
from gateway.store import entries
from gateway.store.database import NO_ANSWER, Database, cause, concerns_one
from gateway.store.entries import NewEntry
from gateway.store.one_thread import ThreadConnection
from gateway.store.schema import must_be_at_head

if TYPE_CHECKING:  # costs each start what only PostgreSQL needs
    from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")
Work = Callable[[Connection], T]
MOST_IN_A_BATCH = 256
LAST_PATIENCE = 10.0
"""Seconds that closing waits for a transaction that was broken off: the drivers want to tell the database first."""
BEAT = 0.05
"""Seconds. Silence of the database is counted in these. If one takes twice as long, this process itself was busy, and
a quarter is counted: there may well be an answer that nobody has had the time to look at."""
CLOSED = "the ledger is closed"

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Job:
    """Something to write, an entry or any other piece of work, and where its result is waited for."""

    what: NewEntry | Work[Any]
    outcome: asyncio.Future[Any]
    given_up: bool = field(default=False)


class Writer:
    """Owns the only connection that writes. Use it from the loop that it was made in."""

    def __init__(self, database: Database, patience: float) -> None:
        self._database = database
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._queue: deque[_Job] = deque()
        self._wanted = asyncio.Event()
        self._connection: AsyncConnection | ThreadConnection | None = None
        self._silence = 0.0
        """Seconds for which the database has let the writer wait, all in all."""
        self._heard_at = 0.0
        """How much of it there was when it answered last."""
        self._failing = False
        self._closing = False
        self._attempt_now: asyncio.Task[list[Any]] | None = None
        self._task = asyncio.create_task(self._run(), name="ledger writer")
        self._task.add_done_callback(self._stopped)

    async def append(self, entry: NewEntry) -> int:
        """Write one entry and return its number."""
        return cast(int, await self._result(entry))

    async def write(self, work: Work[T]) -> T:
        """Do `work` in a transaction, with the ledger locked. It may be called again if the first attempt was rolled
        back because of what shared it, so it must not change anything but the database."""
        return cast(T, await self._result(work))

    async def close(self) -> None:
        """Finish what waits, for as long as patience lasts, and hang up."""
        self._closing = True
        self._wanted.set()
        await asyncio.wait({self._task}, timeout=self._patience)
        self._task.cancel()
        await asyncio.wait({self._task})
        if self._attempt_now is not None:
            await asyncio.wait({self._attempt_now}, timeout=LAST_PATIENCE)
        await self._hang_up()

    async def _result(self, what: NewEntry | Work[Any]) -> Any:
        """Wait for the result, as long as the database answers anybody. A caller that is cancelled leaves its job in
        the queue: what was handed over is written. One whose patience ends takes it out: it was told of a failure."""
        if self._closing or self._task.done():
            raise Fault(CLOSED)
        job = _Job(what, self._loop.create_future())
        job.outcome.add_done_callback(_looked_at)
        self._queue.append(job)
        self._wanted.set()
        asked_at = self._silence
        while not job.outcome.done():
            left = max(asked_at, self._heard_at) + self._patience - self._silence
            if left <= 0:
                job.given_up = True
                raise Fault(NO_ANSWER)
            await asyncio.wait({job.outcome}, timeout=max(left, BEAT))
        return job.outcome.result()

    async def _run(self) -> None:
        while True:
            if batch := self._next_batch():
                await self._carry_out(batch)
            elif self._closing:
                return
            else:
                self._wanted.clear()
                await self._wanted.wait()

    def _next_batch(self) -> list[_Job]:
        batch: list[_Job] = []
        while self._queue and len(batch) < MOST_IN_A_BATCH:
            job = self._queue.popleft()
            if not job.given_up:
                batch.append(job)
        return batch

    async def _carry_out(self, batch: Sequence[_Job]) -> None:
        attempt = self._attempt_now = asyncio.create_task(self._attempt(batch))
        try:
            while not attempt.done():
                began = self._loop.time()
                await asyncio.wait({attempt}, timeout=BEAT)
                took = self._loop.time() - began
                self._silence += took if took < 2 * BEAT else BEAT / 4
        finally:
            attempt.cancel()  # does nothing to a finished one
        problem = attempt.exception()
        if problem is None:
            self._answered()
            for job, result in zip(batch, attempt.result(), strict=True):
                job.outcome.set_result(result)
        elif concerns_one(problem) and len(batch) > 1:
            middle = len(batch) // 2
            await self._carry_out(batch[:middle])
            await self._carry_out(batch[middle:])
        else:
            self._failed(batch, problem)

    async def _attempt(self, batch: Sequence[_Job]) -> list[Any]:
        try:
            async with asyncio.timeout(self._database.transaction_limit):
                self._database.check_place()
                connection = self._connection or await self._connect()
                return await connection.run_sync(_in_one_transaction, batch)
        except BaseException as problem:
            if not concerns_one(problem) or isinstance(problem, asyncio.CancelledError):
                await self._hang_up()
            raise

    async def _connect(self) -> "AsyncConnection | ThreadConnection":
        self._connection = await self._database.writing.connect()
        await self._connection.run_sync(must_be_at_head)
        return self._connection

    async def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.invalidate()
            finally:
                await connection.close()

    def _answered(self) -> None:
        self._heard_at = self._silence
        if self._failing:
            self._failing = False
            log.info("the ledger can be written again")

    def _failed(self, batch: Sequence[_Job], problem: BaseException) -> None:
        if concerns_one(problem):
            self._answered()
        elif not self._failing:
            self._failing = True
            log.warning(
                "the ledger can not be written: %s (%s)", self._database.as_fault(problem), cause(problem)
            )
        for job in batch:
            fault = self._database.as_fault(problem)
            if fault is not problem:
                fault.__cause__ = problem
            job.outcome.set_exception(fault)

    def _stopped(self, task: asyncio.Task[None]) -> None:
        """However the writer came to its end, nobody waits for it any longer."""
        while self._queue:
            self._queue.popleft().outcome.set_exception(Fault(CLOSED))


def _in_one_transaction(connection: Connection, batch: Sequence[_Job]) -> list[Any]:
    """Carry out the whole batch, in order; entries that follow one another are written by the same statements."""
    results: list[Any] = []
    with connection.begin():
        if not isinstance(batch[0].what, NewEntry):
            entries.lock(connection)
        for are_entries, jobs in groupby(batch, key=lambda job: isinstance(job.what, NewEntry)):
            tasks = [job.what for job in jobs]
            if are_entries:
                results += entries.add(connection, cast(list[NewEntry], tasks))
            else:
                results += [work(connection) for work in cast(list[Work[Any]], tasks)]
    return results


def _looked_at(outcome: asyncio.Future[Any]) -> None:
    """Its caller may be gone; a failure that nobody collects is no news to the event loop."""
    if not outcome.cancelled():
        outcome.exception()
