"""One parser process as the gateway sees it: started, asked one text at a time, and gone when it is told to.

It inherits nothing but its socket and ends when that closes, which it does with the gateway, however that ends.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from gateway.core.errors import Fault

_ROOT = Path(__file__).resolve().parents[3]
_START = "import sys; sys.path.insert(0, sys.argv[1]); from gateway.session.database.parser_main import main; main()"
_LIBRARIES = ("libpg_query.so", "libpg_query.dylib")
_MORE = b"+"
"""Before a reply: the process goes on."""
_TOO_LONG = "it takes too long to be understood"
_START_SECONDS = 20.0
_REPLY_MOST = 8 << 20
_KEPT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Of the environment: what Python itself may need in order to start."""


class Lost(Exception):
    """The process ended, or was ended, over a text."""


class ParserProcess(asyncio.Protocol):
    """Made by `start`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[bytes] | None = None
        self.is_lost = False
        """It has ended, or is about to."""

    @classmethod
    async def start(cls, memory: int, seconds: float) -> "ParserProcess":
        """`memory`: bytes that it may have. `seconds`: of work for one text. Raises Fault where it does not start."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await asyncio.to_thread(_spawn, theirs, memory, seconds)
            ours.setblocking(False)
            loop = asyncio.get_running_loop()
            _, self = await loop.create_unix_connection(lambda: cls(process), sock=ours)
        except OSError as problem:
            ours.close()
            raise Fault(f"the SQL parser does not start: {problem.strerror}") from problem
        try:
            await self._reply(_START_SECONDS)
        except Lost as problem:
            await self.end()
            raise Fault("the SQL parser does not start") from problem
        return self

    async def ask(self, text: bytes, seconds: float) -> bytes:
        """Send a text, get the packed reading. Raises Lost, which says why in words for people."""
        if self._transport is None or self.is_lost:
            raise Lost("the parser is gone")
        self._transport.write(len(text).to_bytes(4, "big") + text)
        reply = await self._reply(seconds)
        self.is_lost |= not reply.startswith(_MORE)
        return reply[1:]

    async def end(self) -> None:
        """Kill it, and wait until it is gone."""
        self.is_lost = True
        if self._transport is not None:
            self._transport.abort()
        await asyncio.to_thread(self._kill)

    @property
    def pid(self) -> int:
        return self._process.pid

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()

    async def _reply(self, seconds: float) -> bytes:
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()
        patience = loop.call_later(seconds, self._give_up)
        self._take()
        try:
            return await self._answer
        finally:
            patience.cancel()
            self._answer = None

    def _give_up(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Lost(_TOO_LONG))

    def _take(self) -> None:
        """Hand over the reply, once it is whole."""
        if self._answer is None or self._answer.done():
            return
        if len(self._buffer) >= 4:
            size = int.from_bytes(self._buffer[:4], "big")
            if size > _REPLY_MOST:
                self._answer.set_exception(Lost("the parser answers nonsense"))
            elif len(self._buffer) >= 4 + size:
                self._answer.set_result(bytes(self._buffer[4 : 4 + size]))
                del self._buffer[: 4 + size]
                return
        if self.is_lost and not self._answer.done():
            self._answer.set_exception(Lost("the parser broke off over it"))

    def why(self) -> str:
        """How it ended, for people; empty where that says nothing. After `end`."""
        return _TOO_LONG if self._process.returncode == -signal.SIGPROF else ""

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._take()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self._take()


def library() -> str:
    """Where the grammar is. Raises Fault where it is not installed."""
    found = find_spec("postgast")
    for folder in (found.submodule_search_locations or ()) if found else ():
        for name in _LIBRARIES:
            if (path := Path(folder, name)).is_file():
                return str(path)
    raise Fault(
        "the SQL parser is not installed: the package postgast is missing, or has no library for this system"
    )


def _spawn(end: socket.socket, memory: int, seconds: float) -> subprocess.Popen[bytes]:
    """In a thread: it takes some milliseconds."""
    return subprocess.Popen(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            _START,
            str(_ROOT),
            library(),
            str(memory >> 20),
            str(int(seconds * 1000)),
        ],
        stdin=end.fileno(),
        stdout=end.fileno(),
        stderr=subprocess.DEVNULL,
        close_fds=True,
        cwd="/",
        env={name: os.environ[name] for name in _KEPT if name in os.environ},
        start_new_session=True,
    )
