"""Two ends of SSH that share keys but no network: what one writes is handed to the other in any pieces."""

import asyncio
from typing import Any

import asyncssh
from asyncssh.encryption import get_encryption
from asyncssh.packet import String, UInt32

from gateway.adapters.ssh.connection import TargetConnection
from gateway.adapters.ssh.target.channel import TargetChannel, TargetSide
from gateway.core.shown import Stream

GCM = b"aes128-gcm@openssh.com"
KEY, START = b"k" * 16, b"nonce-of-12b"


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_cut = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.is_cut

    def abort(self) -> None:
        self.is_cut = True

    def pause_reading(self) -> None:
        """Nothing is read from it."""

    def resume_reading(self) -> None:
        """Nothing is read from it."""

    def take(self) -> bytes:
        written, self.written = self.written, b""
        return written


class End:
    """A signed-in connection with one open channel, number 0 on both sides."""

    def __init__(self, *, fast: bool, window: int = 1 << 30, packet: int = 32768) -> None:
        loop = asyncio.get_running_loop()
        options = asyncssh.SSHClientConnectionOptions(
            config=None, username="x", known_hosts=None, agent_path=None, client_keys=None
        )
        options.waiter = loop.create_future()
        self.wire = Wire()
        self.connection = connection = TargetConnection(loop, options, wait="auth")
        connection._wait = None  # it is signed in: nobody waits for that, or for why it failed
        connection.fast = fast
        connection._transport = self.wire
        connection._auth_complete = connection._auth_final = connection._kex_complete = True
        connection._send_encryption = get_encryption(GCM, KEY, START)
        connection._recv_encryption = get_encryption(GCM, KEY, START)
        connection._send_enchdrlen = 1
        connection._send_blocksize = connection._recv_blocksize = connection._recv_macsize = 16
        connection._recv_handler = connection._recv_pkthdr
        connection._rekey_seconds = 0
        self.side = TargetSide(connection)
        self.channel = TargetChannel(connection)
        self.channel._session = self.side
        self.side.connection_made(self.channel)
        self.channel._send_chan = 0
        self.channel._send_state = self.channel._recv_state = "open"
        self.channel._recv_paused = False
        self.channel._send_window, self.channel._send_pktsize = window, packet
        self.channel._init_recv_window = self.channel._recv_window = window

    def hear(self, wire: bytes, *cuts: int) -> None:
        """What came from the network, cut there."""
        at = 0
        for cut in (*sorted(cuts), len(wire)):
            if cut > at:
                self.connection.data_received(wire[at:cut])
                at = cut

    def say(self, kind: int, *parts: bytes) -> None:
        """Any packet."""
        self.connection.send_packet(kind, *parts)

    def say_data(self, data: bytes, channel: int = 0) -> None:
        """One packet of data, the long way."""
        self.say(94, UInt32(channel), String(data))

    def got(self) -> list[tuple[Stream, bytes]]:
        """What has reached the session so far, runs of a stream joined."""
        found: list[tuple[Stream, bytes]] = []
        for stream, data in self.side.inbox._pieces:
            if found and found[-1][0] == stream:
                found[-1] = (stream, found[-1][1] + data)
            else:
                found.append((stream, data))
        return found

    @property
    def is_open(self) -> bool:
        return self.connection._transport is not None
