"""A client that costs next to nothing: it signs in, sends what it is told to, and counts the bytes of the answer.

psql would keep five million rows in memory, and any driver would spend longer on a row than what is measured. It
knows just enough of the protocol for that, and takes a password in the clear only.
"""

import struct
import time
from types import TracebackType
from typing import Self

from tests.postgres.interop.raw import Raw, message
from tests.postgres.interop.ways import WayIn

READY = b"Z\x00\x00\x00\x05I"
AT_ONCE = 256 << 10
PATIENCE = 300.0


class Line:
    """A context manager: connected inside."""

    def __init__(self, way: WayIn, database: str) -> None:
        self._way = way
        self._raw = Raw(way.port)
        self._raw.socket.settimeout(PATIENCE)
        self._database = database
        self._buffer = bytearray(AT_ONCE)

    def __enter__(self) -> Self:
        try:
            self._raw.sign_in(self._way, self._database)
        except BaseException:
            self._raw.socket.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is None:
            self._raw.send(message(b"X"))
        self._raw.socket.close()

    def count(self, sent: bytes) -> int:
        """Send this and read until the server is ready; how many bytes came."""
        self._raw.send(sent)
        total, view, tail = 0, memoryview(self._buffer), b""
        while not tail.endswith(READY):
            size = self._raw.socket.recv_into(self._buffer)
            if not size:
                raise SystemExit(f"{self._way.name}: the connection ended")
            total += size
            tail = (tail + bytes(view[max(0, size - 6) : size]))[-6:]
        return total

    def seconds(self, sent: bytes) -> float:
        """How long that takes."""
        started = time.perf_counter()
        self.count(sent)
        return time.perf_counter() - started


def prepared(name: str, text: str) -> bytes:
    """A statement that is kept under this name."""
    return message(b"P", f"{name}\0{text}\0\0\0".encode()) + message(b"S")


def executed(name: str, value: str) -> bytes:
    """That statement with a value."""
    bind = (
        f"\0{name}\0".encode() + struct.pack("!HHI", 0, 1, len(value)) + value.encode() + struct.pack("!H", 0)
    )
    return message(b"B", bind) + message(b"E", b"\0" + struct.pack("!I", 0)) + message(b"S")
