"""How long to wait for a target's echo: as long as it has lately taken, and some more.

Nothing says that an echo is complete; only that nothing has come for a while does.
"""

import asyncio

LEAST, MOST = 0.1, 0.6
"""Seconds of silence after which an echo is taken to be complete."""

WRONG = 0.4
"""The same, where the screen shows something else than was typed."""

BLIND = 1.5
"""The same, where nothing shows of what was typed: rare, and easily a slow echo."""

LONGEST = 3.0
"""Seconds that anybody waits for silence."""


class Patience:
    """Told when something was sent and when something came."""

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self._lag = 0.0
        self._sent_at: float | None = None
        self._last = 0.0

    def sent(self) -> None:
        """Keys were sent to the target."""
        self._last = self._now()
        if self._sent_at is None:
            self._sent_at = self._last

    def heard(self) -> None:
        """The target sent something."""
        self._last = self._now()
        if self._sent_at is not None:
            self._lag = max(self._last - self._sent_at, self._lag * 0.8)
            self._sent_at = None
        self._news.set()

    @property
    def silence(self) -> float:
        """How long a silence says that an answer is over."""
        return min(max(LEAST, 3 * self._lag), MOST)

    async def more_may_come(self, began: float, *, hidden: bool, sure: bool) -> bool:
        """Return True when more has come, False when it is time to take what there is. `hidden`: nothing shows of
        what was typed; `sure`: the keys say what should show."""
        span = BLIND if hidden else WRONG if sure else self.silence
        return await self._news_by(min(self._last + max(span, self.silence), began + LONGEST))

    async def more_by(self, deadline: float) -> bool:
        """Return True when more has come, False at the deadline."""
        return await self._news_by(deadline)

    async def _news_by(self, deadline: float) -> bool:
        self._news.clear()
        try:
            async with asyncio.timeout_at(deadline):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
