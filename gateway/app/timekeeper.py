"""The timekeeper: is this gateway's clock right? The database's clock is what several gateways have in common.

What one gateway lets wait until a moment, another decides about: both must mean the same moment. A clock that is off
by more than `LIMIT` is said in the log and by `/readyz`, and `problem` says it to whoever would go by it. It sets no
clock, and where the ledger has none of its own (a file) there is nothing to compare with.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.core.errors import Fault
from gateway.core.ports import Clock

LIMIT = 5.0
"""Seconds."""
ROUND = 5.0
"""Seconds between two looks. A clock that is set in between is noticed at once, by the one that nobody can set."""
QUICK = 2.0
"""Seconds. An answer that took longer does not say when the database looked at its clock."""

log = logging.getLogger("hoop.clock")


@dataclass(frozen=True, slots=True)
class _Look:
    """How far this gateway was ahead of the database at least and at most, and what its two clocks said."""

    least: float
    most: float
    wall_less_monotonic: float


class Timekeeper:
    """`look` once before anything goes by the clock, `start`, then `stop` once."""

    def __init__(
        self,
        database_clock: Callable[[], Awaitable[datetime | None]],
        clock: Clock,
        *,
        limit: float = LIMIT,
        round: float = ROUND,
    ) -> None:
        """`database_clock` gives None where there is no other clock to go by."""
        self._database_clock = database_clock
        self._clock = clock
        self._limit = limit
        self._round = round
        self._last: _Look | None = None
        self._said = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin the rounds."""
        self._task = asyncio.create_task(self._for_ever(), name="timekeeper")

    async def stop(self) -> None:
        """End them."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def look(self) -> None:
        """Compare with the database's clock. Raises `Fault` where that can not be asked."""
        before, before_us = self._clock.now(), self._clock.monotonic_us()
        there = await self._database_clock()
        took = (self._clock.monotonic_us() - before_us) / 1e6
        if there is None or (took > QUICK and self._last is not None):
            return
        ahead = (before - there).total_seconds()
        self._last = _Look(ahead, ahead + took, before.timestamp() - before_us / 1e6)
        self._say()

    def problem(self) -> str:
        """What is wrong with this gateway's clock, in a clause; empty where nothing is."""
        if self._last is None:
            return ""
        set_by = (
            self._clock.now().timestamp() - self._clock.monotonic_us() / 1e6 - self._last.wall_less_monotonic
        )
        least, most = self._last.least + set_by, self._last.most + set_by
        if least > self._limit:
            return f"the gateway's clock is {_span(least)} ahead of the ledger's"
        if most < -self._limit:
            return f"the gateway's clock is {_span(-most)} behind the ledger's"
        return ""

    async def check(self) -> None:
        """Raise `Fault` where the clock is wrong now."""
        if problem := self.problem():
            raise Fault(problem)

    def _say(self) -> None:
        problem = self.problem()
        if problem and not self._said:
            log.error("nothing is held, approved or let through by an approval: %s", problem)
        elif self._said and not problem:
            log.info("the gateway's clock is right again")
        self._said = bool(problem)

    async def _for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._round)
            try:
                await self.look()
            except Fault:
                self._say()  # that the ledger does not answer is said by whoever writes into it


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
