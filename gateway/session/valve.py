"""The Valve of one session: whether what its person sends may go on to the target.

Shut, nothing is lost: whoever carries input waits here, so that the person's client is held back in its turn. It
knows no protocol, and nothing of who turned it.
"""

import asyncio
from collections.abc import Callable


class Valve:
    """Open until it is shut. Adapters await `opened` right before they hand anything to the target."""

    def __init__(self) -> None:
        self.is_open = True
        """Input may pass now."""
        self._open = asyncio.Event()
        self._open.set()
        self._watchers: list[Callable[[], None]] = []

    def shut(self) -> None:
        """Nothing passes from this moment on."""
        self.is_open = False
        self._open.clear()

    def open(self) -> None:
        """What waits goes on, in its order."""
        if not self.is_open:
            self.is_open = True
            self._open.set()
            for watcher in list(self._watchers):
                watcher()

    async def opened(self) -> None:
        """Return when input may pass: at once where it may, without letting anybody else run."""
        while not self.is_open:
            await self._open.wait()

    def when_opened(self, act: Callable[[], None]) -> None:
        """Call `act` each time the valve is opened again, for whoever keeps input in a buffer of their own."""
        self._watchers.append(act)
