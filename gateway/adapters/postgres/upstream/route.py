"""How a target's servers are reached, read from its options. The table of them is in dial.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from gateway.core.people import Target


class Tls(StrEnum):
    """As libpq's `sslmode`."""

    DISABLE = "disable"
    PREFER = "prefer"
    REQUIRE = "require"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"

    @property
    def verifies(self) -> bool:
        """Whoever is in between is found out."""
        return self in (Tls.VERIFY_CA, Tls.VERIFY_FULL)


class Attrs(StrEnum):
    """As libpq's `target_session_attrs`."""

    ANY = "any"
    READ_WRITE = "read-write"
    READ_ONLY = "read-only"
    PRIMARY = "primary"
    STANDBY = "standby"
    PREFER_STANDBY = "prefer-standby"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server may be. The host is a name, an address, or the directory of a Unix socket."""

    host: str
    port: int

    @property
    def socket(self) -> str:
        """The path of the Unix socket; empty where it is none."""
        return f"{self.host.rstrip('/')}/.s.PGSQL.{self.port}" if self.host.startswith("/") else ""

    def __str__(self) -> str:
        return self.socket or (
            f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        )


@dataclass(frozen=True, slots=True)
class Route:
    """All of it."""

    places: tuple[Place, ...]
    database: str
    tls: Tls
    ca_file: str
    server_name: str
    attrs: Attrs

    @classmethod
    def of(cls, target: Target) -> "Route":
        """Raises ValueError for settings that mean nothing: they are checked when they are read, so none should."""
        options = target.options
        hosts: Sequence[tuple[str, int]] = options.get("hosts") or ((target.host, target.port),)
        tls = Tls(options.get("tls") or Tls.VERIFY_FULL)
        ca_file = str(options.get("ca_file") or "")
        if tls is Tls.REQUIRE and ca_file:
            tls = Tls.VERIFY_CA
        return cls(
            tuple(Place(str(host), int(port)) for host, port in hosts),
            str(options.get("database") or ""),
            tls,
            ca_file,
            str(options.get("server_name") or ""),
            Attrs(options.get("session_attrs") or Attrs.ANY),
        )

    def name_at(self, place: Place) -> str:
        """The name that the certificate of this place must have."""
        return self.server_name or place.host


def is_near(host: str) -> bool:
    """Whether what is sent to this address stays on this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
