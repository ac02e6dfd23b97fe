"""How a conversation begins: the packets that have a length but no tag. Whether it may go on is decided elsewhere."""

from collections.abc import Iterable
from dataclasses import dataclass
from struct import Struct

from gateway.core.errors import Malformed
from gateway.wire.postgres.fields import Fields, string

PACKET_MOST = 10_000
"""Bytes of a packet behind its length, as in PostgreSQL."""
SECRET_LEAST, SECRET_MOST = 4, 256
OPTION = "_pq_."
"""What the names of options of the protocol itself begin with."""

_PACKET = Struct(">IHH")
_SPECIAL = 1234
_CANCEL, _SSL, _GSS = 5678, 5679, 5680
_TLS_HANDSHAKE = 0x16


@dataclass(frozen=True, slots=True)
class SslRequest:
    """TLS is asked for. Nothing may follow before it is answered with one byte: S or N."""


@dataclass(frozen=True, slots=True)
class GssEncRequest:
    """Encryption by GSSAPI is asked for. Nothing may follow before it is answered with one byte: G or N."""


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """What another connection is busy with is to be stopped. Nothing is answered."""

    pid: int
    secret: bytes


@dataclass(frozen=True, slots=True)
class Startup:
    """A session is asked for. Of another protocol than 3 only the version is read."""

    major: int
    minor: int
    parameters: list[tuple[str, str]]
    options: tuple[tuple[str, str], ...] = ()
    """What was asked of the protocol itself, with `_pq_.` in front of each name. None is known here."""


First = SslRequest | GssEncRequest | CancelRequest | Startup


class StartupReader:
    """`receive`, then `next` until it says None. What is `unread` after a `Startup` is for a `FrontendReader`."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    @property
    def unread(self) -> bytes:
        """What was received and is in no packet yet."""
        return bytes(self._waiting)

    @property
    def is_tls(self) -> bool:
        """TLS was begun without asking first. What is `unread` is its first message."""
        return self._waiting[:1] == bytes([_TLS_HANDSHAKE])

    def receive(self, data: bytes) -> None:
        """More has come."""
        self._waiting += data

    def next(self) -> First | None:
        """The next packet, or None until more comes. Raises `Malformed`, and then the conversation is over."""
        waiting = self._waiting
        if len(waiting) < 4:
            return None
        size = int.from_bytes(waiting[:4], "big")
        if not 4 <= size - 4 <= PACKET_MOST:
            raise Malformed("a start-up packet of impossible length")
        if len(waiting) < size:
            return None
        packet = bytes(waiting[:size])
        del waiting[:size]
        return _read(packet)


def _read(packet: bytes) -> First:
    _, major, minor = _PACKET.unpack_from(packet)
    if major == _SPECIAL and minor == _CANCEL:
        return _cancel(packet)
    if major == _SPECIAL and minor in (_SSL, _GSS):
        if len(packet) != _PACKET.size:
            raise Malformed("a request for encryption with more in it than belongs there")
        return SslRequest() if minor == _SSL else GssEncRequest()
    if major != 3:
        return Startup(major, minor, [])
    return _startup(minor, Fields(packet, _PACKET.size))


def _cancel(packet: bytes) -> CancelRequest:
    secret = packet[12:]
    if not SECRET_LEAST <= len(secret) <= SECRET_MOST:
        raise Malformed("a cancel request of impossible length")
    return CancelRequest(int.from_bytes(packet[8:12], "big"), secret)


def _startup(minor: int, fields: Fields) -> Startup:
    parameters: list[tuple[str, str]] = []
    options: list[tuple[str, str]] = []
    seen: set[str] = set()
    while name := fields.string():
        if name.lower() in seen:
            raise Malformed("a start-up packet that says the same thing twice")
        seen.add(name.lower())
        (options if name.startswith(OPTION) else parameters).append((name, fields.string()))
    fields.end()
    return Startup(3, minor, parameters, tuple(options))


# What is sent.


def make_ssl_request() -> bytes:
    """Ask for TLS."""
    return _PACKET.pack(8, _SPECIAL, _SSL)


def make_gss_request() -> bytes:
    """Ask for encryption by GSSAPI."""
    return _PACKET.pack(8, _SPECIAL, _GSS)


def make_cancel_request(pid: int, secret: bytes) -> bytes:
    """Stop what the connection with this key is busy with. Raises ValueError for a key of impossible length."""
    if not SECRET_LEAST <= len(secret) <= SECRET_MOST:
        raise ValueError("a cancel key of impossible length")
    return _PACKET.pack(12 + len(secret), _SPECIAL, _CANCEL) + pid.to_bytes(4, "big") + secret


def make_startup(parameters: Iterable[tuple[str, str]], version: tuple[int, int] = (3, 0)) -> bytes:
    """Ask for a session. Raises ValueError for what can not be sent."""
    pairs = list(parameters)
    if not all(name for name, _ in pairs):
        raise ValueError("a parameter without a name can not be sent")
    body = b"".join(string(name) + string(value) for name, value in pairs) + b"\0"
    size = _PACKET.size + len(body)
    if size - 4 > PACKET_MOST:
        raise ValueError("a start-up packet that is too long")
    return _PACKET.pack(size, *version) + body
