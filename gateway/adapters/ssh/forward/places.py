"""Where a forwarded connection goes, or where one is listened for: read strictly, written in exactly one way.

What is judged must be what is dialled. So a name that a resolver would read as an address in disguise (`127.1`,
`0x7f.1`), a path with `..` and anything that is not plain text is refused here, before a rule could miss it.
"""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from posixpath import normpath
from types import MappingProxyType

from gateway.core.errors import Malformed
from gateway.core.operation import Effect, Operation
from gateway.core.plain import plain

PORT_MOST = 65535
PATH_MOST = 107
"""Bytes that fit into the address of a Unix socket."""

_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_](?:[a-z0-9_-]{0,62}))*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_EVERYWHERE = ("", "*")


@dataclass(frozen=True, slots=True)
class TcpPlace:
    """A host and a port, as the target understands them."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixPlace:
    """A socket in the file system of the target."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


Place = TcpPlace | UnixPlace


def tcp_place(host: str, port: int) -> TcpPlace:
    """Somewhere to connect to. Raises `Malformed`."""
    if not 1 <= port <= PORT_MOST:
        raise Malformed("a forward needs a port between 1 and 65535")
    return TcpPlace(_host(host), port)


def listening_place(host: str, port: int) -> TcpPlace:
    """Somewhere to listen: `*` is every address of the target, port 0 any that is free. Raises `Malformed`."""
    if not 0 <= port <= PORT_MOST:
        raise Malformed("a forward needs a port between 0 and 65535")
    return TcpPlace("*" if host in _EVERYWHERE else _host(host), port)


def unix_place(path: str) -> UnixPlace:
    """A socket. Raises `Malformed`."""
    odd = not path.startswith("/") or path.startswith("//") or normpath(path) != path or path == "/"
    if odd or not path.isprintable() or len(path.encode()) > PATH_MOST:
        raise Malformed("a socket is named by its whole plain path, as in /run/app.sock")
    return UnixPlace(path)


def forward_operation(place: Place, origin: str) -> Operation:
    """A connection from the person to `place`, as policy judges it."""
    return _operation("forward", f"forward to {place}", place, origin)


def listen_operation(place: Place) -> Operation:
    """Listening on the target at `place`, and whatever connects there."""
    return _operation("listen", f"listen on {place}", place, "")


def origin_name(host: str, port: int) -> str:
    """Who connected, as the other side tells it: never trusted, only shown."""
    return f"{plain(host, 64)}:{port}" if host else ""


def _operation(verb: str, text: str, place: Place, origin: str) -> Operation:
    details = {"destination": str(place), "origin": origin}
    return Operation(verb, text, frozenset({Effect.TRANSFER}), (str(place),), MappingProxyType(details))


def _host(host: str) -> str:
    """An address in its one spelling, or a name in small letters."""
    text = host.removeprefix("[").removesuffix("]").lower()
    try:
        if ":" in text:
            six = IPv6Address(text)
            if six.scope_id is None:
                return str(six.ipv4_mapped or six)
        else:
            name = text.removesuffix(".")
            if _NUMBER.fullmatch(name.rpartition(".")[2]):
                return str(IPv4Address(name))
            if _NAME.fullmatch(name):
                return name
    except AddressValueError:
        pass
    raise Malformed("the destination of a forward must be a host name or an address in its usual form")
