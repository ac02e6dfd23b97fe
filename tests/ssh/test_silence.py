"""Ends that fall silent: a stopped client, a stopped target, a target that never speaks or never stops greeting."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.ssh.client import PATIENCE, StockSsh
from tests.ssh.house import House
from tests.ssh.sshd import Sshd

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A gateway that loses patience quickly."""
    house = await House.open(tmp_path / "gateway", keepalive=0.3, login_grace=1.5, connect_timeout=1.5)
    yield house
    await house.close()


async def test_a_target_that_stops_answering(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    process = await ssh.start("web-1@gw", "echo begun; sleep 60")
    assert process.stdout is not None
    await process.stdout.readline()
    for pid in sshd.children():
        os.kill(pid, signal.SIGSTOP)
    async with asyncio.timeout(PATIENCE):
        _, err = await process.communicate()
    assert process.returncode == 255
    assert b"hoop: the connection to web-1 was lost" in err


async def test_a_client_that_stops_answering(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    process = await ssh.start("web-1@gw", "echo begun; sleep 60")
    assert process.stdout is not None
    await process.stdout.readline()
    process.send_signal(signal.SIGSTOP)
    async with asyncio.timeout(PATIENCE):
        while house.gates() or sshd.children():
            await asyncio.sleep(0.02)
    process.kill()
    await process.communicate()
    assert await house.outcomes() == ["disconnected"]


async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            writer.write(b"welcome\r\n" * 1000)
            await writer.drain()
    except ConnectionError:
        writer.close()


async def web_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


@pytest.mark.parametrize(
    ("serve", "reason"),
    [
        (mute, "it did not answer in time"),
        (endless, "it does not speak SSH as the gateway does"),
        (web_server, "it does not speak SSH as the gateway does"),
    ],
)
async def test_targets_that_are_none(
    ssh: StockSsh, house: House, sshd: Sshd, serve: Serve, reason: str
) -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    house.offer("web-1", port, sshd.user, sshd.login_key, host_keys=[sshd.host_key_line])
    ran = await ssh.run("web-1@gw", "true")
    assert (ran.status, ran.said) == (255, f"hoop: web-1 can not be reached - {reason}\n")
    server.close()
    await server.wait_closed()
