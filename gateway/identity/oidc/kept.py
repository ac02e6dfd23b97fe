"""The last good copy of something that a provider publishes: refreshed in time, kept for a while when it is away.

It knows nothing of what is fetched. Time is the clock's that never runs backwards, so a jump of the wall clock
neither drops a copy nor keeps one for longer.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from gateway.core.errors import Fault
from gateway.core.ports import Clock

T = TypeVar("T")

SECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Times:
    """In seconds: how long a copy is fresh and how long good at all, and the pauses between attempts."""

    fresh: int = 3600
    good: int = 24 * 3600
    after_failure: int = 5
    on_demand: int = 30


class Kept(Generic[T]):
    """One published thing. `fetch` raises `Fault` where there is none to be had."""

    def __init__(self, fetch: Callable[[], Awaitable[T]], clock: Clock, times: Times | None = None) -> None:
        self._fetch = fetch
        self._clock = clock
        self._times = times or Times()
        self._lock = asyncio.Lock()
        self._copy: T | None = None
        self._fetched_at = 0
        self._trouble: Fault | None = None
        self._failed_at = 0
        self._demanded_at: int | None = None

    async def get(self) -> T:
        """A copy that is fresh, or was fresh when the provider was last there. Raises `Fault`."""
        copy = self._usable(self._times.fresh)
        if copy is not None:
            return copy
        if self._lock.locked() and (copy := self._usable(self._times.good)) is not None:
            return copy  # somebody is fetching already; nobody else waits for a slow provider
        async with self._lock:
            copy = self._usable(self._times.fresh)
            return copy if copy is not None else await self._renew()

    async def again(self) -> T:
        """Fetched anew, because what was looked for is not in the copy; at most once per `on_demand`."""
        before = self._fetched_at
        async with self._lock:
            copy = self._usable(self._times.good)
            if copy is not None and (self._fetched_at != before or not self._may_demand()):
                return copy
            self._demanded_at = self._clock.monotonic_us()
            return await self._renew()

    def _may_demand(self) -> bool:
        at = self._demanded_at
        return at is None or self._clock.monotonic_us() - at >= self._times.on_demand * SECOND

    def _usable(self, seconds: int) -> T | None:
        if self._copy is None or self._clock.monotonic_us() - self._fetched_at >= seconds * SECOND:
            return None
        return self._copy

    async def _renew(self) -> T:
        trouble = self._trouble
        if (
            trouble is None
            or self._clock.monotonic_us() - self._failed_at >= self._times.after_failure * SECOND
        ):
            try:
                self._copy = await self._fetch()
            except Fault as fault:
                self._trouble = trouble = fault
                self._failed_at = self._clock.monotonic_us()
            else:
                self._fetched_at = self._clock.monotonic_us()
                self._trouble = None
                return self._copy
        copy = self._usable(self._times.good)
        if copy is not None:
            return copy
        raise Fault(trouble.sentence)
