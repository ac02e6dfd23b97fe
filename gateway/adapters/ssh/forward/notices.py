"""Words to a person who has no channel for them: a forward has no standard error.

They go to the first session that is open on the same connection, recorded there like everything that is shown, or is
about to be opened; and as a debug message, which `ssh -v` shows. Else the reason of a refused channel has to do.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

from gateway.adapters.ssh.connection import PersonConnection
from gateway.core.errors import Fault
from gateway.core.plain import sentence

Say = Callable[[str], Awaitable[None]]

WAITING_MOST = 5
WAIT = 10.0
"""Seconds for which a sentence waits for a session: clients ask for forwards before they open one."""


class Notices:
    """Of one connection. Sessions enter while they can show something."""

    def __init__(self) -> None:
        self._voices: list[Say] = []
        self._waiting: deque[tuple[float, str]] = deque(maxlen=WAITING_MOST)

    @contextlib.asynccontextmanager
    async def heard_by(self, say: Say) -> AsyncIterator[None]:
        """Within the block this session shows what is told, and before that what has just been told to nobody."""
        self._voices.append(say)
        try:
            while self._waiting:
                at, text = self._waiting.popleft()
                if asyncio.get_running_loop().time() - at < WAIT:
                    await _said(say, text)
            yield
        finally:
            self._voices.remove(say)

    async def tell(self, connection: PersonConnection, text: str) -> None:
        """Show one sentence."""
        if not connection.broken:
            connection.send_debug(sentence(text.removeprefix("hoop: ")), always_display=True)
        if self._voices:
            await _said(self._voices[0], text)
        else:
            self._waiting.append((asyncio.get_running_loop().time(), text))


async def _said(say: Say, text: str) -> None:
    with contextlib.suppress(Fault):  # that session has failed and ends by itself
        await say(text)
