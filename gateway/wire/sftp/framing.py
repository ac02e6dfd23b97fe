"""Cuts a stream of bytes into SFTP packets, whichever way the bytes come. Only what comes in halves is copied."""

from struct import Struct

from gateway.core.errors import Malformed
from gateway.wire.sftp.numbers import PACKET_MOST

_LENGTH = Struct(">I")
_NOTHING = memoryview(b"")


class Packets:
    """`receive`, then `next` until it says None. Packets stay valid for as long as somebody holds them."""

    def __init__(self) -> None:
        self._view = _NOTHING
        self._at = 0
        self._waiting = bytearray()
        """What follows the view: the beginning of a packet, or more that came before the view was used up."""
        self._need = _LENGTH.size
        """Bytes to have before it is worth looking again."""

    @property
    def unread(self) -> bytes:
        """What was received and is in no packet yet."""
        return bytes(self._view[self._at :]) + bytes(self._waiting)

    def receive(self, data: bytes) -> None:
        """More has come."""
        if self._waiting or self._at < len(self._view):
            self._waiting += data
        else:
            self._view, self._at = memoryview(data), 0

    def next(self) -> memoryview | None:
        """The next packet with its length in front, or None until more comes. Raises `Malformed`."""
        while True:
            there = len(self._view) - self._at
            if there >= _LENGTH.size:
                (length,) = _LENGTH.unpack_from(self._view, self._at)
                if not 0 < length <= PACKET_MOST:
                    raise Malformed("a packet of impossible length")
                self._need = _LENGTH.size + length
                if there >= self._need:
                    return self._cut()
            if not self._refill():
                return None

    def _cut(self) -> memoryview:
        end = self._at + self._need
        packet = self._view[self._at : end]
        self._at = end
        self._need = _LENGTH.size
        return packet

    def _refill(self) -> bool:
        """Put what is left together with what waits, once that is enough."""
        if self._at < len(self._view):
            self._waiting[:0] = self._view[self._at :]
        self._view, self._at = _NOTHING, 0
        if len(self._waiting) < self._need:
            return False
        self._view, self._waiting = memoryview(self._waiting), bytearray()
        return True
