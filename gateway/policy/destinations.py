"""Compares where a forwarded connection leads with the patterns of rules: `host:port`, or `unix:/path`.

Host and port are compared apart, in one spelling. Names are compared as names: which address one has is known to the
target alone, so a rule that restricts is an aid, and a rule that allows is the boundary.
"""

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from gateway.core.operation import Operation
from gateway.policy.glob import matches
from gateway.policy.verbs import FORWARD_VERBS

UNIX = "unix:"
PORT_MOST = 65535

_PORT = re.compile(r"[0-9]{1,5}")
_PORT_PATTERN = re.compile(r"[0-9*?]{1,5}")
_HOST_PATTERN = re.compile(r"[a-z0-9_.*?-]+|\[[0-9a-f:.*?]+\]")
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_NUMERIC = re.compile(r"[0-9.*?]*[0-9][0-9.*?]*")
_ODD_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_ALSO_LOOPBACK = (
    "*",
    "0.0.0.0",  # noqa: S104 - not to listen on: who connects to it reaches the machine itself
    "::",
    "localhost",
    "localhost.localdomain",
    "ip6-localhost",
    "ip6-loopback",
)


@dataclass(frozen=True, slots=True)
class Destination:
    """One place in its one spelling. `path` is set for a socket, else `host` and `port` are."""

    host: str = ""
    port: str = ""
    path: str = ""


def pattern_problem(pattern: str) -> str:
    """Why a pattern could never describe a destination; empty where it could."""
    if pattern == "*":
        return ""
    if pattern.startswith(UNIX):
        path = pattern.removeprefix(UNIX)
        if path.startswith(("/", "*")) and _tidy(path) == path:
            return ""
        return f"{pattern} must name a whole plain path, as in unix:/run/app.sock"
    host, colon, port = pattern.lower().rpartition(":")
    if not colon or not host or not _PORT_PATTERN.fullmatch(port):
        return f'{pattern} must be a host and a port, as in "db.internal:5432", "[2001:db8::7]:22" or "*:443"'
    if port.isdigit() and (int(port) > PORT_MOST or str(int(port)) != port):
        return f"{pattern} has no port number from 0 to {PORT_MOST}"
    if ":" in host and not host.startswith("["):
        return f'{pattern} must have an IPv6 address in brackets, as in "[2001:db8::7]:22"'
    return _host_problem(pattern, host)


def _host_problem(pattern: str, host: str) -> str:
    if not _HOST_PATTERN.fullmatch(host):
        return f"{pattern} has no host name or address before its port"
    if set("*?") & set(host):
        return ""
    if (host.startswith("[") or _NUMERIC.fullmatch(host)) and _host(host) != host.strip("[]"):
        written = _host(host)
        hint = f"; write {written}" if written else ""
        return f"{pattern} can never fire: its address is not in its usual form{hint}"
    return ""


def may_lead_to(patterns: Sequence[str], operation: Operation) -> bool:
    """For rules that restrict: the connection leads, or may lead, to one of these."""
    if operation.verb not in FORWARD_VERBS:
        return False
    place = read(_named(operation))
    if place is None:
        return True
    return any(_describes(pattern, form) for pattern in patterns for form in _disguises(place))


def leads_to(patterns: Sequence[str], operation: Operation) -> bool:
    """For rules that allow: the connection leads to one of these and nowhere else."""
    if operation.verb not in FORWARD_VERBS:
        return False
    place = read(_named(operation))
    return place is not None and any(_describes(pattern, place) for pattern in patterns)


def read(text: str) -> Destination | None:
    """The one spelling of a destination; None where it has more than one reading."""
    if text.startswith(UNIX):
        path = text.removeprefix(UNIX)
        return Destination(path=path) if path.startswith("/") and _tidy(path) == path else None
    host, colon, port = text.lower().rpartition(":")
    if not colon or not _PORT.fullmatch(port) or int(port) > PORT_MOST:
        return None
    plain = _host(host)
    return None if plain is None else Destination(plain, str(int(port)))


def _host(host: str) -> str | None:
    if host in ("", "*"):
        return "*"
    if host.startswith("[") and host.endswith("]"):
        try:
            six = IPv6Address(host[1:-1])
        except ValueError:
            return None
        return str(six.ipv4_mapped or six) if six.scope_id is None else None
    name = host.removesuffix(".")
    try:
        return str(IPv4Address(name))
    except ValueError:
        pass
    if not _NAME.fullmatch(name) or _ODD_NUMBER.fullmatch(name.rpartition(".")[2]):
        return None  # `127.1` and `0x7f.1` are addresses in disguise
    return name


def _describes(pattern: str, place: Destination) -> bool:
    if pattern == "*":
        return True
    if pattern.startswith(UNIX):
        return bool(place.path) and matches(pattern.removeprefix(UNIX), place.path)
    host, _, port = pattern.lower().rpartition(":")
    if place.path or not matches(port, place.port):
        return False
    if _NUMERIC.fullmatch(host) and not _is_address(place.host, IPv4Address):
        return False  # 10.0.0.* is about addresses: 10.0.0.example.com is a name that anybody can own
    if host.startswith("["):
        return _is_address(place.host, IPv6Address) and matches(host.strip("[]"), place.host)
    return matches(host.removesuffix("."), place.host)


def _is_address(host: str, kind: type[IPv4Address] | type[IPv6Address]) -> bool:
    try:
        return isinstance(ip_address(host), kind)
    except ValueError:
        return False


def _disguises(place: Destination) -> Iterator[Destination]:
    """Other names under which the same machine is surely known: its own."""
    yield place
    if not place.path and _is_loopback(place.host):
        for name in _LOOPBACK:
            yield Destination(name, place.port)


def _is_loopback(host: str) -> bool:
    if host in _ALSO_LOOPBACK or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _named(operation: Operation) -> str:
    said = operation.details.get("destination")
    return said if isinstance(said, str) else ""


def _tidy(path: str) -> str:
    plain = posixpath.normpath(path)
    return plain[1:] if plain.startswith("//") else plain
