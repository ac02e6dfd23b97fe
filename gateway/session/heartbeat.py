"""Says for this gateway's open sessions that they are alive, and ends them when it can not be said any more.

Whoever looks at the ledger takes a session for lost that nobody has said to be alive for as long as a lease. So must
we: a session that the others call lost does not go on here unwatched. It also ends in the ledger what earlier runs
of this gateway left open. It knows no protocol and no database.
"""

import asyncio
import logging
from datetime import timedelta

from gateway.core.errors import Fault
from gateway.core.ports import LEASE, Clock, Ledger
from gateway.session import words
from gateway.session.live import LiveSessions

BEATS = 4
"""So many fit into a lease: some may be late or fail."""

LOST = "crash"
"""How a session has ended that nobody closed."""

ELSEWHERE = "it was taken for lost and ended by another process of this gateway"

log = logging.getLogger("hoop.session")


class Heartbeat:
    """`start`, then `stop` once."""

    def __init__(self, ledger: Ledger, live: LiveSessions, clock: Clock, *, lease: timedelta = LEASE) -> None:
        self._ledger = ledger
        self._live = live
        self._clock = clock
        self._lease = lease
        self._every = lease.total_seconds() / BEATS
        self._task: asyncio.Task[None] | None = None
        self._heard_us = 0
        """When the ledger took the last beat."""
        self._failing = False

    def start(self) -> None:
        """Beat from now on."""
        self._heard_us = self._clock.monotonic_us()
        self._task = asyncio.create_task(self._run(), name="heartbeat")

    async def stop(self) -> None:
        """Beat no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        pause = self._every
        while True:
            await asyncio.sleep(pause)
            try:
                await self._beat()
                pause = self._every
            except (Fault, TimeoutError) as problem:
                pause = min(self._every, max(0.0, self._left()) or self._every)
                log.warning("the open sessions can not be said to be alive: %s", problem)

    async def _beat(self) -> None:
        """Raises `Fault`, or `TimeoutError` when the lease ran out meanwhile. Who wakes up late, such as after the
        machine stood still, may try once before anything is ended: the ledger knows what has become of us."""
        if self._failing and self._left() <= 0:
            self._fence()
        failed_before, self._failing = self._failing, True
        async with asyncio.timeout(self._left() if failed_before and self._left() > 0 else None):
            await self._say_alive()
        self._failing, self._heard_us = False, self._clock.monotonic_us()
        for id in await self._ledger.end_lost_sessions(LOST, self._lease, self._live.ids()):
            log.warning("session %s was lost: nobody has closed it", id)

    async def _say_alive(self) -> None:
        ids = self._live.ids()
        for id in await self._ledger.keep_alive(ids) if ids else ():
            gate = self._live.get(id)
            if gate is not None and not gate.closed:
                log.error("session %s: %s", id, ELSEWHERE)
                gate.end(ELSEWHERE)

    def _left(self) -> float:
        """Seconds until the others call our sessions lost."""
        return self._lease.total_seconds() - (self._clock.monotonic_us() - self._heard_us) / 1_000_000

    def _fence(self) -> None:
        for gate in self._live:
            gate.fail(words.NOT_SEEN_ALIVE)
