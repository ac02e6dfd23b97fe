"""People on their way through the pages: what they came for, which provider they are at, who they turned out to be.

Kept here and not in the browser, which only has a cookie. Every step is good once, for ten minutes, and for the
browser that started. Memory is bounded: of too many, the oldest is forgotten, of one address first.
"""

import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

from gateway.api.pages.browser import Browser
from gateway.api.pages.loopback import ProgramAsks
from gateway.api.services import Journey
from gateway.core.failures import neighbourhood
from gateway.core.people import Principal
from gateway.core.ports import Clock
from gateway.session.doorbell import Ring

LIFETIME = 600.0
MOST = 2000
MOST_PER_ADDRESS = 50


@dataclass(eq=False, slots=True)
class Visit:
    """One person, one browser, one purpose."""

    errand: Ring | ProgramAsks
    browser: bytes
    address: str
    until: float
    journey: Journey | None = None
    """Set while they are at a provider."""
    principal: Principal | None = None
    """Set once they are known; nothing has happened with it before they confirm."""
    id: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    wrong_codes: int = 0


class Visits:
    """All of them, oldest first."""

    def __init__(self, clock: Clock, most: int = MOST, most_per_address: int = MOST_PER_ADDRESS) -> None:
        self._clock = clock
        self._most = most
        self._most_per_address = most_per_address
        self._visits: OrderedDict[str, Visit] = OrderedDict()
        self._by_state: dict[str, Visit] = {}

    def __len__(self) -> int:
        return len(self._visits)

    def leave(self, browser: Browser, errand: Ring | ProgramAsks, journey: Journey) -> None:
        """The browser goes to a provider."""
        visit = self._new(browser, errand)
        visit.journey = journey
        self._by_state[journey.state] = visit

    def back(self, state: str, browser: Browser) -> tuple[Visit, Journey] | None:
        """It comes back, once. None: nobody left with this state, or it was another browser."""
        visit = self._by_state.get(state)
        if visit is None or visit.journey is None or not self._is_of(visit, browser):
            return None
        journey, visit.journey = visit.journey, None
        del self._by_state[state]
        return visit, journey

    def known(self, browser: Browser, errand: Ring | ProgramAsks, principal: Principal) -> Visit:
        """Somebody who needs no provider."""
        visit = self._new(browser, errand)
        visit.principal = principal
        return visit

    def find(self, id: str, browser: Browser) -> Visit | None:
        """Who is to confirm."""
        visit = self._visits.get(id)
        return visit if visit is not None and visit.principal and self._is_of(visit, browser) else None

    def drop(self, visit: Visit) -> bool:
        """It is over. False: it was over already."""
        if visit.journey is not None:
            self._by_state.pop(visit.journey.state, None)
        return self._visits.pop(visit.id, None) is not None

    def _new(self, browser: Browser, errand: Ring | ProgramAsks) -> Visit:
        now = self._now()
        address = neighbourhood(browser.peer.address)
        while self._visits and (len(self._visits) >= self._most or self._first().until <= now):
            self.drop(self._first())
        here = [visit for visit in self._visits.values() if visit.address == address]
        for visit in here[: max(0, len(here) - self._most_per_address + 1)]:
            self.drop(visit)
        visit = Visit(errand, browser.digest, address, now + LIFETIME)
        self._visits[visit.id] = visit
        return visit

    def _first(self) -> Visit:
        return next(iter(self._visits.values()))

    def _is_of(self, visit: Visit, browser: Browser) -> bool:
        return hmac.compare_digest(visit.browser, browser.digest) and self._now() < visit.until

    def _now(self) -> float:
        return self._clock.monotonic_us() / 1e6
