"""What the API needs from the rest of the gateway. The composition root fills it in; tests do, too."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, NamedTuple, Protocol

from fastapi import Depends, HTTPException, Request

from gateway.api.schema import (
    CertificateAsked,
    DatabaseTokenAsked,
    MachineAsked,
    MachineSummary,
    PasswordGiven,
    SignedInToken,
    SshCertificate,
)
from gateway.api.schema_databases import DatabaseCertificate, DatabaseCertificateAsked, DatabasePassword
from gateway.core.people import Known, Peer, Principal
from gateway.core.ports import LEASE, Blobs, Bus, Clock, Ledger
from gateway.session.approvals import Approvals
from gateway.session.beforehand import Beforehand
from gateway.session.doorbell import Doorbell
from gateway.session.gate import Gate
from gateway.session.impacts import Impacts

Identify = Callable[[str, Peer], Awaitable[Principal]]
"""Who presents this token? Raises `Refused`."""


class Live(Protocol):
    """Knows the open sessions: `gateway.session.live.LiveSessions`."""

    def ids(self) -> AbstractSet[str]: ...
    def get(self, id: str) -> Gate | None: ...
    def of(self, person: str) -> Sequence[Gate]: ...


async def _nobody() -> Sequence[Known]:
    return ()


async def _no_machines() -> Sequence[MachineSummary]:
    return ()


class Issuer(NamedTuple):
    """An identity provider to choose: its name in the configuration, and what people call it."""

    name: str
    title: str


class Journey(Protocol):
    """A visit to a provider under way: `gateway.identity.oidc`. Only its desk looks inside."""

    @property
    def url(self) -> str:
        """Where the browser goes."""
        ...

    @property
    def state(self) -> str:
        """What it comes back with: random, and in no other journey."""
        ...

    @property
    def callback(self) -> str:
        """Where it comes back to: of several providers, each has a place of its own."""
        ...


class Desk(Protocol):
    """Who signs people in, and hands out what they go on with. Everything that it refuses raises `Refused` with a
    sentence for the person, and is in the audit log by then, as is what it hands out."""

    @property
    def issuers(self) -> Sequence[Issuer]: ...

    @property
    def local(self) -> bool:
        """Is there anybody who signs in with a password?"""
        ...

    async def begin(self, issuer: str, callback: str) -> Journey:
        """Start at this provider, which sends the browser back to `callback`. An unknown one is `Refused`; one that
        can not be reached now is a `Fault`."""
        ...

    async def finish(self, journey: Any, query: Mapping[str, str], browser: Peer) -> Principal:
        """Who came back? `query` is what the browser brought, its state compared already."""
        ...

    async def by_password(self, given: PasswordGiven, peer: Peer) -> Principal: ...

    async def by_machine(self, asked: MachineAsked, peer: Peer) -> SignedInToken: ...

    async def issue(self, who: Principal, peer: Peer, how: str, browser: Peer | None = None) -> SignedInToken:
        """A login token. `how`: `code` (their own browser came back to it), `device` or `password`; `browser`: where
        they confirmed it."""
        ...

    async def refresh(self, who: Principal, peer: Peer) -> SignedInToken:
        """Another login token for the one that `who` called with, which ends."""
        ...

    async def logout(self, who: Principal) -> None:
        """End the token that `who` called with, and what was made with it."""
        ...

    async def certify(self, who: Principal, asked: CertificateAsked, peer: Peer) -> SshCertificate: ...

    async def database_token(
        self, who: Principal, asked: DatabaseTokenAsked, peer: Peer
    ) -> DatabasePassword: ...

    async def oauth_token(
        self, who: Principal, target: str, peer: Peer, browser: Peer | None
    ) -> SignedInToken:
        """A password for databases, for somebody whose client signs in by itself. No `target`: all that they may."""
        ...

    async def database_certificate(
        self, who: Principal, asked: DatabaseCertificateAsked, peer: Peer
    ) -> DatabaseCertificate: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """What signing in needs."""

    desk: Desk
    doorbell: Doorbell
    public_url: str
    """Where browsers reach this API; no slash at its end. Cookies are for https only where it says https."""


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
    approvals: Approvals
    """Where people decide about what is held."""
    beforehand: Beforehand | None = None
    """Where they ask before anything is. None: nobody does here."""
    impacts: Impacts | None = None
    """Where they ask what it would do. None: nobody can tell here."""
    everybody: Callable[[], Awaitable[Sequence[Known]]] = _nobody
    """People of the configuration and of providers, and machines: those who are locked, too."""
    machines: Callable[[], Awaitable[Sequence[MachineSummary]]] = _no_machines
    sign_in: SignIn | None = None
    """None: people and machines are known by keys and tokens only, and there are no pages."""
    gateway_name: str
    version: str
    demo: bool = False
    hints: tuple[str, ...] = ()
    """Lines for the foot of the sessions screen."""
    ticket_url: Callable[[], str] = lambda: ""
    """Where tickets are read: https, with `{ticket}` in it. Empty: nowhere."""
    lease: timedelta = LEASE
    """A session that no gateway has said to be alive for so long is lost."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set it when the gateway closes: feeds and long polls end at once instead of being cut off."""


def _services(request: Request) -> ApiServices:
    services = request.app.state.services
    assert isinstance(services, ApiServices)
    return services


def _sign_in(request: Request) -> SignIn:
    sign_in = _services(request).sign_in
    if sign_in is None:
        raise HTTPException(404, "nobody signs in here: this gateway knows people by keys and tokens only")
    return sign_in


Services = Annotated[ApiServices, Depends(_services)]
SigningIn = Annotated[SignIn, Depends(_sign_in)]
