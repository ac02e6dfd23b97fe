"""One way to one server: where it is, and how what goes there is encrypted. Sessions and cancel requests take it."""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from typing import Any

from gateway.adapters.postgres.end import SocketEnd
from gateway.adapters.postgres.upstream.refusal import Missed
from gateway.adapters.postgres.upstream.route import Place, is_near
from gateway.adapters.postgres.upstream.tls import encrypt


@dataclass(frozen=True, slots=True)
class Address:
    """Where exactly: a name stands for several."""

    family: int
    where: Any
    """As the system has it."""

    @property
    def is_socket(self) -> bool:
        """A Unix socket, where nothing is ever encrypted."""
        return self.family == socket.AF_UNIX

    @property
    def is_near(self) -> bool:
        """What goes there stays on this machine."""
        return self.is_socket or is_near(str(self.where[0]))

    def __str__(self) -> str:
        return str(self.where) if self.is_socket else str(Place(self.where[0], self.where[1]))


async def addresses(place: Place) -> list[Address]:
    """Raises `Missed`."""
    if place.socket:
        return [Address(socket.AF_UNIX, place.socket)]
    try:
        found = await asyncio.get_running_loop().getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Missed("its address is not known") from None
    return [Address(family, where) for family, _, _, _, where in found]


@dataclass(frozen=True, slots=True)
class Lane:
    """How to get there."""

    address: Address
    context: ssl.SSLContext | None = None
    """None: what goes there is not encrypted."""
    name: str = ""
    """What the certificate must say, where that is looked at."""
    or_plain: bool = False
    """A server that has no TLS will do."""

    async def open(self) -> SocketEnd:
        """Raises `Missed` and `Malformed`."""
        try:
            end = await self._connect()
        except OSError as problem:
            raise Missed(_no_way(problem)) from None
        try:
            if self.context is None or await encrypt(end, self.context, self.name) or self.or_plain:
                return end
            raise Missed("it has no TLS, and the gateway does not go there without")
        except BaseException:
            end.abort()
            raise

    async def _connect(self) -> SocketEnd:
        loop = asyncio.get_running_loop()
        wire = socket.socket(self.address.family, socket.SOCK_STREAM)
        try:
            wire.setblocking(False)
            if not self.address.is_socket:
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                # Else what is sent behind something small waits until the server has acknowledged that: 40 ms.
                wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(wire, self.address.where)
            if self.address.is_socket:
                _, end = await loop.create_unix_connection(SocketEnd, sock=wire)
            else:
                _, end = await loop.create_connection(SocketEnd, sock=wire)
        except BaseException:
            wire.close()
            raise
        return end


def _no_way(problem: OSError) -> str:
    if isinstance(problem, ConnectionRefusedError | FileNotFoundError):
        return "it refused the connection"
    return "there is no way to it"
