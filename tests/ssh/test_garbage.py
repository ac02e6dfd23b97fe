"""Whatever is thrown at the port: closed in time, in silence, at no cost to anybody else."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from gateway.core.errors import Misconfigured
from tests.ssh.house import House
from tests.ssh.test_proof import arguments

GRACE = 1.0
PATIENCE = 10.0


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[House]:
    """A door with a short patience and little room."""
    house = await House.open(
        tmp_path / "strict", login_grace=GRACE, max_connections_per_address=3, max_unauthenticated=5
    )
    yield house
    await house.close()


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def throw(port: int, pieces: list[bytes], pause: float = 0.0) -> bytes:
    """Send it all, and return what came back until the door closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(PATIENCE):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()
        try:
            await writer.wait_closed()
        except ConnectionError:
            pass


VERSION = b"SSH-2.0-OpenSSH_9.2\r\n"

GARBAGE = {
    "nothing": [b""],
    "http": [b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n"],
    "proxy": [b"PROXY TCP4 10.0.0.1 10.0.0.2 4711 22\r\n" + VERSION],
    "random": [os.urandom(100_000)],
    "proxy, in bytes": [
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes([10, 0, 0, 1, 10, 0, 0, 2, 18, 103, 0, 22]) + VERSION
    ],
    "lines": [b"hello\r\n"] * 1000,
    "a hundred thousand lines": [b"hello\r\n" * 100_000],
    "one long line": [b"x" * 10_000_000],
    "a long version": [b"SSH-2.0-" + b"x" * 5000 + b"\r\n"],
    "version one": [b"SSH-1.5-old\r\n"],
    "not ascii": [b"SSH-2.0-\xff\xfe\r\n"],
    "length 2^31": [VERSION, b"\x80\0\0\0" + b"\0" * 64],
    "length 0": [VERSION, b"\0\0\0\0" + b"\0" * 64],
    "length 1": [VERSION, b"\0\0\0\1" + b"\0" * 64],
    "odd length": [VERSION, b"\0\0\0\x0d\x04" + b"\0" * 64],
    "endless packet": [VERSION, b"\0\3\xff\xff" + b"\0" * 300_000],
    "half a version": [b"SSH-2.0-Open"],
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_garbage(strict: House, name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    started = asyncio.get_running_loop().time()
    answer = await throw(strict.port, GARBAGE[name])
    assert asyncio.get_running_loop().time() - started < GRACE + 4
    assert answer == b"" or answer.startswith(b"SSH-2.0-OpenSSH_hoop\r\n")
    assert "Traceback" not in caplog.text
    assert not [record for record in caplog.records if record.exc_info]
    assert await strict.entries() == []
    async with asyncssh.connect(**arguments(strict)):
        pass


async def test_slow_drops(strict: House) -> None:
    """A byte now and then does not keep a place at the door."""
    started = asyncio.get_running_loop().time()
    await throw(strict.port, [b"S", b"S", b"H", b"-"] * 10, pause=0.2)
    assert asyncio.get_running_loop().time() - started < PATIENCE
    assert strict.adapter is not None
    async with asyncio.timeout(PATIENCE):
        while strict.adapter._connections:
            await asyncio.sleep(0.02)


async def test_memory_stays_flat(strict: House) -> None:
    async def flood() -> None:
        for garbage in (b"\0\3\xff\xff" + b"\0" * 262_000, os.urandom(200_000), b"x" * 1_000_000):
            await throw(strict.port, [VERSION, garbage])

    await flood()
    before = resident()
    for _ in range(3):
        await flood()
    assert resident() - before < 8 << 20


async def test_places_at_the_door(strict: House, caplog: pytest.LogCaptureFixture) -> None:
    """More strangers than there is room for: closed at once. Places come back with the login grace."""
    silent = [await asyncio.open_connection("127.0.0.1", strict.port) for _ in range(3)]
    for reader, _ in silent:
        assert (await reader.readline()).startswith(b"SSH-2.0")
    assert await throw(strict.port, []) == b""
    assert "too many connections" in caplog.text
    for reader, writer in silent:
        await reader.read()
        writer.close()
        await writer.wait_closed()
    async with asyncssh.connect(**arguments(strict)), asyncssh.connect(**arguments(strict)):
        pass


async def test_a_bystander_notices_nothing(strict: House) -> None:
    async with asyncssh.connect(**arguments(strict)) as connection:
        await asyncio.gather(*(throw(strict.port, GARBAGE[name]) for name in ("http", "random")))
        await asyncio.sleep(GRACE * 1.5)
        result = await connection.run("true")
        assert result.exit_status == 126, "no such target, but still there after the login grace"


async def test_a_busy_port(house: House) -> None:
    assert house.adapter is not None
    with pytest.raises(
        Misconfigured, match=r"ssh can not listen on 127\.0\.0\.1:\d+: address already in use"
    ):
        await house.adapter.start("127.0.0.1", house.port)


async def test_stop_leaves_nothing(tmp_path: Path) -> None:
    house = await House.open(tmp_path / "gateway")
    before = {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
    async with asyncssh.connect(**arguments(house)) as connection:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        await house.close()
        await connection.wait_closed()
        await reader.read()
        writer.close()
        await writer.wait_closed()
    left = {task.get_name() for task in asyncio.all_tasks() - before if "ssh" in task.get_name()}
    assert left == set()
    with pytest.raises(OSError, match=r"Connect call failed|refused"):
        await asyncio.open_connection("127.0.0.1", house.port)
