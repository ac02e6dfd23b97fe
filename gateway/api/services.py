"""What the API needs from the rest of the gateway. The composition root fills it in; tests do, too."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Protocol

from fastapi import Depends, Request

from gateway.core.people import Peer, Principal
from gateway.core.ports import LEASE, Blobs, Bus, Clock, Ledger
from gateway.session.gate import Gate

Identify = Callable[[str, Peer], Awaitable[Principal]]
"""Who presents this token? Raises `Refused`."""


class Live(Protocol):
    """Knows the open sessions: `gateway.session.live.LiveSessions`."""

    def ids(self) -> AbstractSet[str]: ...
    def get(self, id: str) -> Gate | None: ...
    def of(self, person: str) -> Sequence[Gate]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServices:
    """The organs behind the API."""

    ledger: Ledger
    blobs: Blobs
    bus: Bus
    clock: Clock
    identify: Identify
    live: Live
    """The sessions that are open in this process right now."""
    gateway_name: str
    version: str
    demo: bool = False
    hints: tuple[str, ...] = ()
    """Lines for the foot of the sessions screen."""
    lease: timedelta = LEASE
    """A session that no gateway has said to be alive for so long is lost."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set it when the gateway closes: feeds and long polls end at once instead of being cut off."""


def _services(request: Request) -> ApiServices:
    services = request.app.state.services
    assert isinstance(services, ApiServices)
    return services


Services = Annotated[ApiServices, Depends(_services)]
