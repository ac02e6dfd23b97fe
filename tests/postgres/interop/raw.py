"""A client that sends whatever bytes it likes, for tests of bad input and for benchmarks."""

import socket
import ssl
import struct
from collections.abc import Iterator, Mapping
from functools import cache
from types import TracebackType
from typing import Self

from tests.postgres.interop.ways import WayIn

SSL_REQUEST = struct.pack("!II", 8, 80877103)
GSS_REQUEST = struct.pack("!II", 8, 80877104)
PROTOCOL_3 = 196608
PATIENCE = 60.0


def message(tag: bytes, body: bytes = b"") -> bytes:
    """A message as it should be."""
    return tag + struct.pack("!I", len(body) + 4) + body


def query(text: str) -> bytes:
    """A simple query."""
    return message(b"Q", text.encode() + b"\0")


def start_up(parameters: Mapping[str, str], protocol: int = PROTOCOL_3) -> bytes:
    """A start-up packet."""
    words = b"".join(f"{name}\0{value}\0".encode() for name, value in parameters.items()) + b"\0"
    return struct.pack("!II", len(words) + 8, protocol) + words


def cancel_request(pid: int, secret: bytes) -> bytes:
    """What asks for an end of another connection's statement."""
    return struct.pack("!III", 12 + len(secret), 80877102, pid) + secret


def fields(body: bytes) -> dict[str, str]:
    """Those of an ErrorResponse or a NoticeResponse."""
    parts = body.rstrip(b"\0").split(b"\0")
    return {part[:1].decode(): part[1:].decode(errors="replace") for part in parts if part}


@cache
def lenient() -> ssl.SSLContext:
    """TLS that believes everybody. One for all: each would take half a megabyte, and the time to fill it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Raw:
    """A connection from one of this machine's addresses; each stands for somebody else."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self.socket: socket.socket | ssl.SSLSocket = socket.create_connection(
            ("127.0.0.1", port), PATIENCE, source_address=(source, 0)
        )
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = b""
        self.key = (0, b"")
        """Process id and secret, once signed in."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def start_tls(self) -> Self:
        """Ask for TLS, and speak it."""
        self.send(SSL_REQUEST)
        if (answer := self.socket.recv(1)) != b"S":
            raise ConnectionError(f"no TLS is offered: {answer!r}")
        self.socket = lenient().wrap_socket(self.socket)
        return self

    def sign_in(self, way: WayIn, database: str, password: str | None = None, **parameters: str) -> Self:
        """As far as the first ReadyForQuery. `PermissionError` with the server's fields where it is refused; whatever
        goes wrong, it is closed then."""
        try:
            return self._sign_in(way, database, password, parameters)
        except BaseException:
            self.socket.close()
            raise

    def _sign_in(
        self, way: WayIn, database: str, password: str | None, parameters: Mapping[str, str]
    ) -> Self:
        if way.tls:
            self.start_tls()
        self.send(start_up({"user": way.user, "database": database, **parameters}))
        for tag, body in self.messages():
            if tag == b"R" and body == b"\0\0\0\3":
                self.send(message(b"p", (password or way.password(database)).encode() + b"\0"))
            elif tag == b"R" and body != b"\0\0\0\0":
                raise ConnectionError(f"it does not ask for a password in the clear: {body!r}")
            elif tag == b"E":
                raise PermissionError(str(fields(body)))
            elif tag == b"K":
                self.key = (struct.unpack("!I", body[:4])[0], body[4:])
            elif tag == b"Z":
                return self
        raise ConnectionError("it was closed during the sign-in")

    def messages(self) -> Iterator[tuple[bytes, bytes]]:
        """What comes, until nothing more does."""
        while (head := self._take(5)) and (
            body := self._take(struct.unpack("!I", head[1:])[0] - 4)
        ) is not None:
            yield head[:1], body

    def answer(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """Send this; what comes up to ReadyForQuery, or the end."""
        self.send(data)
        return self.until_ready()

    def until_ready(self) -> list[tuple[bytes, bytes]]:
        """What comes up to ReadyForQuery, or the end."""
        came = []
        for tag, body in self.messages():
            came.append((tag, body))
            if tag == b"Z":
                break
        return came

    def rest(self) -> bytes:
        """All that still comes, when the other side closes. TLS that is cut off counts as closed."""
        data = self._unread
        try:
            while more := self.socket.recv(1 << 16):
                data += more
        except (ConnectionError, ssl.SSLError):
            pass
        return data

    def _take(self, size: int) -> bytes | None:
        while len(self._unread) < size:
            try:
                more = self.socket.recv(1 << 16)
            except (ConnectionError, ssl.SSLError):
                return None
            if not more:
                return None
            self._unread += more
        taken, self._unread = self._unread[:size], self._unread[size:]
        return taken
