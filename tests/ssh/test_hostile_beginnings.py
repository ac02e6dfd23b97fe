"""What stands where a target should be and never gets as far as a sign-in: one sentence, and no escapes in it."""

import asyncio
import logging
import struct
from typing import Any

import asyncssh
import pytest

from tests.ssh.client import PATIENCE
from tests.ssh.house import House
from tests.ssh.raw import is_well
from tests.ssh.test_proof import arguments

PIECE = struct.pack(">I", 0xFFFF_FFFF)


async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.9\r\n" + bytes(3))
    await reader.read()  # to the end: it is the gateway that leaves
    writer.close()


async def huge(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.9\r\n" + PIECE * 1000)
    writer.close()


async def escapes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x1b]0;owned\x07welcome\r\n" * 20 + b"SSH-2.0-\x1b[31mevil\r\n" + PIECE * 10)
    writer.close()


async def one_long_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        for _ in range(100):
            writer.write(b"x" * 100_000)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


@pytest.mark.parametrize("serve", [half, huge, escapes, one_long_line])
async def test_beginnings(house: House, serve: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    key = asyncssh.generate_private_key("ssh-ed25519")
    pinned = " ".join(key.export_public_key().decode().split()[:2])
    house.offer("web-1", server.sockets[0].getsockname()[1], "x", key, host_keys=[pinned])
    async with asyncssh.connect(**arguments(house)) as connection, asyncio.timeout(PATIENCE):
        running = asyncio.create_task(connection.run("x", encoding=None))
        if serve is half:
            # It would wait out the login grace; the person leaves before.
            while not house.gates():
                await asyncio.sleep(0.02)
            connection.close()
            running.cancel()
        else:
            ran = await running
            assert ran.exit_status == 255
            assert isinstance(ran.stderr, bytes)
            assert ran.stderr.startswith(b"hoop: web-1 can not be reached - ")
            assert b"\x1b" not in ran.stderr
    async with asyncio.timeout(PATIENCE):
        while house.gates():
            await asyncio.sleep(0.02)
    server.close()
    await server.wait_closed()
    assert "\x1b" not in caplog.text
    assert await is_well(house)
