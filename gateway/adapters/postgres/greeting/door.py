"""The settings of the PostgreSQL door, and all that meeting somebody there needs. No behaviour."""

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gateway.adapters.doorstep import Doorstep
from gateway.core.people import Principal, Target
from gateway.session.lobby import Lobby

SCOPE = "database"
"""What psql asks the gateway's OAuth pages for; `database:appdb` for one target."""


@dataclass(frozen=True, slots=True)
class PostgresDoor:
    """How the PostgreSQL door behaves. Times are in seconds."""

    certificate: Path | None = None
    """The server's certificate, with what leads up to its authority; None: one of the gateway's own authority."""
    key: Path | None = None
    """The key of `certificate`."""
    names: tuple[str, ...] = ()
    """What people call the gateway: names and addresses in the certificate of its own authority."""
    login_grace: float = 30.0
    """A connection that has not signed in by then is closed."""
    connect_timeout: float = 10.0
    """A target has as long to let us in."""
    keepalive: float = 60.0
    max_statement: int = 1 << 20
    """Bytes of one statement."""
    max_connections: int = 2000
    max_connections_per_address: int = 100
    max_unauthenticated: int = 100
    """Connections in all that may be signing in at one time."""
    login_failures_per_address: int = 20
    """So many failed sign-ins within the window, and nobody from their address may try for the rest of it."""
    login_failures_per_name: int = 100
    """So many for one target: only the audit log says so, and no longer each of them."""
    login_failure_window: float = 60.0


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is known already, and for what they came: through SSH, or with a ticket."""

    principal: Principal
    target: str
    login: str = ""


class Courtesy:
    """Something that one of all who come gets each second."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._next = 0.0

    def allows(self) -> bool:
        """Is it their turn?"""
        now = self._now()
        if now < self._next:
            return False
        self._next = now + 1.0
        return True


@dataclass(frozen=True, slots=True)
class Door:
    """What `greet` needs. For those who come through SSH only `lobby`, `find` and `visitor` count."""

    lobby: Lobby
    find: Callable[[str], Target | None]
    """Asks the inventory."""
    settings: PostgresDoor = PostgresDoor()
    tls: Callable[[], ssl.SSLContext] | None = None
    """The context in force now: `tls.DoorTls.context`. None: TLS is not offered, so nobody but visitors comes in."""
    doorstep: Doorstep | None = None
    """Who stands at the door. Whoever serves somebody who has arrived tells it when they leave; `greet` does the
    rest."""
    public_url: str = ""
    """Where browsers reach the gateway; empty: psql can not sign in by itself."""
    visitor: Visitor | None = None
    courtesy: Courtesy = field(default_factory=Courtesy)
    """Words for those who have failed too often."""
