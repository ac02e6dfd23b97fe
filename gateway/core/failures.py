"""Counts failed sign-ins in a sliding window, by whatever key: an address, a login name.

Pure: the time is given with each call. Memory is bounded: of more keys than are remembered, the one that failed
longest ago is forgotten.
"""

import ipaddress
from array import array
from collections import OrderedDict

REMEMBERED = 20_000


class Failures:
    """`most` failures of one key within `window` seconds are too many. Times never run backwards."""

    def __init__(self, most: int, window: float, remembered: int = REMEMBERED) -> None:
        self._most = most
        self._window = window
        self._remembered = remembered
        self._times: OrderedDict[str, array[float]] = OrderedDict()
        """Oldest failure first; the key that failed longest ago first."""

    def __len__(self) -> int:
        return len(self._times)

    def add(self, key: str, now: float) -> int:
        """One more. How many of this key there were within the window before it, at most as many as are too many."""
        times = self._times.setdefault(key, array("d"))
        self._times.move_to_end(key)
        while times and times[0] <= now - self._window:
            times.pop(0)
        before = len(times)
        if before == self._most:
            times.pop(0)
        times.append(now)
        self._forget(now)
        return before

    def wait(self, key: str, now: float) -> float:
        """Seconds until this key may try again; 0 where it may try now."""
        times = self._times.get(key)
        if times is None or len(times) < self._most:
            return 0.0
        return max(0.0, times[0] + self._window - now)

    def _forget(self, now: float) -> None:
        while self._times:
            key, times = next(iter(self._times.items()))
            if len(self._times) <= self._remembered and times[-1] > now - self._window:
                return
            del self._times[key]


def neighbourhood(address: str) -> str:
    """Whom an address stands for: itself, or with IPv6 its /64, which is what one customer is given."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((int(found), 64), strict=False))
    return str(found)
