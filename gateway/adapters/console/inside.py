"""`ssh -t console@gateway`: which of those who come get a console, and how it is run, kept within limits and ended.

Who may is asked of whoever knows roles; what a console may ask of the API is none of this room's business, either.
"""

import asyncio
import json
import logging
import os
import pty
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from signal import SIGKILL
from typing import Protocol

from gateway.adapters.console.zygote import Forked, Zygote
from gateway.adapters.ssh.asked import Asked
from gateway.adapters.ssh.inside import Spawn
from gateway.adapters.ssh.running import Running, set_size
from gateway.core.errors import Unreachable
from gateway.core.people import Session, Target
from gateway.core.plain import plain

KIND = "console"
KILL_SECONDS = 1.0
CONNECTIONS_MOST = 16
"""That one console may have to the API."""
_REPORT_MOST = 4096
_COLOURS = (b"truecolor", b"24bit")
UNDO = b"\x1b[?2004l\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[<u\x1b[?7h\x1b[?1049l\x1b[?25h\x1b[0m"
"""What the app would write when it is left: paste, mouse, focus and keys as they were, the screen from before."""

log = logging.getLogger("hoop.console")


@dataclass(frozen=True, slots=True)
class Limits:
    """How many consoles there may be at one time, and for how long nobody has to type in one."""

    all: int
    each: int
    idle: timedelta


class Line(Protocol):
    """A console's way to the API, as the person of its session."""

    token: str

    def came(self, connection: socket.socket) -> None:
        """The console has made this connection."""
        ...


class Api(Protocol):
    """Knows roles, and has the API."""

    async def why_not(self, session: Session) -> str:
        """Why this person gets no console; empty where they do."""
        ...

    def line(self, session: Session) -> AbstractContextManager[Line]:
        """Until the block is left."""
        ...

    def end(self, session: Session, why: str) -> None:
        """End it, as staff would."""
        ...


class ConsoleInside:
    """One for the gateway."""

    name = kind = KIND
    types_lines = False
    undo = UNDO

    def __init__(self, zygote: Zygote, api: Api, limits: Limits) -> None:
        self._zygote = zygote
        self._api = api
        self._limits = limits
        self._open: Counter[str] = Counter()
        """By the id of their person."""

    async def why_not(self, session: Session, target: Target, asked: Asked) -> str:
        name = target.name
        if asked.terminal is None or asked.terminal.term in ("", "dumb"):
            return f"a console needs a terminal - use: ssh -t {name}@GATEWAY"
        if asked.verb == "exec":
            return f"a console takes no command - use: ssh -t {name}@GATEWAY"
        if why := await self._api.why_not(session):
            return why
        if self._open.total() >= self._limits.all:
            return f"{self._limits.all} consoles are open on this gateway - try again later"
        if self._open[session.principal.id] >= self._limits.each:
            if self._limits.each == 1:
                return "1 console of yours is open - leave it first"
            return f"{self._limits.each} consoles of yours are open - leave one of them first"
        return ""

    @asynccontextmanager
    async def start(
        self, session: Session, target: Target, asked: Asked, spawn: Spawn
    ) -> AsyncIterator[Running]:
        who = session.principal.id
        self._open[who] += 1
        try:
            async with AsyncExitStack() as opened:
                running = await self._opened(opened, session, asked)
                try:
                    yield running
                except Unreachable as problem:
                    raise Unreachable("ended - the console has failed, open it again") from problem
        finally:
            self._open -= Counter({who: 1})

    async def _opened(self, opened: AsyncExitStack, session: Session, asked: Asked) -> Running:
        assert asked.terminal is not None
        line = opened.enter_context(self._api.line(session))
        ours, theirs = pty.openpty()
        opened.callback(os.close, ours)
        try:
            set_size(ours, asked.terminal)
            running = _Console(ours)
            opened.callback(running.stop)
            switchboard, far = socket.socketpair()
            opened.enter_context(_Switchboard(switchboard, line.came, session.id))
            with far:
                forked = await self._zygote.fork(_order(session, asked, line.token), (theirs, far.fileno()))
        finally:
            os.close(theirs)
        opened.push_async_callback(_end, forked, running, asyncio.create_task(running.watch(forked)))
        idle = _Idle(running, self._limits.idle, lambda why: self._api.end(session, why))
        opened.callback(idle.stop)
        return running


class _Console(Running):
    """Its process, if it did not end by itself, has failed: it is nobody's command."""

    def __init__(self, terminal: int) -> None:
        super().__init__(terminal, None)
        self.typed_at = asyncio.get_running_loop().time()

    def send(self, data: bytes) -> bool:
        self.typed_at = asyncio.get_running_loop().time()
        return super().send(data)

    async def watch(self, process: Forked) -> None:  # type: ignore[override]  # it is one
        await super().watch(process)
        if self.signal is not None:
            self.lost, self.signal = True, None


class _Idle:
    """Calls `end` once nobody has typed for so long."""

    def __init__(self, running: _Console, limit: timedelta, end: Callable[[str], None]) -> None:
        self._running, self._limit, self._end = running, limit, end
        self._loop = asyncio.get_running_loop()
        self._look()

    def _look(self) -> None:
        left = self._running.typed_at + self._limit.total_seconds() - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self._end(f"nobody has typed for {_span(self._limit)}")

    def stop(self) -> None:
        self._timer.cancel()


class _Switchboard:
    """Takes the connections that a console hands over, and what it says when it fails."""

    def __init__(self, line: socket.socket, came: Callable[[socket.socket], None], session: str) -> None:
        self._socket, self._came, self._session = line, came, session
        self._given: list[socket.socket] = []
        line.setblocking(False)

    def __enter__(self) -> None:
        asyncio.get_running_loop().add_reader(self._socket, self._readable)

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _readable(self) -> None:
        try:
            said, fds, _, _ = socket.recv_fds(self._socket, _REPORT_MOST, 1, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        except OSError:
            said, fds = b"", []
        if not said:
            asyncio.get_running_loop().remove_reader(self._socket)
        for fd in fds:
            self._take(fd)
        if said.startswith(b"!"):
            log.error(
                "the console of %s has failed: %s",
                self._session,
                plain(said[1:].decode("utf-8", "replace"), 4000),
            )

    def _take(self, fd: int) -> None:
        self._given = [each for each in self._given if each.fileno() >= 0]
        try:
            connection = socket.socket(fileno=fd)
        except OSError:  # it is no socket
            os.close(fd)
            return
        if len(self._given) >= CONNECTIONS_MOST or connection.family != socket.AF_UNIX:
            connection.close()
            return
        connection.setblocking(False)
        self._given.append(connection)
        self._came(connection)


async def _end(forked: Forked, running: Running, watching: "asyncio.Task[None]") -> None:
    """It is gone within a second, whatever it does."""
    running.stop()
    forked.send_signal(SIGKILL)
    await asyncio.wait([watching], timeout=KILL_SECONDS)
    forked.close()
    await watching


def _order(session: Session, asked: Asked, token: str) -> bytes:
    """What the console is told: `hoop_tui/console/child.py` and `app.py` read it."""
    assert asked.terminal is not None
    colours = asked.environment.get(b"COLORTERM", b"")
    told = {
        "token": token,
        "name": session.target.name,
        "term": asked.terminal.term,
        "colours": colours.decode() if colours in _COLOURS else "",
    }
    return json.dumps(told).encode()


def _span(limit: timedelta) -> str:
    seconds = round(limit.total_seconds())
    return f"{seconds // 60} min" if seconds >= 120 else f"{seconds} s"
