"""Many people at once: sessions that sit idle, a reader that stops, people who come and go.

One process plays them all, with asyncssh: what is measured is the gateway's memory, descriptors and threads.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import asyncssh

from bench.stand.ground import Ground, note
from bench.stand.process import descriptors, memory_kb, settle, threads

ABREAST = 10
GIGABYTE_WINDOW = 1 << 30
STALL_SECONDS = 3.0


class Onlooker(asyncssh.SSHClientSession[bytes]):
    """Reads what comes and says nothing."""

    def __init__(self) -> None:
        self.seen = 0
        self.spoken = asyncio.Event()
        self.over = asyncio.Event()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self.seen += len(data)
        self.spoken.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.spoken.set()
        self.over.set()


@asynccontextmanager
async def idlers(ground: Ground, count: int) -> AsyncIterator[None]:
    """So many people, each in a shell on a terminal of their own connection, doing nothing."""
    async with AsyncExitStack() as stack:
        for start in range(0, count, ABREAST):
            together = min(ABREAST, count - start)
            connections = await asyncio.gather(*(_sit_down(ground) for _ in range(together)))
            for connection in connections:
                stack.push_async_callback(connection.wait_closed)
                stack.callback(connection.abort)
        yield


async def _sit_down(ground: Ground) -> asyncssh.SSHClientConnection:
    connection = await asyncssh.connect(**ground.arguments())
    onlooker = Onlooker()
    await connection.create_session(
        lambda: onlooker, term_type="xterm-256color", term_size=(120, 40), encoding=None
    )
    await onlooker.spoken.wait()
    return connection


async def idle_session_kb(ground: Ground, count: int) -> float:
    """What one idle session costs a fresh gateway. A few come first, to load what only sessions need."""
    note(f"{count} idle sessions")
    async with idlers(ground, min(count, ABREAST)):
        pass
    before = await at_rest(ground)
    async with idlers(ground, count):
        during = await at_rest(ground)
    return (during - before) / count


async def at_rest(ground: Ground) -> int:
    """The gateway's memory once it has nothing to do."""
    await asyncio.to_thread(settle, ground.gateway_pid)
    return memory_kb(ground.gateway_pid)


async def stalled_client_mb(ground: Ground) -> float:
    """What a client costs a fresh gateway that offers a window of a gigabyte, has it filled, and stops reading."""
    note("a client that stops reading")
    async with idlers(ground, 1):
        pass
    before = await at_rest(ground)
    most = before
    async with asyncssh.connect(**ground.arguments()) as connection:
        onlooker = Onlooker()
        await connection.create_session(
            lambda: onlooker, "cat /dev/zero", encoding=None, window=GIGABYTE_WINDOW
        )
        await onlooker.spoken.wait()
        transport = connection._transport
        assert transport is not None
        transport.pause_reading()
        until = time.monotonic() + STALL_SECONDS
        while time.monotonic() < until:
            await asyncio.sleep(0.05)
            most = max(most, memory_kb(ground.gateway_pid))
        connection.abort()
    return (most - before) / 1024


@dataclass(frozen=True, slots=True)
class Growth:
    """What was there more after many people had come and gone than after a few."""

    cycles: int
    memory_kb: int
    descriptors: int
    threads: int


async def growth(ground: Ground, cycles: int, warm_up: int = 100) -> Growth:
    """Connect, run a command, leave; so many times."""
    note(f"{cycles} people come and go")
    before = None
    for total in (warm_up, cycles):
        for _ in range(0, total, ABREAST):
            await asyncio.gather(*(_visit(ground) for _ in range(ABREAST)))
        pid = ground.gateway_pid
        now = Growth(total, await at_rest(ground), descriptors(pid), threads(pid))
        before = before or now
    assert before is not None
    return Growth(
        cycles,
        now.memory_kb - before.memory_kb,
        now.descriptors - before.descriptors,
        now.threads - before.threads,
    )


async def _visit(ground: Ground) -> None:
    async with asyncssh.connect(**ground.arguments()) as connection:
        done = await connection.run("true")
        if done.exit_status != 0:
            raise SystemExit(f"a visit ended with {done.exit_status}: {done.stderr!s}")
