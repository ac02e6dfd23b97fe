"""How much one person may ask for: so that nobody buries the one request that matters under others.

Counted for the human being, whichever identity they come with, and by a clock that nobody can set. Each gateway
counts what it is asked itself.
"""

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.core.errors import Refused
from gateway.core.ports import Clock

MOST_WAITING = 100
"""Requests of one person that wait: nobody finds the one that matters among more."""
MOST_A_MINUTE = 30
"""New requests of one person. By hand nobody comes near; a driver that tries a held statement again and again has
used them up in a second, and those who decide can still see what else is there."""
MINUTE_US = 60_000_000
MOST_REMEMBERED = 10_000
"""People: those who have asked for nothing within a minute are forgotten then."""


class Flood:
    """Counts what people ask for."""

    def __init__(self, clock: Clock, most_waiting: int, most_a_minute: int) -> None:
        self._clock = clock
        self._most_waiting = most_waiting
        self._most_a_minute = most_a_minute
        self._waiting: Counter[str] = Counter()
        self._asked: dict[str, deque[int]] = {}

    def take(self, person: str, waiting: int | None = None) -> None:
        """One more of theirs. `waiting`: how many wait, where others than clients do. Raises `Refused`, and then it
        does not count."""
        waiting = self._waiting[person] if waiting is None else waiting
        if waiting >= self._most_waiting:
            raise Refused(f"{waiting} of your requests wait already: withdraw some, or ask again later")
        now_us = self._clock.monotonic_us()
        asked = self._of(person, now_us)
        if len(asked) >= self._most_a_minute:
            raise Refused(f"you have asked {len(asked)} times within a minute: wait a minute, then ask again")
        asked.append(now_us)

    @contextmanager
    def one_more(self, person: str) -> Iterator[None]:
        """Somebody's client waits."""
        self._waiting[person] += 1
        try:
            yield
        finally:
            self._waiting -= Counter([person])

    @property
    def waiting(self) -> int:
        """How many clients wait, of everybody."""
        return self._waiting.total()

    def _of(self, person: str, now_us: int) -> deque[int]:
        if len(self._asked) > MOST_REMEMBERED:
            self._asked = {
                one: times for one, times in self._asked.items() if times and times[-1] > now_us - MINUTE_US
            }
        asked = self._asked.setdefault(person, deque())
        while asked and asked[0] <= now_us - MINUTE_US:
            asked.popleft()
        return asked
