"""One side of a conversation that comes through a channel of a person's SSH connection: `ssh -L`, `-D` and `-W`.

It is to a conversation what a socket is: back-pressure both ways, half-closed or not. Nobody on the way reads along,
so TLS is neither needed nor offered in it. It knows no message.
"""

import asyncio
import ssl
from collections.abc import Callable

from asyncssh.channel import SSHForwardChannel

from gateway.adapters.postgres.end import UNREAD_MOST, WRITE_MOST
from gateway.adapters.ssh.connection import PacedConnection
from gateway.adapters.ssh.forward.end import HangsUp
from gateway.core.errors import Malformed
from gateway.core.people import Peer


class ChannelEnd(HangsUp):
    """The End of an SSH channel. asyncssh calls it; `came` is called with it once bytes can go both ways."""

    def __init__(self, peer: Peer, came: Callable[["ChannelEnd"], None]) -> None:
        self.peer = peer
        self.secured = True
        self.closed = asyncio.Event()
        self._came = came
        self._channel: SSHForwardChannel[bytes] | None = None
        self._connection: PacedConnection | None = None
        self._unread: list[bytes] = []
        self._waiting = 0
        self._is_bounded = True
        self._more = asyncio.Event()
        self._ended = False
        self._receive: Callable[[bytes], None] | None = None
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._room: Callable[[], None] | None = None
        self._relief: asyncio.Task[None] | None = None

    # What asyncssh and our channel call.

    def connection_made(self, chan: SSHForwardChannel[bytes]) -> None:
        connection = chan.get_connection()
        assert isinstance(connection, PacedConnection)
        self._channel, self._connection = chan, connection
        chan.set_write_buffer_limits(high=WRITE_MOST)
        self._came(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._channel is not None:
            # asyncssh drops what it has not delivered when a connection breaks; it was sent all the same.
            for data, kind in self._channel._recv_buf:
                self.data_received(data, kind)
        self.hang_up()
        self._end()

    def hang_up(self) -> None:
        self.closed.set()
        self._has_room.set()
        if self._relief is not None:
            self._relief.cancel()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if self._receive is not None:
            self._receive(data)
            return
        self._unread.append(data)
        self._waiting += len(data)
        self._more.set()
        if self._is_bounded and self._waiting > UNREAD_MOST:
            self.pause()

    def eof_received(self) -> bool:
        self._end()
        return True

    def pause_writing(self) -> None:
        self._has_room.clear()
        self._wait_for_room()

    def resume_writing(self) -> None:
        self._has_room.set()

    # What a conversation calls.

    @property
    def tls(self) -> ssl.SSLObject | None:
        return None

    @property
    def full(self) -> bool:
        return not self.closed.is_set() and not self._is_clear

    async def read(self) -> bytes:
        while not self._unread and not self._ended:
            self._more.clear()
            await self._more.wait()
        return self._take()

    def unread(self, data: bytes) -> None:
        """Give back what was read too far."""
        if data:
            self._unread.insert(0, data)
            self._waiting += len(data)
            self._more.set()

    def take_over(self, receive: Callable[[bytes], None]) -> None:
        if self._waiting > UNREAD_MOST:
            self._is_bounded = False  # what asyncssh holds back is delivered from within, and comes first
            self.resume()
        waiting, had_ended = b"".join(self._unread), self._ended
        self._unread.clear()
        self._waiting = 0
        self._receive = receive
        if waiting:
            receive(waiting)
        if had_ended:
            receive(b"")

    def write(self, data: bytes) -> None:
        channel, connection = self._channel, self._connection
        if channel is None or connection is None or channel.is_closing() or self.closed.is_set():
            return
        with connection.together():
            channel.write(data)
        if not connection.is_clear:
            self._wait_for_room()

    def when_room(self, call: Callable[[], None]) -> None:
        self._room = call

    async def drain(self) -> None:
        while self.full:
            await self._has_room.wait()
            if self._connection is not None:
                await self._connection.clear()

    def pause(self) -> None:
        if self._channel is not None:
            self._channel.pause_reading()

    def resume(self) -> None:
        if self._channel is not None:
            self._channel.resume_reading()

    async def start_tls(self, context: ssl.SSLContext, *, server_side: bool, name: str = "") -> None:
        raise Malformed("inside SSH everything is encrypted already")

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()

    def abort(self) -> None:
        if self._channel is not None:
            self._channel.abort()

    @property
    def _is_clear(self) -> bool:
        return self._has_room.is_set() and (self._connection is None or self._connection.is_clear)

    def _take(self) -> bytes:
        data, waited = b"".join(self._unread), self._waiting
        self._unread.clear()
        self._waiting = 0
        if waited > UNREAD_MOST:
            self.resume()  # asyncssh delivers what it has at once, from within
        return data

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._more.set()
        if self._receive is not None:
            self._receive(b"")

    def _wait_for_room(self) -> None:
        """The channel says when it has room again; its connection has to be waited for."""
        if self._relief is None or self._relief.done():
            self._relief = asyncio.create_task(self._tell_of_room(), name="room in an ssh channel")

    async def _tell_of_room(self) -> None:
        await self.drain()
        if self._room is not None and not self.closed.is_set():
            self._room()
