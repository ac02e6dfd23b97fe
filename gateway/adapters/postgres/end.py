"""One side of a conversation: bytes in and out, with back-pressure both ways. It knows no message.

During a handshake whoever speaks reads step by step; afterwards `take_over` hands every byte over at once, without a
task in between, because a statement's way through the gateway is counted in microseconds.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Protocol

from gateway.adapters.postgres.encryption import Encryption
from gateway.core.errors import Malformed
from gateway.core.people import Peer

READ_AT_ONCE = 256 << 10
UNREAD_MOST = 64 << 10
"""What may wait while a handshake is busy. Nobody who is honest sends more before it is answered."""
WRITE_MOST = 512 << 10
"""Above this the other side is not read from."""


class End(Protocol):
    """A socket, or a channel of an SSH connection."""

    peer: Peer
    secured: bool
    """Nobody on the way can read it or change it."""
    closed: asyncio.Event

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The encryption that this end has itself, for what certificates say."""
        ...

    @property
    def full(self) -> bool:
        """More is waiting to be sent than should be: nothing further should be written now."""
        ...

    async def read(self) -> bytes:
        """What came next; empty once nothing more will."""
        ...

    def unread(self, data: bytes) -> None:
        """Give back what was read too far."""
        ...

    def take_over(self, receive: Callable[[bytes], None]) -> None:
        """From now on all that comes goes there, what is unread at once. Empty: nothing more will come."""
        ...

    def write(self, data: bytes) -> None: ...

    def when_room(self, call: Callable[[], None]) -> None:
        """Call this each time that it is not `full` any more."""
        ...

    async def drain(self) -> None:
        """Return when it is not `full`, or closed."""
        ...

    def pause(self) -> None:
        """Read nothing more, until `resume`."""
        ...

    def resume(self) -> None: ...

    async def start_tls(self, context: ssl.SSLContext, *, server_side: bool, name: str = "") -> None:
        """Encrypt from here on. Raises `Malformed` where bytes are unread, `ssl.SSLError` or `OSError`."""
        ...

    def close(self) -> None:
        """Close once everything written has gone out."""
        ...

    def abort(self) -> None: ...


class SocketEnd(asyncio.Protocol):
    """The End of a TCP or Unix connection. Give it to `create_server` or `create_connection`."""

    def __init__(self, peer: Peer | None = None, came: Callable[["SocketEnd"], None] | None = None) -> None:
        """`peer` where the caller knows better than the socket; `came` is called with it once connected."""
        self.peer = peer or Peer("")
        self.secured = False
        self.closed = asyncio.Event()
        self._came = came
        self._known_peer = peer is not None
        self._transport: asyncio.Transport | None = None
        self._unread: list[bytes] = []
        self._waiting = 0
        self._more = asyncio.Event()
        self._ended = False
        self._receive: Callable[[bytes], None] | None = None
        self._room: Callable[[], None] | None = None
        self.full = False
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._encryption: Encryption | None = None
        self._shaken: asyncio.Future[None] | None = None
        """While both sides agree on an encryption."""

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=WRITE_MOST)
        if hasattr(transport, "max_size"):
            transport.max_size = READ_AT_ONCE
        if not self._known_peer:
            self.peer = _peer_of(transport)
        if self._came is not None:
            self._came(self)

    def data_received(self, data: bytes) -> None:
        if self._encryption is not None:
            data = self._decrypted(self._encryption, data)
            if not data:
                return
        if self._receive is not None:
            self._receive(data)
            return
        self._unread.append(data)
        self._waiting += len(data)
        self._more.set()
        if self._waiting > UNREAD_MOST and self._transport is not None:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        self._end()
        return self._transport is not None and self._encryption is None

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()
        self.full = False
        self._has_room.set()
        self._end()

    def pause_writing(self) -> None:
        self.full = True
        self._has_room.clear()

    def resume_writing(self) -> None:
        self.full = False
        self._has_room.set()
        if self._room is not None:
            self._room()

    # What a conversation calls.

    @property
    def tls(self) -> ssl.SSLObject | None:
        return None if self._encryption is None else self._encryption.about

    async def read(self) -> bytes:
        while not self._unread and not self._ended:
            self._more.clear()
            await self._more.wait()
        data = b"".join(self._unread)
        self._unread.clear()
        if self._waiting > UNREAD_MOST:
            self.resume()
        self._waiting = 0
        return data

    def unread(self, data: bytes) -> None:
        """Give back what was read too far."""
        if data:
            self._unread.insert(0, data)
            self._waiting += len(data)
            self._more.set()

    def take_over(self, receive: Callable[[bytes], None]) -> None:
        self._receive = receive
        waiting = b"".join(self._unread)
        self._unread.clear()
        if self._waiting > UNREAD_MOST:
            self.resume()
        self._waiting = 0
        if waiting:
            receive(waiting)
        if self._ended:
            receive(b"")

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self.closed.is_set():
            if self._encryption is not None:
                data = self._encrypted(self._encryption, data)
            self._transport.write(data)

    def when_room(self, call: Callable[[], None]) -> None:
        self._room = call

    async def drain(self) -> None:
        await self._has_room.wait()

    def pause(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    async def start_tls(self, context: ssl.SSLContext, *, server_side: bool, name: str = "") -> None:
        if self._unread:
            raise Malformed("bytes came in the clear before the encryption began")
        await self._encrypt(Encryption(context, server_side=server_side, name=name))

    async def go_on_with_tls(self, context: ssl.SSLContext, begun: bytes) -> None:
        """As a server, encrypt from here on where the client has begun already: `begun` is what was read of it."""
        begun += b"".join(self._unread)
        self._unread.clear()
        self._waiting = 0
        await self._encrypt(Encryption(context, server_side=True, name=""), begun)

    async def _encrypt(self, encryption: Encryption, begun: bytes = b"") -> None:
        if self._transport is None or self._ended or self.closed.is_set():
            raise ConnectionResetError("the connection is gone")
        self._encryption = encryption
        shaken = self._shaken = asyncio.get_running_loop().create_future()
        self._shake_hands(encryption, shaken, begun)
        try:
            await shaken
        except BaseException:
            self.abort()
            raise
        self.secured = True

    def _shake_hands(self, encryption: Encryption, shaken: asyncio.Future[None], data: bytes) -> bool:
        """True once that is done."""
        try:
            done = encryption.shake_hands(data)
        except ssl.SSLError as problem:
            done = False
            if not shaken.done():
                shaken.set_exception(problem)
        self._send(encryption.due)
        if done and not shaken.done():
            self._shaken = None
            shaken.set_result(None)
        return done

    def _decrypted(self, encryption: Encryption, data: bytes) -> bytes:
        if self._shaken is not None:
            if not self._shake_hands(encryption, self._shaken, data):
                return b""
            data = b""  # what came behind it is there already
        try:
            data = encryption.decrypt(data)
        except ssl.SSLError:  # somebody on the way, or no TLS at all: nothing of it can be believed
            self._send(encryption.due)
            self.abort()
            return b""
        if due := encryption.due:
            self._send(due)
        if encryption.ended:
            asyncio.get_running_loop().call_soon(self._end)  # behind what came with it
        return data

    def _encrypted(self, encryption: Encryption, data: bytes) -> bytes:
        if self._transport is None or self._transport.is_closing():
            return b""
        try:
            return encryption.encrypt(data)
        except ssl.SSLError:
            self.abort()
            return b""

    def _send(self, data: bytes) -> None:
        if data and self._transport is not None and not self.closed.is_set():
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._encryption is not None:
            self._send(self._encryption.goodbye())
        self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._more.set()
        if self._shaken is not None and not self._shaken.done():
            self._shaken.set_exception(ConnectionResetError("the connection is gone"))
        if self._receive is not None:
            self._receive(b"")


def _peer_of(transport: asyncio.Transport) -> Peer:
    name = transport.get_extra_info("peername")
    if isinstance(name, tuple):
        return Peer(str(name[0]), int(name[1]))
    return Peer("local")
