"""SSH by hand, for tests that break its rules: packets in the clear, and a signed-in client without manners."""

import asyncio
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh
from asyncssh.connection import SSHClientConnection
from asyncssh.packet import NameList

from tests.ssh.client import PATIENCE
from tests.ssh.house import House
from tests.ssh.test_proof import arguments

VERSION = b"SSH-2.0-OpenSSH_9.9\r\n"

KEX = [b"curve25519-sha256", b"ext-info-c"]
STRICT = b"kex-strict-c-v00@openssh.com"


def resident() -> int:
    """Bytes of memory that this process, and so the gateway in it, has."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def kexinit(*, strict: bool = True, kex: list[bytes] | None = None, follows: bool = False) -> bytes:
    """A client's proposal that the gateway can agree to."""
    gcm, mac, none = [b"aes128-gcm@openssh.com"], [b"hmac-sha2-256"], [b"none"]
    lists = [(kex or KEX) + ([STRICT] if strict else []), [b"ssh-ed25519"], gcm, gcm, mac, mac, none, none]
    encoded = b"".join(map(NameList, [*lists, [], []]))
    return b"\x14" + os.urandom(16) + encoded + bytes([follows]) + bytes(4)


def packet(payload: bytes) -> bytes:
    """As it goes over the wire before there are keys."""
    padding = 8 - (5 + len(payload)) % 8
    padding += 8 if padding < 4 else 0
    return struct.pack(">IB", 1 + len(payload) + padding, padding) + payload + bytes(padding)


async def converse(port: int, pieces: list[bytes], version: bytes = VERSION) -> bytes:
    """Say all that in the clear, and return what was heard until the gateway closed the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(PATIENCE):
            writer.write(version)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()
        try:
            await writer.wait_closed()
        except ConnectionError:
            pass


async def is_well(house: House) -> bool:
    """Somebody can sign in, ask, and be answered: there is no such target."""
    async with asyncssh.connect(**arguments(house, username="nothing-here")) as connection:
        result = await connection.run("true")
    return result.exit_status == 126


class Tally:
    """Stands where a target would be, and counts who comes."""

    def __init__(self) -> None:
        self.visits = 0
        self.port = 0

    async def visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        writer.close()


@asynccontextmanager
async def untouched_target(house: House) -> AsyncIterator[Tally]:
    """web-1 is there, and nobody may have come to it by the end."""
    tally = Tally()
    server = await asyncio.start_server(tally.visit, "127.0.0.1", 0)
    tally.port = server.sockets[0].getsockname()[1]
    key = asyncssh.generate_private_key("ssh-ed25519")
    pinned = " ".join(key.export_public_key().decode().split()[:2])
    house.offer("web-1", tally.port, "x", key, host_keys=[pinned])
    try:
        yield tally
        assert tally.visits == 0
    finally:
        server.close()
        await server.wait_closed()


async def hung_up_on(connection: SSHClientConnection) -> None:
    """Return when the gateway has closed it."""
    async with asyncio.timeout(PATIENCE):
        await connection.wait_closed()
