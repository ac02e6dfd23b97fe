"""Slows down whoever guesses: so many failures by name and by address within a window, and no more are looked at.

Ask before the work and again after it: of many guesses at once, the right one must not be told from the wrong ones
beyond the limit. It counts failures only, so that whoever signs in rightly is never in their own way.
"""

from collections.abc import Mapping
from math import ceil

from gateway.core.errors import Refused
from gateway.core.failures import Failures

WINDOW = 600.0


class Throttle:
    """`most` says for each kind of key, such as `name`, how many failures within `window` seconds are too many."""

    def __init__(self, most: Mapping[str, int], window: float = WINDOW) -> None:
        self._window = window
        self._most = dict(most)
        self._failures = {kind: Failures(limit, window) for kind, limit in most.items()}
        self._told = Failures(1, window)

    def check(self, keys: Mapping[str, str], now: float) -> None:
        """Raises `TooMany` where one of these keys has failed too often, whether there is anybody of it or not."""
        wait = max(self._failures[kind].wait(key, now) for kind, key in keys.items())
        if wait:
            raise TooMany(f"too many failed sign-ins - try again in {ceil(wait)} s")

    def failed(self, keys: Mapping[str, str], now: float) -> None:
        """One more failure of each."""
        for kind, key in keys.items():
            self._failures[kind].add(key, now)

    def news(self, keys: Mapping[str, str], now: float) -> str:
        """What the audit log is to say of those who are turned away; empty where it was said within the window."""
        news = []
        for kind, key in keys.items():
            if self._failures[kind].wait(key, now) and not self._told.wait(f"{kind} {key}", now):
                self._told.add(f"{kind} {key}", now)
                news.append(f"{self._most[kind]} failed sign-ins with this {kind} within {self._window:g} s")
        return f"{' and '.join(news)}: more are turned away, and not written down one by one" if news else ""


class TooMany(Refused):
    """Not looked at: this name or this address has failed too often."""
