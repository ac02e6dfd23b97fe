"""Counts who stands at the door: connections per address, and connections that have not signed in yet.

Plain counters without a clock; the login grace makes sure that places become free.
"""

from collections import Counter


class Doorstep:
    """`arrive`, perhaps `signed_in`, then `leave` once for every arrival that was let in."""

    def __init__(self, *, per_address: int, unauthenticated: int) -> None:
        self._per_address = per_address
        self._unauthenticated = unauthenticated
        self._addresses: Counter[str] = Counter()
        self._strangers = 0

    def arrive(self, address: str) -> bool:
        """False: there is no room, close the connection without a word."""
        if self._addresses[address] >= self._per_address or self._strangers >= self._unauthenticated:
            return False
        self._addresses[address] += 1
        self._strangers += 1
        return True

    def signed_in(self) -> None:
        """One of those who arrived is no stranger any more."""
        self._strangers -= 1

    def leave(self, address: str, *, was_signed_in: bool) -> None:
        """One of those who arrived is gone."""
        self._addresses[address] -= 1
        if not self._addresses[address]:
            del self._addresses[address]
        if not was_signed_in:
            self._strangers -= 1
