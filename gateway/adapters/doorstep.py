"""Who stands at a door, and who has failed there: how many connections, how many strangers, how many failures.

Whoever is inside already is out of its sight: nothing here ends a session. It counts and answers; others act.
The login grace makes sure that places become free.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from gateway.core.failures import Failures, neighbourhood

QUIET = 10.0
"""Seconds between lines of the log about a lack of room: whoever floods the door shall not fill the log."""

EARLY = 0.3
"""How likely a stranger is turned away once half of the places are taken, without those of the greediest address; it
grows to 1 when all are."""


@dataclass(frozen=True, slots=True)
class Failed:
    """What a failed sign-in is to the audit log."""

    counts: bool
    """It is one of those that are written down each."""
    burst: str = ""
    """Set for the one that was one too many: what is said in place of all that follow."""


class Doorstep:
    """`arrive`, perhaps `signed_in` or `failed`, then `leave` once for every arrival that was let in."""

    def __init__(
        self,
        *,
        per_address: int,
        unauthenticated: int,
        failures_per_address: int = 20,
        failures_per_name: int = 100,
        failure_window: float = 60.0,
        now: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._per_address = per_address
        self._unauthenticated = unauthenticated
        self._crowded = ceil(unauthenticated / 2)
        self._window = failure_window
        self._by_address = Failures(failures_per_address, failure_window)
        self._by_name = Failures(failures_per_name, failure_window)
        self._told = Failures(1, failure_window)
        self._most = {"address": failures_per_address, "name": failures_per_name}
        self._now = now
        self._chance = chance
        self._addresses: Counter[str] = Counter()
        self._strangers: Counter[str] = Counter()
        self._all_strangers = 0
        self._unsaid = 0
        self._quiet_until = 0.0

    def banned(self, address: str) -> str:
        """Why nobody from this address may even begin to sign in; empty where they may."""
        wait = self._by_address.wait(neighbourhood(address), self._now())
        return f"too many failed sign-ins from your address - try again in {ceil(wait)} s" if wait else ""

    def wary_of(self, name: str) -> bool:
        """So many have failed with this login name that one unknown key is enough. A known one still opens: names are
        those of targets, and whoever fails on purpose must not lock everybody else out."""
        return self._by_name.wait(name, self._now()) > 0

    def arrive(self, address: str) -> bool:
        """False: there is no room, close the connection without a word."""
        who = neighbourhood(address)
        if self._addresses[who] >= self._per_address or not self._room_for_a_stranger(who):
            return False
        self._addresses[who] += 1
        self._strangers[who] += 1
        self._all_strangers += 1
        return True

    def no_room_for(self, address: str) -> str:
        """What the log is to say of one who could not arrive; empty where it has said so a moment ago."""
        self._unsaid += 1
        if self._now() < self._quiet_until:
            return ""
        more, self._unsaid = self._unsaid - 1, 0
        self._quiet_until = self._now() + QUIET
        return f"too many connections: one from {address} was closed" + (
            f", and {more} before it" if more else ""
        )

    def signed_in(self, address: str) -> None:
        """One of those who arrived is no stranger any more."""
        self._one_stranger_less(neighbourhood(address))

    def leave(self, address: str, *, was_signed_in: bool) -> None:
        """One of those who arrived is gone."""
        who = neighbourhood(address)
        _one_less(self._addresses, who)
        if not was_signed_in:
            self._one_stranger_less(who)

    def failed(self, address: str, name: str) -> Failed:
        """One of those who arrived has left without a sign-in, although they tried."""
        now = self._now()
        bursts: list[str] = []
        counts = True
        for what, failures, key in (
            ("address", self._by_address, neighbourhood(address)),
            ("name", self._by_name, name),
        ):
            before, most = failures.add(key, now), self._most[what]
            counts = counts and before < most
            if before >= most - 1 and not self._told.wait(f"{what} {key}", now):
                self._told.add(f"{what} {key}", now)
                bursts.append(f"{most} failed sign-ins with this {what} within {self._window:g} s")
        if bursts:
            return Failed(
                counts, " and ".join(bursts) + ": more are turned away, and not written down one by one"
            )
        return Failed(counts)

    def _one_stranger_less(self, who: str) -> None:
        self._all_strangers -= 1
        _one_less(self._strangers, who)

    def _room_for_a_stranger(self, who: str) -> bool:
        """No address may take more than half of the places; and the closer they come to be all taken, the more are
        turned away by chance, so that whoever keeps them taken does not keep everybody else out. The places of the
        greediest address are left out of that: one of them alone is nobody else's trouble."""
        if self._all_strangers >= self._unauthenticated or self._strangers[who] >= self._crowded:
            return False
        greediest = max(self._strangers.values(), default=0)
        most, there = self._unauthenticated - greediest, self._all_strangers - greediest
        crowded = max(1, most // 2)
        if there < crowded:
            return True
        return self._chance() >= EARLY + (1 - EARLY) * (there - crowded) / (most - crowded)


def _one_less(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
