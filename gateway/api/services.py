"""What the API needs from the rest of the gateway. The composition root fills it in; tests do, too."""

import asyncio
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from gateway.core.people import Peer, Principal
from gateway.core.ports import Blobs, Bus, Clock, Ledger

Identify = Callable[[str, Peer], Awaitable[Principal]]
"""Who presents this token? Raises `Refused`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServices:
    """The organs behind the API."""

    ledger: Ledger
    blobs: Blobs
    bus: Bus
    clock: Clock
    identify: Identify
    live_sessions: Callable[[], AbstractSet[str]]
    """Ids of the sessions that are open in this process right now."""
    gateway_name: str
    version: str
    demo: bool = False
    hints: tuple[str, ...] = ()
    """Lines for the foot of the sessions screen."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set it when the gateway closes: feeds and long polls end at once instead of being cut off."""


def _services(request: Request) -> ApiServices:
    services = request.app.state.services
    assert isinstance(services, ApiServices)
    return services


Services = Annotated[ApiServices, Depends(_services)]
