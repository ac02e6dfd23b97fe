"""Cuts a stream of bytes into SFTP packets, whichever way the bytes come. Only what comes in halves is copied."""

from collections import deque
from struct import Struct

from gateway.core.errors import Malformed
from gateway.wire.sftp.numbers import PACKET_MOST

_LENGTH = Struct(">I")
_PARTS_MOST = 64
"""Parts of a packet that are kept as they came; more are put together first, or crumbs would cost more than bread."""


class Packets:
    """`receive`, then `next` until it says None. Packets stay valid for as long as somebody holds them."""

    def __init__(self) -> None:
        self._waiting: deque[memoryview] = deque()
        """What nobody has looked at yet, never empty pieces."""
        self._parts: list[memoryview] = []
        """The beginning of a packet that did not come whole."""
        self._have = 0
        """Bytes in the parts."""

    @property
    def unread(self) -> bytes:
        """What was received and is in no packet yet."""
        return b"".join((*self._parts, *self._waiting))

    def receive(self, data: bytes) -> None:
        """More has come."""
        if data:
            self._waiting.append(memoryview(data))

    def next(self) -> memoryview | None:
        """The next packet with its length in front, or None until more comes. Raises `Malformed`."""
        while self._waiting:
            if not self._parts:
                view = self._waiting[0]
                need = _need(view)
                if len(view) >= need > _LENGTH.size:
                    return self._take(need)
                self._set_aside(need)
            else:
                if len(self._parts) > _PARTS_MOST or self._have < _LENGTH.size:
                    self._parts = [memoryview(b"".join(self._parts))]
                need = _need(self._parts[0])
                self._set_aside(need - self._have)
                if self._have == need > _LENGTH.size:
                    return self._whole()
        return None

    def _take(self, size: int) -> memoryview:
        """So many bytes of what waits, or fewer, from the first piece."""
        view = self._waiting[0]
        if len(view) > size:
            self._waiting[0] = view[size:]
            return view[:size]
        return self._waiting.popleft()

    def _set_aside(self, size: int) -> None:
        part = self._take(size)
        self._parts.append(part)
        self._have += len(part)

    def _whole(self) -> memoryview:
        whole = memoryview(b"".join(self._parts))
        self._parts, self._have = [], 0
        return whole


def _need(view: memoryview) -> int:
    """How long the packet is that begins here, or as much as tells that. Raises `Malformed`."""
    if len(view) < _LENGTH.size:
        return _LENGTH.size
    (length,) = _LENGTH.unpack_from(view)
    if not 0 < length <= PACKET_MOST:
        raise Malformed("a packet of impossible length")
    return _LENGTH.size + int(length)
