"""Forty people in consoles at once, over ssh: what each takes of memory, and how long a key waits to be painted.

Every one looks at a recording, and presses a key every few seconds. Usage: scripts/bench consoles
"""

import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncssh

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.stand.crowd import Onlooker
from bench.stand.process import memory_kb
from tests.e2e.consoles import Town
from tests.ssh.sshd import Sshd

PEOPLE = 40
ABREAST = 4
KEYS = 8
PATIENCE = 60.0
_CONFIG = f"[console]\nmax_sessions = {PEOPLE}\nmax_per_person = {PEOPLE}\n"


class Seat(Onlooker):
    """One person's terminal."""

    def __init__(self) -> None:
        super().__init__()
        self._wanted, self._recent = b"", b""
        self._found = asyncio.Event()
        self.channel: asyncssh.SSHClientChannel[bytes] | None = None

    def connection_made(self, chan: "asyncssh.SSHClientChannel[bytes]") -> None:
        self.channel = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        super().data_received(data, datatype)
        self._recent = (self._recent + data)[-1_000_000:] if self._wanted else b""
        if self._wanted and self._wanted in self._recent:
            self._found.set()

    async def key(self, keys: bytes, wanted: bytes) -> float:
        """Seconds from a key until what it asks for is painted."""
        self._wanted, self._recent = wanted, b""
        self._found.clear()
        begun = time.perf_counter()
        if keys:
            assert self.channel is not None
            self.channel.write(keys)
        async with asyncio.timeout(PATIENCE):
            await self._found.wait()
        self._wanted = b""
        return time.perf_counter() - begun


async def measure(people: int = PEOPLE, keys: int = KEYS) -> dict[str, float]:
    """`console_mb` is what each takes, with what draws recordings for it; `console_key_ms_p50` is over all keys."""
    async with _town() as town, AsyncExitStack() as stack:
        first: list[float] = []
        seats: list[Seat] = []
        for start in range(0, people, ABREAST):
            opened = await asyncio.gather(
                *(_sit_down(town, stack) for _ in range(min(ABREAST, people - start)))
            )
            seats += [seat for seat, _ in opened]
            first += [seconds for _, seconds in opened]
        await asyncio.gather(*(_look_at_a_recording(seat) for seat in seats))
        waits = await asyncio.gather(*(_type(seat, keys) for seat in seats))
        memory = [memory_kb(pid) / 1024 for pid in town.consoles()]
        assert len(memory) == people, f"{len(memory)} of {people} consoles are left: {town.served.log[-3:]}"
    took = [each * 1000 for several in waits for each in several]
    return {
        "console_mb": round(statistics.mean(memory), 1),
        "console_key_ms_p50": round(statistics.median(took), 1),
        "console_key_ms_p95": round(statistics.quantiles(took, n=20)[-1], 1),
        "console_open_ms_p50": round(statistics.median(first) * 1000, 1),
    }


@asynccontextmanager
async def _town() -> AsyncIterator[Town]:
    with tempfile.TemporaryDirectory(prefix="hoop-bench-") as name:
        sshd = Sshd(Path(name) / "sshd")
        await sshd.start()
        town = await Town.build(Path(name), sshd, _CONFIG)
        try:
            await town.served.start()
            await town.run("alice", "web-1@127.0.0.1", "echo the last of it")
            yield town
        finally:
            await town.close()
            await sshd.stop()


async def _sit_down(town: Town, stack: AsyncExitStack) -> tuple[Seat, float]:
    seat, begun = Seat(), time.perf_counter()
    connection = await asyncssh.connect(
        "127.0.0.1",
        town.served.ports["ssh"],
        username="console",
        client_keys=[str(town.served.directory / "bob_key")],
        known_hosts=None,
        config=None,
    )
    stack.push_async_callback(connection.wait_closed)
    stack.callback(connection.abort)
    await connection.create_session(
        lambda: seat, term_type="xterm-256color", term_size=(120, 40), encoding=None
    )
    await seat.key(b"", b"console:console")
    return seat, time.perf_counter() - begun


async def _look_at_a_recording(seat: Seat) -> None:
    """The last in the list is the command."""
    await seat.key(b"G", b"the last of it")


async def _type(seat: Seat, keys: int) -> list[float]:
    """Letters into a box, as for a filter or a reason."""
    waits: list[float] = []
    await seat.key(b"/", b"target:web-1 state")
    typed = b""
    for letter in random.sample(b"abcdefghijklmnop", keys):
        await asyncio.sleep(random.uniform(1, 4))  # people do not type in step
        typed += bytes([letter])
        waits.append(await seat.key(bytes([letter]), b"m" + typed if len(typed) == 1 else typed))
    return waits


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure())))
