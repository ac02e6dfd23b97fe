"""psql in the cage, on a real server: what it is asked, what it says, and what it left behind."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gateway.adapters.postgres.cage.caged import Order, run_caged
from gateway.adapters.postgres.cage.program import Program, find_psql
from gateway.adapters.postgres.cage.psql import arguments, environment
from gateway.adapters.ssh.asked import Terminal
from gateway.adapters.ssh.running import Running
from tests.postgres.servers import DatabaseServer

SECONDS = 15.0
SCREEN = Terminal("xterm", 200, 50)


@dataclass(frozen=True)
class Ended:
    """What a run of psql came to."""

    text: str
    status: int | None
    signal: tuple[str, bool, str] | None = None


@dataclass
class Inside:
    """Runs psql as somebody does who has come through the gateway; what would be the gateway only carries bytes."""

    server: DatabaseServer
    database: str
    connections: int = 0
    program: Program = field(default_factory=lambda: _psql())
    _carrying: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, command: str) -> Ended:
        """`ssh appdb@gateway COMMAND`, without a terminal."""
        async with self.started(command) as caged:
            caged.end_input()
            return await self.ended(caged)

    async def typed(self, *lines: str) -> Ended:
        """Type these at a terminal, each when the one before is done, and leave."""
        async with self.started(terminal=SCREEN) as caged:
            shown = await self.until(caged, "=> ")
            for line in lines:
                caged.send(f"{line}\r".encode())
                if "\\watch" in line:
                    shown += await self.until(caged, "(1 row)")
                    caged.send(b"\x03")
                shown += await self.until(caged, "> ", "-# ")
            caged.send(b"\x03")
            shown += await self.until(caged, "=> ", "> ")
            caged.send(b"\\q\r")
            ended = await self.ended(caged)
            return Ended(shown + ended.text, ended.status, ended.signal)

    async def until(self, caged: Running, *prompts: str) -> str:
        """What it writes until one of these comes last."""
        text = ""
        try:
            async with asyncio.timeout(SECONDS):
                while not text.endswith(prompts) and not (prompts == ("(1 row)",) and prompts[0] in text):
                    piece = await caged.inbox.take()
                    assert piece is not None, f"psql has ended: {text!r}"
                    text += piece[1].decode(errors="replace")
        except TimeoutError:
            raise AssertionError(f"psql is busy: {text!r}") from None
        return text

    async def piped(self, *lines: str) -> Ended:
        """Pipe these in."""
        async with self.started() as caged:
            caged.send("".join(f"{line}\n" for line in lines).encode())
            caged.end_input()
            return await self.ended(caged)

    @asynccontextmanager
    async def started(
        self, command: str = "", terminal: Terminal | None = None, more: Sequence[str] = ()
    ) -> AsyncIterator[Running]:
        order = Order(
            self.program,
            [*arguments(command), *more],
            environment("by_trust", self.database, terminal.term if terminal else ""),
        )
        try:
            async with run_caged(order, terminal, self._came) as caged:
                yield caged
        finally:
            for task in self._carrying:
                task.cancel()
            await asyncio.gather(*self._carrying, return_exceptions=True)
            self._carrying.clear()

    async def ended(self, caged: Running) -> Ended:
        pieces: list[bytes] = []
        try:
            async with asyncio.timeout(SECONDS):
                while (piece := await caged.inbox.take()) is not None:
                    pieces.append(piece[1])
                await caged.closed.wait()
        except TimeoutError:
            raise AssertionError(f"psql does not end: {b''.join(pieces)!r}") from None
        return Ended(b"".join(pieces).decode(errors="replace"), caged.status, caged.signal)

    def _came(self, ours: socket.socket) -> None:
        self.connections += 1
        self._carrying.add(asyncio.create_task(self._carry(ours)))

    async def _carry(self, ours: socket.socket) -> None:
        path = f"{self.server.socket_directory}/.s.PGSQL.{self.server.port}"
        near_in, near_out = await asyncio.open_connection(sock=ours)
        far_in, far_out = await asyncio.open_unix_connection(path)
        try:
            await asyncio.gather(_pump(near_in, far_out), _pump(far_in, near_out))
        finally:
            near_out.close()
            far_out.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(1 << 16):
            sink.write(data)
            await sink.drain()
    sink.close()


def _psql() -> Program:
    found = find_psql()
    assert found is not None
    return found
