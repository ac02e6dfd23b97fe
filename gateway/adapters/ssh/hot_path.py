"""The hot path of bulk data: channel data opened and sealed with as few steps and copies as Python allows.

asyncssh makes a cipher object, several copies and a dozen calls for each packet, which costs more than the
encryption. Here whole packets of channel data under AES-GCM take a short way; every other packet, and whatever
looks odd in the slightest, is left to asyncssh untouched. Nothing here decides, and nothing here reports an error.

It reaches into asyncssh, so it is used with the versions it was tested with (`hot_versions.py`); with any other,
the same classes behave as asyncssh's own do. tests/ssh/test_hot_path.py runs the same tests on both ways.
"""

import os
import struct
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from asyncssh.channel import SSHChannel
from asyncssh.connection import SSHConnection
from asyncssh.constants import (
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EXTENDED_DATA,
    MSG_CHANNEL_WINDOW_ADJUST,
)
from asyncssh.encryption import Encryption, GCMEncryption
from asyncssh.misc import MaybeAwait, ProtocolError
from asyncssh.packet import SSHPacket
from asyncssh.session import SSHSession
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.adapters.ssh import hot_versions

if TYPE_CHECKING:
    _Channel = SSHChannel[bytes]
else:
    _Channel = SSHChannel

_BLOCK = 16
_TAG = 16
_LENGTH = struct.Struct(">I")
_DATA = struct.Struct(">BBII")
"""What stands before data: how much padding is behind it, the message, the channel, how much data. A message that
only makes room in the window looks the same, with how much room."""
_EXTENDED = struct.Struct(">BBIII")
"""The same where the kind of data is told too."""
_NONCE = struct.Struct(">4sQ")
"""What stays the same, and the number of the packet."""
_NONCE_LAST = (1 << 64) - 1
_LEAST_PADDING = 4
_MOST_PADDING = _LEAST_PADDING + _BLOCK - 1

_NOTHING = (0, 0, 0, 0)
_LISTENING = frozenset({"open", "eof_pending", "eof"})

PACKET_LEAST = 256
"""Who takes smaller packets only would have us make a thousand of them for each piece, while everybody waits."""


class _Keys:
    """AES-GCM with the keys of one direction, until the next key exchange. The counter stays asyncssh's."""

    def __init__(self, encryption: Encryption | None) -> None:
        self.encryption = encryption
        self.usable = isinstance(encryption, GCMEncryption)
        if isinstance(encryption, GCMEncryption):
            self._gcm = encryption._cipher
            aes = AESGCM(self._gcm._key)
            self._decrypt, self._encrypt, self._encrypt_into = aes.decrypt, aes.encrypt, aes.encrypt_into

    def packets(self, view: memoryview, most: int) -> Iterator[tuple[int, bytes]]:
        """The sizes and contents of the packets that have come whole; empty is the content of what can not be opened.
        A packet counts as opened only once the next is asked for."""
        at, end, gcm, decrypt = 0, len(view), self._gcm, self._decrypt
        fixed, number = _NONCE.unpack(gcm._iv)
        while end - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(view, at)
            size = _LENGTH.size + length + _TAG
            content = b""
            if 0 < length <= most and not length % _BLOCK:
                if size > end - at:
                    return
                try:
                    content = decrypt(gcm._iv, view[at + 4 : at + size], view[at : at + 4])
                except InvalidTag:
                    pass  # asyncssh will find out as well, and say so
            yield size, content
            number = (number + 1) & _NONCE_LAST
            gcm._iv = _NONCE.pack(fixed, number)
            at += size

    def seal_one(self, content: bytes) -> bytes:
        """A packet of this."""
        gcm, length = self._gcm, _LENGTH.pack(len(content))
        packet = length + self._encrypt(gcm._iv, content, length)
        gcm._update_iv()
        return packet

    def seal(self, contents: Iterable[bytes], room: memoryview) -> int:
        """Write these into `room`, a packet each; returns how much of the room that took."""
        used, gcm, encrypt_into = 0, self._gcm, self._encrypt_into
        fixed, number = _NONCE.unpack(gcm._iv)
        for content in contents:
            _LENGTH.pack_into(room, used, len(content))
            end = used + _LENGTH.size + len(content) + _TAG
            encrypt_into(gcm._iv, content, room[used : used + 4], room[used + 4 : end])
            number = (number + 1) & _NONCE_LAST
            gcm._iv = _NONCE.pack(fixed, number)
            used = end
        return used


class HotConnection(SSHConnection):
    """Opens packets in runs, and seals them in runs for its channels."""

    fast = hot_versions.is_known()
    """Whether the short way is taken at all."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._opener = self._sealer = _Keys(None)

    def _recv_pkthdr(self) -> bool:
        if not (self.fast and self._auth_final and self._auth_complete and self._decompressor is None):
            return super()._recv_pkthdr()
        if self._opener.encryption is not self._recv_encryption:
            self._opener = _Keys(self._recv_encryption)
        return self._open_run() if self._opener.usable else super()._recv_pkthdr()

    def _open_run(self) -> bool:
        """Open what has come whole, as far as it is data of channels, or room to send. The first packet that is
        something else, or not as it should be, is left to asyncssh. False: more has to come first."""
        waiting, at, opened = self._inpbuf, 0, 0
        channel, run, room = None, list[memoryview](), 0
        for size, content in self._opener.packets(memoryview(waiting), self._max_recv_pktlen):
            padding, kind, number, amount = _DATA.unpack_from(content) if content else _NOTHING
            behind = len(content) - _DATA.size - padding
            if channel is None or channel._recv_chan != number:
                _deliver(channel, run)
                channel = self._channels.get(number)
                room = channel._recv_window if channel is not None and channel._recv_state == "open" else -1
            if kind == MSG_CHANNEL_DATA and behind == amount <= room:
                run.append(memoryview(content)[_DATA.size : _DATA.size + amount])
                room -= amount
            elif kind != MSG_CHANNEL_WINDOW_ADJUST or behind or not _has_more_room(channel, amount):
                break
            at += size
            opened += 1
        else:
            size = 0
        self._inpbuf = waiting[at:]
        self._recv_seq = (self._recv_seq + opened) & 0xFFFF_FFFF
        _deliver(channel, run)
        return bool(size) and self._transport is not None and self._open_by_asyncssh(size)

    def _open_by_asyncssh(self, size: int) -> bool:
        """Let asyncssh have the first packet of what waits, and only that: it copies what is behind it twice."""
        behind = self._inpbuf[size:]
        self._inpbuf = self._inpbuf[:size]
        try:
            return super()._recv_pkthdr() and self._recv_handler()
        finally:
            self._inpbuf += behind

    def seal_run(self, head: struct.Struct, start: tuple[int, ...], data: memoryview, most: int) -> int:
        """Send `data` in packets of up to `most` bytes, written at once. `start` is what stands in the packets
        between padding and size. Returns how much of it was sent: the rest is asyncssh's."""
        if not (self.fast and self._auth_complete and self._kex_complete and self._compressor is None):
            return 0
        if self._rekey_seconds and time.monotonic() >= self._rekey_time:
            return 0
        if self._sealer.encryption is not self._send_encryption:
            self._sealer = _Keys(self._send_encryption)
        if not self._sealer.usable:
            return 0
        if len(data) <= most and self._rekey_bytes_sent < self._rekey_bytes:
            content = _content(head, start, data, os.urandom(_MOST_PADDING))
            packet: bytes | memoryview = self._sealer.seal_one(content)
            packets, sent = 1, len(data)
            self._rekey_bytes_sent += len(content)
        else:
            packet, packets, sent = self._seal_many(head, start, data, most)
        self._send_seq = (self._send_seq + packets) & 0xFFFF_FFFF
        self._send(packet)  # type: ignore[arg-type]  # transports take any bytes-like object
        return sent

    def _seal_many(
        self, head: struct.Struct, start: tuple[int, ...], data: memoryview, most: int
    ) -> tuple[memoryview, int, int]:
        """What to write, how many packets that is, and how much of the data is in them."""
        packets = -(-len(data) // most)
        room = memoryview(bytearray(len(data) + packets * (_LENGTH.size + head.size + _MOST_PADDING + _TAG)))
        dust = os.urandom(packets * _MOST_PADDING)
        sent = 0

        def contents() -> Iterator[bytes]:
            nonlocal sent
            for at in range(0, packets * _MOST_PADDING, _MOST_PADDING):
                if self._rekey_bytes_sent >= self._rekey_bytes:
                    return
                part = data[sent : sent + most]
                content = _content(head, start, part, dust[at : at + _MOST_PADDING])
                self._rekey_bytes_sent += len(content)
                sent += len(part)
                yield content

        used = self._sealer.seal(contents(), room)
        return room[:used], -(-sent // most), sent


class HotChannel(_Channel):
    """Sends its data in runs. What is not sent at once waits with asyncssh until there is room in the window."""

    def process_open(
        self, send_chan: int, send_window: int, send_pktsize: int, session: MaybeAwait[SSHSession[bytes]]
    ) -> None:
        _refuse_dust(send_pktsize)
        super().process_open(send_chan, send_window, send_pktsize, session)

    def process_open_confirmation(
        self, send_chan: int, send_window: int, send_pktsize: int, packet: SSHPacket
    ) -> None:
        _refuse_dust(send_pktsize)
        super().process_open_confirmation(send_chan, send_window, send_pktsize, packet)

    def write(self, data: bytes | memoryview, datatype: int | None = None) -> None:
        sent = 0
        if (
            not self._send_buf
            and self._send_state == "open"
            and (datatype is None or datatype in self._write_datatypes)
        ):
            sent = self._send_run(memoryview(data), datatype)
        super().write(bytes(data[sent:]), datatype)

    def _flush_send_buf(self) -> None:
        while self._send_buf and self._send_window:
            held, datatype = self._send_buf[0]
            sent = self._send_run(memoryview(held), datatype)
            if not sent:
                break
            self._send_buf_len -= sent
            if sent == len(held):
                del self._send_buf[0]
            else:
                del held[:sent]
        super()._flush_send_buf()

    def _send_run(self, data: memoryview, datatype: int | None) -> int:
        """Send as much as the window allows; returns how much that was."""
        connection = self._conn
        if self._send_chan is None or self._send_pktsize <= 0 or not isinstance(connection, HotConnection):
            return 0
        ready = data[: self._send_window]
        if datatype is None:
            sent = connection.seal_run(_DATA, (MSG_CHANNEL_DATA, self._send_chan), ready, self._send_pktsize)
        else:
            start = (MSG_CHANNEL_EXTENDED_DATA, self._send_chan, datatype)
            sent = connection.seal_run(_EXTENDED, start, ready, self._send_pktsize)
        self._send_window -= sent
        return sent


def _content(head: struct.Struct, start: tuple[int, ...], part: memoryview, dust: bytes) -> bytes:
    """What is in a packet: how much padding it has, what `start` says, the data, and as much dust as it takes."""
    size = len(part)
    padding = _LEAST_PADDING - (head.size + size + _LEAST_PADDING) % -_BLOCK
    return b"".join((head.pack(padding, *start, size), part, dust[:padding]))


def _has_more_room(channel: _Channel | None, amount: int) -> bool:
    """Make use of more room in the window. False: there is no such channel any more."""
    if channel is None or channel._recv_state not in _LISTENING:
        return False
    channel._send_window += amount
    if channel._send_buf:
        channel._flush_send_buf()
    return True


def _refuse_dust(size: int) -> None:
    if size < PACKET_LEAST:
        raise ProtocolError("Invalid maximum packet size")


def _deliver(channel: _Channel | None, run: list[memoryview]) -> None:
    """Give a run of data to its channel."""
    if channel is not None and run:
        channel._accept_data(b"".join(run))
        run.clear()
