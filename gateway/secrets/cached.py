"""Keeps what was fetched over a network for a moment, so that many sessions at once ask once.

What is kept, and for how long, is a promise about rotation: see docs/secrets.md. A value is used without asking for
`seconds`. Where it is kept does not answer, the last value may be used until it is five minutes old, because it is
most likely still right and a target refuses it otherwise; an answer, also "no" or "sealed", ends that at once.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.core.errors import Fault
from gateway.core.ports import Secrets
from gateway.core.secret import Secret
from gateway.secrets.wrong import NotAnswering

log = logging.getLogger("hoop.secrets")

STALE: Final = 300.0
"""Seconds since it was fetched until a value is not used any more, whoever does not answer."""
PACE: Final = 1.0
"""Seconds between two attempts for the same reference."""

Key = tuple[tuple[str, Any], ...]


@dataclass(eq=False, slots=True)
class _Place:
    """What is known about one reference."""

    value: Secret | None = None
    fetched_at: float = 0.0
    tried_at: float = -PACE
    failure: Fault | None = None
    """Why the last attempt failed; None after one that did not."""
    attempt: "asyncio.Task[Secret | Fault] | None" = None
    timer: asyncio.TimerHandle | None = None
    is_forgotten: bool = False
    """Another has taken its place; nothing is kept here any more."""

    def empty(self) -> None:
        """Hold the value no longer."""
        self.value = None
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class CachedSecrets:
    """The Secrets port, with a memory in front of another. With `seconds` 0 it only brings those together who ask at
    the same time."""

    def __init__(
        self, source: Secrets, *, seconds: float = 30.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._seconds = seconds
        self._stale = STALE if seconds > 0 else 0.0
        self._now = now
        self._places: dict[Key, _Place] = {}

    async def fetch(self, reference: Mapping[str, Any]) -> Secret:
        """The secret that `reference` points at. Raises `Fault`."""
        key = tuple(sorted(reference.items()))
        place = self._places.setdefault(key, _Place())
        if place.value is not None and self._age(place) < self._seconds:
            return place.value
        if place.attempt is None:
            if place.failure is not None and self._now() < place.tried_at + PACE:
                return _given(self._without_asking(place, place.failure))
            place.attempt = asyncio.create_task(self._try(place, reference), name="fetch a secret")
        # Whoever goes away does not take the attempt along: others wait for it, too.
        return _given(await asyncio.shield(place.attempt))

    def forget(self, reference: Mapping[str, Any]) -> None:
        """A target refused what was fetched: whoever comes now gets a fresh one. An attempt that is under way began
        before that, so its value is for those who wait for it and is not kept."""
        key = tuple(sorted(reference.items()))
        place = self._places.get(key)
        if place is not None:
            place.empty()
            place.is_forgotten = True
            self._places[key] = _Place(tried_at=place.tried_at, failure=place.failure)

    async def close(self) -> None:
        """Forget everything."""
        places, self._places = list(self._places.values()), {}
        attempts = [place.attempt for place in places if place.attempt is not None]
        for attempt in attempts:
            attempt.cancel()
        if attempts:
            await asyncio.wait(attempts)
        for place in places:
            place.is_forgotten = True
            place.empty()

    async def _try(self, place: _Place, reference: Mapping[str, Any]) -> Secret | Fault:
        try:
            await asyncio.sleep(max(0.0, place.tried_at + PACE - self._now()))
            place.tried_at = self._now()
            try:
                value = await self._source.fetch(reference)
            except Fault as problem:
                return self._failed(place, problem)
            self._keep(place, value)
            return value
        finally:
            place.attempt = None

    def _keep(self, place: _Place, value: Secret) -> None:
        if place.failure is not None:
            log.info("a secret can be fetched again, after this: %s", place.failure.sentence)
        place.failure = None
        place.empty()
        if self._seconds > 0 and not place.is_forgotten:
            place.value, place.fetched_at = value, self._now()
            longest = max(self._seconds, self._stale)
            place.timer = asyncio.get_running_loop().call_later(longest, place.empty)

    def _failed(self, place: _Place, problem: Fault) -> Secret | Fault:
        is_first, place.failure = place.failure is None, problem
        if not isinstance(problem, NotAnswering):
            place.empty()
        outcome = self._without_asking(place, problem)
        if is_first and isinstance(outcome, Secret):
            log.warning("%s; what was fetched %d seconds ago is used", problem.sentence, self._age(place))
        return outcome

    def _without_asking(self, place: _Place, problem: Fault) -> Secret | Fault:
        if place.value is not None and self._age(place) < self._stale:
            return place.value
        return problem

    def _age(self, place: _Place) -> float:
        return self._now() - place.fetched_at


def _given(outcome: Secret | Fault) -> Secret:
    if isinstance(outcome, Fault):
        # One of their own for each who asked: a traceback grows with every place that an exception passes.
        raise type(outcome)(outcome.sentence)
    return outcome
