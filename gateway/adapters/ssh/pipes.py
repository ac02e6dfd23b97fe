"""The gateway's ends of a child's terminal or pipes, without a thread and without a copy more than needed.

Whoever reads slowly is not read to: an inbox that is full stops the reading, and a child that does not read stops
the writing. They carry bytes and decide nothing.
"""

import asyncio
import os
from collections.abc import Callable

from gateway.adapters.ssh.inbox import Inbox
from gateway.core.shown import Stream
from gateway.session.valve import Valve

PIECE = 64 << 10
WAITING_MOST = 256 << 10
"""Bytes that may wait for a child to read them."""


class Output:
    """What a child writes into one descriptor goes into an inbox, until its end: then `over` is called. It can be
    told to wait, as an inbox tells a channel."""

    def __init__(self, fd: int, stream: Stream, inbox: Inbox, over: Callable[[], None]) -> None:
        self._fd = fd
        self._stream = stream
        self._inbox = inbox
        self._over = over
        self._loop = asyncio.get_running_loop()
        self._done = False
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self._readable)

    def pause_reading(self) -> None:
        self._loop.remove_reader(self._fd)

    def resume_reading(self) -> None:
        if not self._done:
            self._loop.add_reader(self._fd, self._readable)

    def stop(self) -> None:
        """Read no more."""
        if not self._done:
            self._done = True
            self._loop.remove_reader(self._fd)
            self._over()

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, PIECE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:  # how Linux says that the last program closed a terminal
            data = b""
        if data:
            self._inbox.put(self._stream, data)
        else:
            self.stop()


class Input:
    """What goes to a child through one descriptor, as far as its valve lets it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        self._waiting = bytearray()
        self._valve: Valve | None = None
        self._room = asyncio.Event()
        self._room.set()
        self._watched = False
        self._last: Callable[[], None] | None = None
        self._done = False
        os.set_blocking(fd, False)

    def obey(self, valve: Valve) -> None:
        """Pass on only while it is open."""
        self._valve = valve
        valve.when_opened(self._flush)

    async def clear(self) -> None:
        """Return when more may be sent, or nothing is taken any more."""
        await self._room.wait()

    def send(self, data: bytes) -> bool:
        """False: nothing is taken any more."""
        if self._done or self._last is not None:
            return False
        self._waiting += data
        self._flush()
        return not self._done

    def finish(self, last: Callable[[], None]) -> None:
        """Nothing follows: call `last` once everything has gone out."""
        if not self._done and self._last is None:
            self._last = last
            self._flush()

    def stop(self) -> None:
        """Write no more."""
        self._done = True
        self._watch(on=False)
        self._waiting.clear()
        self._room.set()

    def _flush(self) -> None:
        if self._done:
            return
        if self._valve is not None and not self._valve.is_open:
            self._watch(on=False)
            self._weigh()
            return
        try:
            while self._waiting:
                del self._waiting[: os.write(self._fd, self._waiting[:PIECE])]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:  # nobody reads any more
            self.stop()
            return
        self._watch(on=bool(self._waiting))
        self._weigh()
        if not self._waiting and self._last is not None:
            last, self._last = self._last, None
            last()
            self.stop()

    def _watch(self, *, on: bool) -> None:
        if on and not self._watched:
            self._loop.add_writer(self._fd, self._flush)
        elif self._watched and not on:
            self._loop.remove_writer(self._fd)
        self._watched = on

    def _weigh(self) -> None:
        if len(self._waiting) > WAITING_MOST:
            self._room.set() if self._done else self._room.clear()
        else:
            self._room.set()
