"""The only sockets that a caged process gets: each is one end of a fresh pair, whose other end is ours.

Whatever address it believes to connect to, whoever holds the other end decides where that leads. Nobody else on the
machine has a way to it: there is no path, no port and no ticket to be stolen.
"""

import asyncio
import errno
import fcntl
import logging
import os
import select
import socket
import struct
from collections.abc import Callable

log = logging.getLogger("hoop.postgres")

SOCKETS_MOST = 8
"""Sockets that one process may have at one time: its session, a cancel request, the next session."""

_RECEIVE, _SEND, _ADD_FD = 0xC0502100, 0xC0182101, 0x40182103
_ASKED = struct.Struct("=QIIiIQ6Q")
_ANSWER = struct.Struct("=QqiI")
_GIVEN = struct.Struct("=QIIII")
_AND_ANSWER = 1 << 1


class Switchboard:
    """Answers at one listener until it is closed. `came` gets our end of each socket; close it, or make it an end."""

    def __init__(self, listener: int, came: Callable[[socket.socket], None]) -> None:
        self._listener = listener
        self._came = came
        self._given: list[socket.socket] = []
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(listener, self._asked)

    def close(self) -> None:
        """Answer no more: from now on the process gets no socket at all."""
        if self._listener >= 0:
            self._loop.remove_reader(self._listener)
            os.close(self._listener)
            self._listener = -1

    def _asked(self) -> None:
        question = bytearray(_ASKED.size)
        try:
            fcntl.ioctl(self._listener, _RECEIVE, question)
        except OSError:
            # It was interrupted while it asked, and will ask again; or it is gone.
            if _is_over(self._listener):
                self.close()
            return
        id, _, _, _, _, _, _, kind, *_ = _ASKED.unpack(question)
        self._given = [each for each in self._given if each.fileno() >= 0]
        if kind & 0xF != socket.SOCK_STREAM or len(self._given) >= SOCKETS_MOST:
            self._refuse(id, errno.EACCES)
            return
        ours, theirs = socket.socketpair()
        with theirs:
            theirs.setblocking(not kind & socket.SOCK_NONBLOCK)
            close_on_exec = os.O_CLOEXEC if kind & socket.SOCK_CLOEXEC else 0
            given = _GIVEN.pack(id, _AND_ANSWER, theirs.fileno(), 0, close_on_exec)
            try:
                fcntl.ioctl(self._listener, _ADD_FD, given)
            except OSError as problem:
                log.debug("a caged process did not wait for its socket: %s", problem.strerror)
                ours.close()
                return
        ours.setblocking(False)
        self._given.append(ours)
        self._came(ours)

    def _refuse(self, id: int, number: int) -> None:
        try:
            fcntl.ioctl(self._listener, _SEND, _ANSWER.pack(id, 0, -number, 0))
        except OSError as problem:
            log.debug("a caged process did not wait for its answer: %s", problem.strerror)


def _is_over(listener: int) -> bool:
    """Nobody is left who could ask."""
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    return any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0))
