"""The fields of SFTP packets: numbers, strings and attributes, read strictly and written."""

from dataclasses import dataclass
from struct import Struct

from gateway.core.errors import Malformed
from gateway.wire.sftp.numbers import HANDLE_MOST, Has

U32 = Struct(">I")
U64 = Struct(">Q")

_TYPE_BITS = 0o170000
_LINK = 0o120000
_DIRECTORY = 0o040000


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is said of a file. `raw` is as it came, and is what is sent on."""

    raw: bytes
    has: int
    size: int | None = None
    permissions: int | None = None

    @property
    def is_link(self) -> bool | None:
        """Whether it is a symbolic link; None where that is not said."""
        return None if self.permissions is None else self.permissions & _TYPE_BITS == _LINK

    @property
    def is_directory(self) -> bool | None:
        """The same for a directory."""
        return None if self.permissions is None else self.permissions & _TYPE_BITS == _DIRECTORY


NO_ATTRIBUTES = Attributes(U32.pack(0), 0)


class Fields:
    """Reads one packet from front to end. Every method raises `Malformed` where the packet is too short."""

    def __init__(self, packet: memoryview, at: int) -> None:
        self._packet = packet
        self._at = at

    @property
    def is_empty(self) -> bool:
        """Everything has been read."""
        return self._at == len(self._packet)

    def u32(self) -> int:
        """A number of four bytes."""
        return self._number(U32)

    def u64(self) -> int:
        """A number of eight bytes."""
        return self._number(U64)

    def _number(self, kind: Struct) -> int:
        if self._at + kind.size > len(self._packet):
            raise Malformed("a packet that ends too early")
        (number,) = kind.unpack_from(self._packet, self._at)
        self._at += kind.size
        return int(number)

    def view(self) -> memoryview:
        """A string, not copied."""
        size = self.u32()
        start = self._at
        if start + size > len(self._packet):
            raise Malformed("a string longer than its packet")
        self._at += size
        return self._packet[start : self._at]

    def string(self) -> bytes:
        """A string."""
        return bytes(self.view())

    def path(self) -> bytes:
        """The name of a file."""
        path = self.string()
        if b"\0" in path:
            raise Malformed("a path with a zero byte")
        return path

    def handle(self) -> bytes:
        """The server's name for an open file."""
        handle = self.string()
        if len(handle) > HANDLE_MOST:
            raise Malformed("a handle that is too long")
        return handle

    def rest(self) -> memoryview:
        """Everything that follows."""
        start, self._at = self._at, len(self._packet)
        return self._packet[start:]

    def attributes(self) -> Attributes:
        """What is said of a file."""
        start = self._at
        has = self.u32()
        size = self.u64() if has & Has.SIZE else None
        if has & Has.OWNER:
            self.u64()
        permissions = self.u32() if has & Has.PERMISSIONS else None
        if has & Has.TIMES:
            self.u64()
        if has & Has.EXTENDED:
            for _ in range(self.u32()):
                self.view()
                self.view()
        return Attributes(bytes(self._packet[start : self._at]), has, size, permissions)

    def end(self) -> None:
        """Nothing follows."""
        if self._at != len(self._packet):
            raise Malformed("a packet with more in it than belongs there")


def string(data: bytes | memoryview) -> bytes:
    """A string as it is sent."""
    return U32.pack(len(data)) + data
