"""What one side of a channel has sent and nobody has taken yet: in order, bounded, joined into large pieces.

When it is full the channel is told to stop reading; SSH's own window then holds the sender back. It copes with
data that comes after a pause, which asyncssh delivers when a session starts.
"""

import asyncio
from collections import deque
from typing import Protocol

from gateway.core.shown import Stream

FULL = 256 << 10
FLOOD = 64 << 10
BULK = 1 << 20
"""For the channels of sessions: a large piece goes through the recorder for little more than a small one."""


class Tap(Protocol):
    """The reading half of a channel."""

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class Inbox:
    """`put` and `finish` by the channel's callbacks, `take` by one task."""

    def __init__(self, full: int = FULL) -> None:
        """`full`: bytes that may wait, and the size of the largest pieces."""
        self._full = full
        self._pieces: deque[tuple[Stream, bytes]] = deque()
        self._size = 0
        self._finished = False
        self._paused = False
        self._tap: Tap | None = None
        self._news = asyncio.Event()

    def attach(self, tap: Tap) -> None:
        """From now on this is what to pause."""
        self._tap = tap

    @property
    def ready(self) -> bool:
        """`take` would return at once."""
        return bool(self._pieces) or self._finished

    def put(self, stream: Stream, data: bytes) -> None:
        """More has come."""
        self._pieces.append((stream, data))
        self._size += len(data)
        if self._size >= self._full and self._tap is not None:
            self._paused = True
            self._tap.pause_reading()
        self._news.set()

    def finish(self) -> None:
        """Nothing more will come."""
        self._finished = True
        self._news.set()

    async def take(self) -> tuple[Stream, bytes] | None:
        """The oldest run of bytes of one stream, or None at the end. Loses nothing when cancelled."""
        while not self._pieces:
            if self._finished:
                return None
            self._news.clear()
            await self._news.wait()
        if self._size >= FLOOD:
            await self._gather()
        return self._pop()

    def drain(self) -> bytes:
        """All that is there now."""
        pieces = []
        while self._pieces:
            pieces.append(self._pop()[1])
        return b"".join(pieces)

    def put_back(self, data: bytes) -> None:
        """What was taken and not used is the oldest again."""
        if data:
            self._pieces.appendleft((Stream.OUT, data))
            self._size += len(data)
            self._news.set()

    async def _gather(self) -> None:
        """In a flood, let more come while more is there: a large piece costs little more than a small one."""
        seen = 0
        while max(seen + 1, FLOOD) <= self._size < self._full:
            seen = self._size
            await asyncio.sleep(0)  # to where the network is looked at
            await asyncio.sleep(0)  # to where what has come is put in here

    def _pop(self) -> tuple[Stream, bytes]:
        stream, data = self._pieces.popleft()
        run, size = [data], len(data)
        while self._pieces and self._pieces[0][0] is stream and size < self._full:
            run.append(self._pieces.popleft()[1])
            size += len(run[-1])
        self._size -= size
        if self._paused and self._size < self._full // 2 and self._tap is not None:
            self._paused = False
            self._tap.resume_reading()
        return stream, run[0] if len(run) == 1 else b"".join(run)
