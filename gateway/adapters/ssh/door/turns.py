"""Strangers take turns: one step of one sign-in, then everybody who is inside gets theirs.

A key exchange keeps the processor busy for milliseconds. A hundred at the same moment would stand before every key
that is typed and every entry that the ledger wants to write, for seconds. So what strangers send waits in a line,
from which one piece is taken each time the event loop goes round.
"""

import asyncio
from collections import deque
from collections.abc import Callable


class Turns:
    """One line for one door. Who stands in it has one piece in it: nothing more of theirs is read meanwhile."""

    def __init__(self) -> None:
        self._line: deque[Callable[[], None]] = deque()
        self._round = False

    def __len__(self) -> int:
        return len(self._line)

    def take(self, step: Callable[[], None]) -> None:
        """Do this when its turn comes: after this round of the event loop, at the earliest."""
        self._line.append(step)
        if not self._round:
            self._round = True
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        step = self._line.popleft()
        self._round = bool(self._line)
        if self._round:
            asyncio.get_running_loop().call_soon(self._next)
        step()
