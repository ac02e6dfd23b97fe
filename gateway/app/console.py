"""What consoles are to the rest of the gateway: who gets one, and a way to the API that is theirs alone.

A console is opened by role, as the API is, so rules do not judge it. Each has connections of its own into the API,
and a token that is good on those only, for as long as its session lives; neither can be had from anywhere else.
"""

import asyncio
import hmac
import logging
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from gateway.adapters.console.inside import KIND, ConsoleInside, Limits
from gateway.adapters.console.zygote import Zygote
from gateway.api.callers import IDENTIFY
from gateway.api.rights import PERSON, ROLES, STAFF
from gateway.app.settings import Settings
from gateway.core.errors import Refused
from gateway.core.operation import Operation
from gateway.core.people import Peer, Principal, Session
from gateway.core.ports import CertificateRow, TokenRow
from gateway.core.verdict import Allow, Verdict
from gateway.session.live import LiveSessions
from gateway.session.organs import Judge

if TYPE_CHECKING:
    import uvicorn

RULE = "roles"
FOR_STAFF = f"a console is for staff: {', '.join(role for role in ROLES if role in STAFF)}"
NOT_BY_CODE = "a sign-in by code is not enough for a console - use: hoop-tui login"
ROLE_IS_GONE = "a console is for staff, and you are not any more"

log = logging.getLogger("hoop.console")


class Books(Protocol):
    """The part of the ledger that this module needs."""

    async def certificate(self, serial: int) -> CertificateRow | None: ...
    async def token(self, id: str) -> TokenRow | None: ...


class Consoles:
    """All of this gateway. `close` it when it was used."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        books: Books,
        still: Callable[[Principal], Principal | None],
        live: LiveSessions,
        api: Callable[[], Any],
    ) -> None:
        """`api` is asked for the ASGI app, once somebody needs it."""
        self._settings = settings
        self._books = books
        self._still = still
        self._live = live
        self._api = api
        self.zygote = Zygote()
        table = settings().console
        limits = Limits(table.max_sessions, table.max_per_person, table.idle)
        self.inside = ConsoleInside(self.zygote, self, limits)

    def warm(self) -> None:
        """Have the first one open as fast as the others, where there may be one."""
        settings = self._settings()
        if settings.console.enabled and settings.listen.ssh is not None:
            self.zygote.warm()

    def close(self) -> None:
        """End what they are opened from."""
        self.zygote.close()

    async def why_not(self, session: Session) -> str:
        """Why this person gets no console; empty where they do."""
        who = session.principal
        if not who.roles & STAFF:
            return FOR_STAFF
        return "" if who.roles & STAFF & await self._shown(who) else NOT_BY_CODE

    @contextmanager
    def line(self, session: Session) -> Iterator["Line"]:
        """A way to the API for the console of this session."""
        line = Line(self._api(), lambda: self._who(session), session.peer)
        try:
            yield line
        finally:
            line.close()

    def end(self, session: Session, why: str) -> None:
        """End a console."""
        gate = self._live.get(session.id)
        if gate is not None:
            gate.end(why)

    async def _who(self, session: Session) -> Principal:
        """Whoever sits at it, as they are now. Raises `Refused`."""
        gate = self._live.get(session.id)
        person = self._still(session.principal)
        if gate is None or gate.closed or gate.ended.is_set() or person is None:
            raise Refused("this console has ended")
        roles = person.roles & await self._shown(session.principal) - PERSON
        if not roles & STAFF:
            gate.end(ROLE_IS_GONE)
            raise Refused(ROLE_IS_GONE)
        return replace(person, roles=roles)

    async def _shown(self, who: Principal) -> frozenset[str]:
        """The roles that come with what they signed in with: a certificate has those of the token that it was asked
        for with; a code, which may be confirmed by somebody who was tricked into it, those that are for codes."""
        how, _, what = who.method.partition(" ")
        if how == "ssh-key":
            return frozenset(ROLES)
        if how == "ssh-certificate":
            row = await self._books.certificate(int(what))
            token = await self._books.token(row.token) if row is not None and row.token else None
            if row is None or (token is None and row.token):
                return frozenset()
            return token.roles if token is not None and token.roles else frozenset(ROLES)
        return frozenset(self._settings().login.device_roles)


class Line:
    """One console's way to the API: its token, and the connections that it has made."""

    def __init__(self, app: Any, who: Callable[[], Any], peer: Peer) -> None:
        self.token = secrets.token_urlsafe(32)
        self._app = app
        self._who = who
        self._peer = peer
        self._config, self._state = _uvicorn(self._serve)
        self._connecting: set[asyncio.Task[Any]] = set()

    def came(self, connection: socket.socket) -> None:
        """The console has made this connection."""
        config, state, loop = self._config, self._state, asyncio.get_running_loop()

        def protocol() -> Any:
            return config.http_protocol_class(config=config, server_state=state, app_state={})  # type: ignore[call-arg]  # as uvicorn itself does

        connecting = loop.create_task(loop.connect_accepted_socket(protocol, connection))
        self._connecting.add(connecting)
        connecting.add_done_callback(self._connecting.discard)

    def close(self) -> None:
        """Hang up, whatever is being asked."""
        for connecting in self._connecting:
            connecting.cancel()
        for connection in list(self._state.connections):
            connection.transport.abort()

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        ours = {**scope, "client": (self._peer.address, self._peer.port), IDENTIFY: self._identify}
        await self._app(ours, receive, send)

    async def _identify(self, token: str, peer: Peer) -> Principal:
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            raise Refused("this console's line takes its own token only")
        who: Principal = await self._who()
        return who


def _uvicorn(app: Any) -> tuple["uvicorn.Config", Any]:
    import uvicorn
    from uvicorn.server import ServerState

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        ws="none",
        proxy_headers=False,
        interface="asgi3",
    )
    config.load()
    return config, ServerState()


def by_roles(judge: Callable[[], Judge]) -> Callable[[], Judge]:
    """The same judge, who leaves consoles to roles: those have decided before anything is asked."""

    def judged() -> Judge:
        rules = judge()

        def decide(operation: Operation, session: Session) -> Verdict:
            return Allow(RULE) if session.target.kind == KIND else rules.decide(operation, session)

        return replace(rules, decide=decide)

    return judged
