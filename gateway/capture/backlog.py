"""What a target has sent and nobody has looked at yet. A flood costs next to nothing: only its end is kept.

Marks stand between the bytes, so that what happened at some moment is looked at as the screen was then.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable

from gateway.capture.screen import Screen

MOST = 32 << 10
KEPT = 12 << 10

Mark = Callable[[bool], None]
"""Called when all output before it has been looked at; with False if some of that was dropped."""

_ESCAPE = b"\x1b"
_MODE = b"\x1b[?"
_SEAM = 8
_MODES = re.compile(rb"\x1b\[\?(?:47|1047|1049|2004|25)[hl]")
_MODES_MOST = 64


class Backlog:
    """In front of one screen."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._queue: deque[bytes | Mark] = deque()
        self._size = 0

    def add(self, data: bytes) -> None:
        """More has come."""
        self._queue.append(data)
        self._size += len(data)
        if self._size > MOST:
            self._drop()

    def mark(self, mark: Mark) -> None:
        """Something happened at this point of the output."""
        self._queue.append(mark)

    def catch_up(self) -> None:
        """Look at everything."""
        while self._queue:
            first = self._queue.popleft()
            if isinstance(first, bytes):
                self._size -= len(first)
                self._screen.feed(first)
            else:
                first(True)

    def _drop(self) -> None:
        """Keep the end, from the beginning of a line on, and which screen is shown. Marks before it are told so."""
        kept: deque[bytes | Mark] = deque()
        size = 0
        while size < KEPT:
            last = self._queue.pop()
            if isinstance(last, bytes):
                cut = _line_start(last, len(last) - (KEPT - size))
                if cut:
                    self._queue.append(last[:cut])
                size += len(last)
                kept.appendleft(last[cut:])
            else:
                kept.appendleft(last)
        dropped, self._queue = self._queue, kept
        self._size = sum(len(each) for each in kept if isinstance(each, bytes))
        self._screen.skipped()
        for mode in _modes(each for each in dropped if isinstance(each, bytes)):
            self._screen.feed(mode)
        for each in dropped:
            if not isinstance(each, bytes):
                each(False)


def _line_start(data: bytes, at: int) -> int:
    """Where the next line begins, or `at` itself."""
    if at <= 0:
        return 0
    line_end = data.find(b"\n", at)
    return at if line_end < 0 else line_end + 1


def _modes(pieces: Iterable[bytes]) -> list[bytes]:
    """The last switches between screens and such."""
    found: list[bytes] = []
    seam = b""
    for piece in pieces:
        seam += piece[:_SEAM]
        for part in (seam, piece):
            if _ESCAPE in part and _MODE in part:  # one byte is found far faster than three
                found += _MODES.findall(part, part.index(_MODE))
        seam = piece[-_SEAM:]
    return found[-_MODES_MOST:]
