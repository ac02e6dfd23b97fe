"""What each target's database holds, read over a connection of the gateway's own and kept until it may be outdated.

Whoever finds none is told so: then everything that it would have decided counts as restricted.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from gateway.core.catalog import Catalog
from gateway.core.errors import Malformed, Unreachable

log = logging.getLogger("hoop.postgres")

LASTS = 60.0
"""Seconds until it is read again: others may have changed the database beside the gateway."""
AGAIN_AFTER = 2.0
"""Seconds until it is tried again after it could not be read."""


class KeptCatalog:
    """Of one target, for one account."""

    def __init__(self, read: Callable[[], Awaitable[Catalog]]) -> None:
        self.current: Catalog | None = None
        self._read = read
        self._good_until = 0.0
        self._recent_until = 0.0
        self._changes = 0
        self._lock = asyncio.Lock()

    @property
    def is_fresh(self) -> bool:
        """Nothing need be read before it is used."""
        return time.monotonic() < self._good_until

    @property
    def is_recent(self) -> bool:
        """It was read a short while ago, whatever was changed since then. Its types are enough for who only looks
        into values: what is of a type that is not in it is taken for anything."""
        return self.current is not None and time.monotonic() < self._recent_until

    def outdate(self) -> None:
        """The database was changed. Until it is read again, only what can not have changed is relied on."""
        self._changes += 1
        self._good_until = 0.0
        if self.current is not None:
            self.current = self.current.in_doubt()

    async def refresh(self) -> None:
        """Read it again where it may be outdated. What can not be read is None."""
        async with self._lock:
            if self.is_fresh:
                return
            lasts, changes = LASTS, self._changes
            try:
                self.current = await self._read()
                if changes != self._changes:
                    self.current, lasts = self.current.in_doubt(), 0.0
            except (Unreachable, Malformed, OSError) as problem:
                log.warning("a catalog can not be read, so everything is masked there: %s", problem)
                self.current, lasts = None, AGAIN_AFTER
            self._good_until = time.monotonic() + lasts
            self._recent_until = time.monotonic() + LASTS


class Catalogs:
    """All of them."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], KeptCatalog] = {}

    def of(self, target: str, login: str, read: Callable[[], Awaitable[Catalog]]) -> KeptCatalog:
        """The one of this target and account, read with `read` where it was not needed before."""
        return self._kept.setdefault((target, login), KeptCatalog(read))
