"""How often somebody may try to sign in: failures are counted by address and by name, and tries of one address wait
for each other, so that many at once get no further than one after another.

In memory only: a restart forgives.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import ceil

from gateway.core.errors import Refused
from gateway.core.failures import Failures, neighbourhood
from gateway.core.people import Peer
from gateway.core.ports import Clock

WINDOW = 600.0
PER_ADDRESS = 20
PER_NAME = 100
MOST_WAITING = 16
"""Tries of one address that wait for their turn; more are turned away."""


class TooMany(Refused):
    """Not now, whoever you are."""

    def __init__(self, sentence: str, seconds: float) -> None:
        super().__init__(sentence)
        self.seconds = max(1, ceil(seconds))


class Turnstile:
    """Lets tries through one by one, until too many have failed."""

    def __init__(self, clock: Clock, per_address: int = PER_ADDRESS, per_name: int = PER_NAME) -> None:
        self._clock = clock
        self._by_address = Failures(per_address, WINDOW)
        self._by_name = Failures(per_name, WINDOW)
        self._locks: dict[str, asyncio.Lock] = {}
        self._here: Counter[str] = Counter()

    @asynccontextmanager
    async def turn(self, peer: Peer, name: str = "") -> AsyncIterator[None]:
        """Around one try. A `Refused` that passes through is counted; too many of them raise `TooMany`."""
        address, name = neighbourhood(peer.address), name.casefold()
        if self._here[address] >= MOST_WAITING:
            raise TooMany("too many sign-ins at once from this address", 5)
        self._here[address] += 1
        try:
            async with self._locks.setdefault(address, asyncio.Lock()):
                self._check(address, name)
                try:
                    yield
                except Refused:
                    self._count(address, name)
                    raise
        finally:
            self._here[address] -= 1
            if not self._here[address]:
                del self._here[address], self._locks[address]

    def _now(self) -> float:
        return self._clock.monotonic_us() / 1e6

    def _check(self, address: str, name: str) -> None:
        now = self._now()
        wait = max(self._by_address.wait(address, now), self._by_name.wait(name, now) if name else 0.0)
        if wait:
            minutes = ceil(wait / 60)
            raise TooMany(
                f"too many sign-ins have failed; try again in {minutes} minute{'s' * (minutes > 1)}", wait
            )

    def _count(self, address: str, name: str) -> None:
        now = self._now()
        self._by_address.add(address, now)
        if name:
            self._by_name.add(name, now)
