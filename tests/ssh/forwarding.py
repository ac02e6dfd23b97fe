"""What tests of forwards need: servers behind the target, connections to a client's end, what the ledger says."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.ssh.client import PATIENCE, StockSsh, told_to_leave
from tests.ssh.house import House

Server = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send everything back, and end when the other side has."""
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


@asynccontextmanager
async def serving(server: Server, path: Path | None = None) -> AsyncIterator[int]:
    """A server on a free port of this machine (or at a path) which is also the target."""
    tasks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await server(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    if path is None:
        listener = await asyncio.start_server(talk, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
    else:
        listener = await asyncio.start_unix_server(talk, path)
        port = 0
    try:
        yield port
    finally:
        listener.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.wait_for(listener.wait_closed(), PATIENCE)


@asynccontextmanager
async def running(ssh: StockSsh, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A client that is ended with the block."""
    process = await ssh.start(*arguments)
    try:
        yield process
    finally:
        await told_to_leave(process)


async def connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """To a port of this machine that a client is about to open."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)


async def connect_unix(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """To a socket that a client is about to make."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await asyncio.open_unix_connection(path)
            except OSError:
                await asyncio.sleep(0.02)


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes, *, end: bool = True
) -> bytes:
    """Send all of it, while taking what comes back until the other side ends."""

    async def send() -> None:
        for start in range(0, len(data), 1 << 16):
            writer.write(data[start : start + (1 << 16)])
            await writer.drain()
        if end:
            writer.write_eof()

    try:
        async with asyncio.timeout(PATIENCE * 2):
            _, answer = await asyncio.gather(send(), reader.read())
    finally:
        await shut(writer)
    return answer


async def shut(writer: asyncio.StreamWriter) -> None:
    """Close a connection, however its other side feels about that."""
    writer.close()
    try:
        await writer.wait_closed()
    except ConnectionError:
        pass


async def through(port: int, data: bytes) -> bytes:
    """What comes back when this is sent to a port of this machine."""
    return await exchange(*await connect(port), data)


async def turned_away(port: int) -> bool:
    """Whoever connects to this port of this machine gets nothing but the end of the connection."""
    reader, writer = await connect(port)
    try:
        async with asyncio.timeout(PATIENCE):
            return await reader.read() == b""
    except ConnectionError:
        return True
    finally:
        await shut(writer)


def noise(size: int) -> bytes:
    return os.urandom(size)


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


async def until(found: Callable[[], Awaitable[Any]]) -> Any:
    """Whatever this returns once it is something."""
    async with asyncio.timeout(PATIENCE):
        while not (what := await found()):
            await asyncio.sleep(0.02)
        return what


async def ended_forwards(house: House, count: int = 1) -> list[dict[str, Any]]:
    """The ledger's entries on forwarded connections that are over, once there are so many."""

    async def enough() -> list[dict[str, Any]]:
        found = [dict(entry.body) for entry in await house.entries("forward.ended")]
        return found if len(found) >= count else []

    found: list[dict[str, Any]] = await until(enough)
    return found


async def sessions_over(house: House, count: int = 1) -> list[str]:
    """How the sessions ended, once so many have."""

    async def enough() -> list[str]:
        outcomes = await house.outcomes()
        return outcomes if len(outcomes) >= count and not house.gates() else []

    outcomes: list[str] = await until(enough)
    return outcomes
