"""The small values a configuration is made of: durations, sizes, addresses, references to secrets.

Each has one function that reads it and says in a sentence what is wrong, and one way to write it back. Nothing
here looks at files, and nothing here ever holds a secret: only where to find one.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from gateway.secrets.aws import read_aws
from gateway.secrets.vault.settings import read_field, read_place

_DURATION = re.compile(r"(?:(\d{1,5})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,7})s)?", re.ASCII)
_SIZE = re.compile(r"(\d{1,15})(B|KiB|MiB|GiB|TiB|KB|MB|GB|TB)", re.ASCII)
_UNITS = {
    "B": 1,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "TiB": 1 << 40,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
}
_HOST = re.compile(r"[A-Za-z0-9{]([A-Za-z0-9._{}-]{0,252}[A-Za-z0-9}])?", re.ASCII)
_PORT = re.compile(r"\d{1,5}", re.ASCII)
_DIRECTORY = re.compile(r"/[A-Za-z0-9._/{}@+-]{0,90}", re.ASCII)
"""The whole name of a socket may have 107 letters on Linux."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)

SECRETS_GO = (
    'use { env = "NAME" }, { file = "PATH" }, { command = ["PROGRAM", "ARGUMENT"] }, '
    '{ vault = "PATH#FIELD" } or { aws = "NAME" }'
)


def read_duration(text: str) -> timedelta:
    """`10s`, `5m`, `12h`, `1h30m`. Raises ValueError with a sentence."""
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        raise ValueError('must be a duration, as in "10s", "5m", "12h" or "1h30m"')
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def show_duration(value: timedelta) -> str:
    """The shortest text that `read_duration` reads back as `value`."""
    left = int(value.total_seconds())
    parts = []
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def read_size(text: str) -> int:
    """`500MiB` as a number of bytes. Raises ValueError with a sentence."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError('must be a size, as in "500MiB" or "2GB"')
    return int(found[1]) * _UNITS[found[2]]


def show_size(value: int) -> str:
    """The text with the largest binary unit that `read_size` reads back as `value`."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if value and value % _UNITS[unit] == 0:
            return f"{value // _UNITS[unit]}{unit}"
    return f"{value}B"


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port: where to listen, or where to go."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_socket(self) -> bool:
        """A directory with a Unix socket in it, and no machine."""
        return self.host.startswith("/")

    @property
    def is_loopback(self) -> bool:
        """True where only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def is_everywhere(self) -> bool:
        """True for the address that stands for all of a machine's addresses."""
        try:
            return ipaddress.ip_address(self.host).is_unspecified
        except ValueError:
            return False


def read_address(text: str) -> Address:
    """`127.0.0.1:2222`, `gateway.example.com:22`, `[::1]:2222`. Raises ValueError with a sentence."""
    host, colon, port = text.rpartition(":")
    if not colon or not host:
        raise ValueError('must be a host and a port, as in "127.0.0.1:2222" or "[::1]:2222"')
    if not _PORT.fullmatch(port) or int(port) > 65535:
        raise ValueError("the port must be a number from 0 to 65535")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        try:
            return Address(str(ipaddress.IPv6Address(host)), int(port))
        except ValueError:
            raise ValueError("what stands in brackets must be an IPv6 address") from None
    if ":" in host:
        raise ValueError('an IPv6 address must be in brackets, as in "[::1]:2222"')
    if not _HOST.fullmatch(host):
        raise ValueError("the host may have only letters, digits, dots and hyphens")
    return Address(host, int(port))


def read_server(text: str) -> Address:
    """As `read_address`, or a directory that holds a PostgreSQL server's socket: `/var/run/postgresql:5432`. Raises
    ValueError with a sentence."""
    if not isinstance(text, str):
        raise ValueError("must be text in quotes")
    directory, colon, port = text.rpartition(":")
    if not text.startswith("/"):
        return read_address(text)
    if not colon or not _DIRECTORY.fullmatch(directory):
        raise ValueError('must be a directory and a port, as in "/var/run/postgresql:5432"')
    if not _PORT.fullmatch(port) or int(port) > 65535:
        raise ValueError("the port must be a number from 0 to 65535")
    return Address(directory, int(port))


@dataclass(frozen=True, slots=True)
class SecretReference:
    """Where a secret is found when it is used. `value` is a variable's name, a path, an argument list, or a name in a
    vault or in AWS; `more` is what else the latter takes."""

    kind: Literal["env", "file", "command", "vault", "aws", "vault_ssh"]
    value: str | tuple[str, ...]
    more: tuple[tuple[str, str], ...] = ()

    def as_mapping(self) -> Mapping[str, Any]:
        """The form the Secrets port takes."""
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        return {self.kind: value, **dict(self.more)}


def read_secret(given: object) -> SecretReference:
    """A reference from its table. Raises ValueError with a sentence that never repeats what was given."""
    if isinstance(given, SecretReference):
        return given
    if isinstance(given, str):
        raise ValueError(f"a secret is never written into the configuration: {SECRETS_GO}")
    if isinstance(given, dict) and "aws" in given:
        read_aws(given)
        more = tuple((key, given[key]) for key in ("field", "region") if key in given)
        return SecretReference("aws", given["aws"], more)
    if not isinstance(given, dict) or len(given) != 1:
        raise ValueError(f"must be one reference to a secret: {SECRETS_GO}")
    ((kind, value),) = given.items()
    if kind == "vault":
        return SecretReference("vault", str(read_field(value if isinstance(value, str) else "")))
    if kind == "env":
        if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
            raise ValueError("env must be the name of an environment variable")
        return SecretReference("env", value)
    if kind == "file":
        if not isinstance(value, str) or not value or "\0" in value:
            raise ValueError("file must be a path")
        return SecretReference("file", value)
    if kind == "command":
        return SecretReference("command", _arguments(value))
    raise ValueError(f"must be one reference to a secret: {SECRETS_GO}")


def read_key(given: object) -> SecretReference:
    """A reference to a private key, or to an authority that signs one for each connection. Raises ValueError."""
    if isinstance(given, dict) and set(given) == {"vault_ssh"}:
        place = given["vault_ssh"]
        place = read_place(place if isinstance(place, str) else "", "vault_ssh", "ssh/sign/deploy")
        return SecretReference("vault_ssh", place)
    return read_secret(given)


def _arguments(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError("command must be a list of the program and its arguments; no shell reads it")
    if not all(isinstance(part, str) and "\0" not in part for part in value) or not value[0]:
        raise ValueError("command must be a list of the program and its arguments; no shell reads it")
    return tuple(value)
