"""A line to a gateway that fails on purpose: it stands in front of a real API and loses, delays or refuses decisions.

It knows as much of HTTP as it takes to tell one question from the next. Feeds and all else pass as they are.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Literal, Self

Fault = Literal["", "lost", "unanswered", "slow", "refused", "refused afterwards"]
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_KEY = re.compile(rb"(?i)\r\nidempotency-key: *([^\r]+)")
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"


class FaultyLine:
    """`fault` is for the decisions to come; while it is `blind`, cards can not be read either."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.fault: Fault = ""
        self.times = 0
        """So many decisions it happens to; what comes after them passes."""
        self.blind = False
        self.keys: list[str] = []
        """Of the decisions that were sent, the lost ones too."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def fail(self, fault: Fault, times: int = 1000, *, blind: bool = False) -> None:
        self.fault, self.times, self.blind = fault, times, blind

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, OSError):
            pass  # either side has hung up
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One question and its answer; False where the line is to break."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        question = head + await reader.readexactly(int(length[1]) if length else 0)
        path = head.split(b" ", 2)[1]
        if self.blind and path.startswith(b"/v1/requests/") and head.startswith(b"GET"):
            return False
        fault: Fault = ""
        if path.endswith((b"/approve", b"/deny")):
            key = _KEY.search(head)
            self.keys.append(key[1].decode() if key else "")
            if self.times > 0:
                self.times, fault = self.times - 1, self.fault
        return await self._faulty(fault, question, writer)

    async def _faulty(self, fault: Fault, question: bytes, writer: asyncio.StreamWriter) -> bool:
        if fault in ("lost", "refused"):
            writer.write(_BUSY if fault == "refused" else b"")
            return fault == "refused"
        pass_on: Callable[[bytes], None] = writer.write if fault in ("", "slow") else lambda _: None
        if fault == "slow":
            await asyncio.sleep(1.2)
        await self._forward(question, pass_on, writer)
        writer.write(_BUSY if fault == "refused afterwards" else b"")
        return fault == "refused afterwards"

    async def _forward(
        self, question: bytes, pass_on: Callable[[bytes], None], writer: asyncio.StreamWriter
    ) -> None:
        """Ask the gateway, which is told to hang up after its answer."""
        from_gateway, to_gateway = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            to_gateway.write(question.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            while piece := await from_gateway.read(1 << 16):
                pass_on(piece)
                await writer.drain()
        finally:
            to_gateway.close()
