"""However little or much room either end gives: every byte arrives, once, in order, in both directions."""

import asyncio
import os
from hashlib import sha256

import asyncssh
import pytest

from gateway.adapters.ssh.hot_path import PACKET_LEAST
from tests.ssh.client import PATIENCE
from tests.ssh.fake_target import FakeTarget
from tests.ssh.house import House
from tests.ssh.test_proof import arguments

PIECE = 1 << 16


async def echo(process: asyncssh.SSHServerProcess[bytes]) -> None:
    """All of the input, and its digest on the other stream."""
    seen = sha256()
    while data := await process.stdin.read(PIECE):
        seen.update(data)
        process.stdout.write(data)
        await process.stdout.drain()
    process.stderr.write(seen.hexdigest().encode())
    process.exit(0)


async def both_ways(house: House, data: bytes, *, window: int, packet: int = 32768) -> None:
    """Through the gateway to a target and back, with so much room at both far ends."""
    target = FakeTarget(echo)
    await target.start(house, window=window, max_pktsize=packet)
    async with asyncssh.connect(**arguments(house)) as client, asyncio.timeout(4 * PATIENCE):
        process = await client.create_process("x", encoding=None, window=window, max_pktsize=packet)

        async def send() -> None:
            for start in range(0, len(data), PIECE):
                process.stdin.write(data[start : start + PIECE])
                await process.stdin.drain()
            process.stdin.write_eof()

        _, out, err = await asyncio.gather(send(), process.stdout.read(), process.stderr.read())
        await process.wait_closed()
    await target.stop()
    digest = sha256(data).hexdigest()
    assert (sha256(out).hexdigest(), err.decode()) == (digest, digest)
    assert process.exit_status == 0
    assert sha256(house.recording().output).hexdigest() == digest


@pytest.mark.parametrize(
    ("window", "size"),
    [
        *((1, 500), (7, 5_000), (1_000, 300_000), (32_767, 3_000_000), (32_768, 3_000_000)),
        *(
            (1 << 21, 12_000_000),
            ((1 << 31) - 1, 12_000_000),
            (1 << 31, 12_000_000),
            ((1 << 32) - 1, 12_000_000),
        ),
    ],
)
async def test_windows_of_every_size(house: House, window: int, size: int) -> None:
    await both_ways(house, os.urandom(size), window=window)


@pytest.mark.parametrize("packet", [PACKET_LEAST, 1 << 20])
async def test_packets_of_every_size(house: House, packet: int) -> None:
    await both_ways(house, os.urandom(3_000_000), window=1 << 21, packet=packet)


@pytest.mark.slow
@pytest.mark.parametrize("window", [32_768, 1 << 21, 1 << 31])
async def test_a_hundred_megabytes(house: House, window: int) -> None:
    await both_ways(house, os.urandom(100_000_000), window=window)
