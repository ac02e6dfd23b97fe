"""A console's way to the API: for each connection it makes a pair of sockets and hands one end to the gateway.

There is no address: nobody else can come this way, and it leads nowhere else.
"""

import asyncio
import socket
from collections.abc import Iterable
from typing import Any

import httpcore2
import httpx2

CONNECTIONS_MOST = 8
ADDRESS = "http://localhost"
"""For the sake of HTTP: what is at it is the gateway that serves this console."""


class Stream(httpcore2.AsyncNetworkStream):
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            async with asyncio.timeout(timeout):
                return await self._reader.read(max_bytes)
        except TimeoutError as problem:
            raise httpcore2.ReadTimeout from problem
        except OSError as problem:
            raise httpcore2.ReadError from problem

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            async with asyncio.timeout(timeout):
                self._writer.write(buffer)
                await self._writer.drain()
        except TimeoutError as problem:
            raise httpcore2.WriteTimeout from problem
        except OSError as problem:
            raise httpcore2.WriteError from problem

    async def aclose(self) -> None:
        self._writer.close()

    def get_extra_info(self, info: str) -> Any:
        """Whether it can be used again: whatever can be read of an idle connection is its end."""
        if info == "is_readable":
            return self._reader.at_eof() or self._writer.is_closing()
        return None


class Switchboard(httpcore2.AsyncNetworkBackend):
    """Hands the gateway an end of each connection, over the socket with this number."""

    def __init__(self, fd: int) -> None:
        self._gateway = socket.socket(fileno=fd)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._gateway, [b"+"], [theirs.fileno()], socket.MSG_DONTWAIT)
            except OSError as problem:
                ours.close()
                raise httpcore2.ConnectError from problem
        return Stream(*await asyncio.open_connection(sock=ours))


class Transport(httpx2.AsyncHTTPTransport):
    """HTTP over such connections."""

    def __init__(self, fd: int) -> None:
        # Ours in place of the pool that the base would make, which also reads the certificates of the machine.
        self._pool = httpcore2.AsyncConnectionPool(
            max_connections=CONNECTIONS_MOST, keepalive_expiry=4.0, network_backend=Switchboard(fd)
        )
