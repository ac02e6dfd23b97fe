"""One end of a forwarded connection: a channel on the person's or on the target's SSH connection, with back-pressure.

Both ends are alike, whoever opened them. It carries bytes and decides nothing.
"""

import asyncio

from asyncssh.channel import SSHChannel, SSHForwardChannel
from asyncssh.constants import MSG_CHANNEL_CLOSE, OPEN_CONNECT_FAILED
from asyncssh.misc import ChannelOpenError
from asyncssh.packet import SSHPacket, String, UInt32
from asyncssh.session import SSHTCPSession

from gateway.adapters.ssh.connection import PacedConnection
from gateway.adapters.ssh.door.settings import PACKET
from gateway.adapters.ssh.forward.places import Place, TcpPlace
from gateway.adapters.ssh.hot_path import HotChannel
from gateway.adapters.ssh.inbox import Inbox
from gateway.core.shown import Stream
from gateway.session.valve import Valve

WINDOW_MOST = 1 << 20
WINDOW_LEAST = 64 << 10
WINDOWS_TOGETHER = 8 << 20


def window_for(others: int) -> int:
    """Bytes that may be under way to us on one more channel: the more there are, the less for each. Peers that never
    read can so make us keep some 30 MB for a hundred of them, not a hundred megabytes and more."""
    return max(WINDOW_LEAST, min(WINDOW_MOST, WINDOWS_TOGETHER // (others + 1)))


class HangsUp(SSHTCPSession[bytes]):
    """Whoever wants to know at once that the other side has closed."""

    def hang_up(self) -> None:
        """The other side takes nothing any more. What it sent before may still come."""


class FlowEnd(HangsUp):
    """Fed by asyncssh. `hung_up` is set when the other side has closed, and takes nothing any more; `closed` once all
    that came before is in the inbox as well."""

    def __init__(self, connection: PacedConnection) -> None:
        self.inbox = Inbox()
        self.ready = asyncio.Event()
        """There is a channel, so bytes can be sent. An end whose connection is lost before never has one."""
        self.hung_up = asyncio.Event()
        self.closed = asyncio.Event()
        self._connection = connection
        self._channel: FlowChannel | None = None
        self._room = asyncio.Event()
        self._room.set()

    # What asyncssh calls.

    def connection_made(self, chan: SSHForwardChannel[bytes]) -> None:
        assert isinstance(chan, FlowChannel)
        self._channel = chan
        self.inbox.attach(chan)
        self.ready.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._channel is not None:
            # asyncssh drops what it has not delivered when a connection breaks; it was sent all the same.
            for data, kind in self._channel._recv_buf:
                self.data_received(data, kind)
        self._over()

    def _over(self) -> None:
        self.hang_up()
        self.inbox.finish()
        self.closed.set()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self.inbox.put(Stream.OUT, data)

    def eof_received(self) -> bool:
        self.inbox.finish()
        return True

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    # What our channel calls.

    def hang_up(self) -> None:
        """The other side has closed. Whoever waits for it to take something stops waiting."""
        self.hung_up.set()
        self._room.set()

    # What a flow calls.

    @property
    def broken(self) -> bool:
        """There is no connection under this end any more."""
        return self._connection.broken

    @property
    def pending(self) -> int:
        """Bytes that the other side has not made room for."""
        return 0 if self._channel is None else self._channel.get_write_buffer_size()

    async def clear(self) -> None:
        """Return when this end takes more, or will take nothing any more."""
        while not self.hung_up.is_set():
            await self._room.wait()
            await self._connection.clear()
            if self._room.is_set():
                return

    def send(self, data: bytes) -> bool:
        """Pass bytes on. False: this end takes nothing any more."""
        if self._channel is None or self._channel.is_closing():
            return False
        with self._connection.together():
            self._channel.write(data)
        return True

    def obey(self, valve: Valve) -> None:
        """Take what is sent only while this valve is open."""
        if self._channel is not None:
            self._channel.obey(valve)

    def end(self) -> None:
        """Nothing more will be sent; the other direction stays open."""
        if self._channel is not None:
            self._channel.write_eof()

    def close(self) -> None:
        """Close once everything sent has gone out."""
        if self._channel is not None:
            self._channel.close()

    def abort(self) -> None:
        """Close at once."""
        if self._channel is not None:
            self._channel.abort()

    def give_up(self) -> None:
        """Close at once, and wait no more for the other side to agree."""
        self.abort()
        self._over()


class FlowChannel(HotChannel, SSHForwardChannel[bytes]):
    """A channel that carries bytes of a forwarded connection, of any kind."""

    def __init__(self, connection: PacedConnection, window: int = WINDOW_MOST) -> None:
        super().__init__(connection, asyncio.get_running_loop(), None, "strict", window, PACKET)
        self._valve: Valve | None = None

    def obey(self, valve: Valve) -> None:
        """Send on only while the valve is open. What is written meanwhile waits, and holds its writer back."""
        self._valve = valve

    def flow_again(self) -> None:
        """The valve is open again."""
        if self._send_state in ("open", "eof_pending", "close_pending"):
            self._flush_send_buf()

    @property
    def _held(self) -> bool:
        return self._valve is not None and not self._valve.is_open

    def _send_run(self, data: memoryview, datatype: int | None) -> int:
        return 0 if self._held else super()._send_run(data, datatype)

    def _flush_send_buf(self) -> None:
        """Here and in `_send_run` every byte passes, whoever wrote it and whenever the other side made room."""
        if self._held:
            self._pause_resume_writing()
        else:
            super()._flush_send_buf()

    def _process_close_and_tell(self, pkttype: int, pktid: int, packet: SSHPacket) -> None:
        """asyncssh reports a close after unread input was taken: who reads nothing must not hide it."""
        end = self._session
        SSHChannel._process_close(self, pkttype, pktid, packet)
        if isinstance(end, HangsUp):
            end.hang_up()

    async def open(self, end: FlowEnd, kind: bytes, *facts: bytes) -> FlowEnd:
        """Ask the other side for a channel. Raises `ChannelOpenError`."""
        await self._open_forward(lambda: end, kind, *facts)
        return end

    def set_inbound_peer_names(self, *_: object) -> None:
        """asyncssh tells where an incoming channel leads; we know."""

    def _log_packet(self, *_: object) -> None:
        """Packets are not logged, so their descriptions are not made up either."""

    _packet_handlers = {  # noqa: RUF012 - asyncssh declares it this way
        **SSHForwardChannel._packet_handlers,
        MSG_CHANNEL_CLOSE: _process_close_and_tell,
    }


class InspectedChannel(FlowChannel):
    """One whose conversation the gateway itself holds, in the target's own protocol."""


async def open_direct(connection: PacedConnection, place: Place, window: int) -> FlowEnd:
    """Let a target connect to `place`. Raises `ChannelOpenError`."""
    end = FlowEnd(connection)
    if isinstance(place, TcpPlace):
        origin = String("127.0.0.1") + UInt32(0)
        where = String(place.host) + UInt32(place.port)
        return await _open(connection, end, window, b"direct-tcpip", where, origin)
    # OpenSSH wants an originator that the specification does not have.
    origin = String("") + UInt32(0)
    return await _open(connection, end, window, b"direct-streamlocal@openssh.com", String(place.path), origin)


async def open_forwarded(
    connection: PacedConnection, asked: tuple[str, int] | str, origin: tuple[str, int], window: int
) -> FlowEnd:
    """Bring the person a connection that came in where they `asked` to listen. Raises `ChannelOpenError`."""
    end = FlowEnd(connection)
    if isinstance(asked, tuple):
        facts = (String(asked[0]), UInt32(asked[1]), String(origin[0]), UInt32(origin[1]))
        return await _open(connection, end, window, b"forwarded-tcpip", *facts)
    return await _open(
        connection, end, window, b"forwarded-streamlocal@openssh.com", String(asked), String("")
    )


async def open_agent(connection: PacedConnection) -> FlowEnd:
    """Reach the person's agent. Raises `ChannelOpenError`."""
    return await _open(connection, FlowEnd(connection), WINDOW_LEAST, b"auth-agent@openssh.com")


async def _open(
    connection: PacedConnection, end: FlowEnd, window: int, kind: bytes, *facts: bytes
) -> FlowEnd:
    if connection.broken:
        raise ChannelOpenError(OPEN_CONNECT_FAILED, "the connection is gone")
    return await FlowChannel(connection, window).open(end, kind, *facts)


def flow_again(connection: PacedConnection) -> None:
    """Input may pass again: what waits in the channels of this connection goes on."""
    for channel in list(connection._channels.values()):
        if isinstance(channel, FlowChannel):
            channel.flow_again()
