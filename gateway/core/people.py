"""Who asks, from where, for which target: the parties of one session."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Principal:
    """A person the gateway has identified. `id` never changes; `name` is for display, and no two people share one."""

    id: str
    name: str
    groups: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    method: str = ""
    """How they proved who they are, for the audit: "ssh-key SHA256:...", "token t-7QF2"."""
    targets: frozenset[str] = frozenset()
    """The only targets that this sign-in reaches; with none named, all that rules allow."""
    expires_at: datetime | None = None
    """When what was shown is over; None: not by itself."""
    token: str = ""
    """The id of the token that this call was made with; empty where there was none, as with a key."""
    token_kind: str = ""
    """What that token is for, as `TokenRow.kind` has it: decides what may be asked of the API."""


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody there is, whether or not they may come in just now."""

    principal: Principal
    """With the groups and roles that they have when they come in."""
    issuer: str = ""
    """Who vouches for them; empty: the configuration names them."""
    checked_at: datetime | None = None
    """When the issuer last did."""
    gone: bool = False
    """Asked again, it said no."""
    owner: str = ""
    """Set for machines: the name of who answers for it."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The network end a person came from."""

    address: str
    port: int = 0
    client: str = ""
    """What the client program says it is. Never trusted, only shown."""


@dataclass(frozen=True, slots=True)
class Target:
    """A machine or database in the inventory. `options` belong to the adapter of its kind."""

    name: str
    kind: str
    host: str
    port: int
    user: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def has_shell(self) -> bool:
        """Anything but `full` means no: what can not be understood must not open more."""
        return bool(self.options.get("shell", "full") == "full")


@dataclass(frozen=True, slots=True)
class Session:
    """One conversation of one person with one target: one recording, one Gate."""

    id: str
    principal: Principal
    target: Target
    peer: Peer
    started_at: datetime
    login: str = ""
    """The account on the target that this session uses."""
