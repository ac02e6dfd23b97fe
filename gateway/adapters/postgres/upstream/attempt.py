"""One attempt at one address: connect, encrypt as far as that is wanted, sign in, and look whether it suits."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gateway.adapters.postgres.end import SocketEnd
from gateway.adapters.postgres.upstream.attrs import suits
from gateway.adapters.postgres.upstream.credential import Credential
from gateway.adapters.postgres.upstream.incoming import Incoming
from gateway.adapters.postgres.upstream.lane import Address, Lane
from gateway.adapters.postgres.upstream.parameters import called, startup_parameters
from gateway.adapters.postgres.upstream.refusal import (
    NO_ENTRY,
    NOT_SUPPORTED,
    Missed,
    NoEncryption,
    ServerRefused,
    refused,
)
from gateway.adapters.postgres.upstream.route import Attrs, Route, Tls
from gateway.adapters.postgres.upstream.server import Server
from gateway.adapters.postgres.upstream.sign_in import Circumstances, Refusal, SignIn, Welcome
from gateway.adapters.postgres.upstream.tls import Contexts
from gateway.core.errors import Malformed
from gateway.core.people import Target
from gateway.wire.postgres.messages import TERMINATE
from gateway.wire.postgres.startup import make_startup

log = logging.getLogger("hoop.postgres")

OLDEST = (3, 0)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted of a server, whichever it will be."""

    login: str
    on_behalf_of: str
    parameters: Mapping[str, str]
    protocol: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Attempt:
    """At any of a target's servers. `at` may be called several times."""

    target: Target
    route: Route
    credential: Credential
    contexts: Contexts
    asked: Asked
    patience: float

    async def at(self, address: Address, name: str, attrs: Attrs) -> Server:
        """Raises `Missed` and `ServerRefused`."""
        lane = await self._lane(address, name)
        if not lane.or_plain:
            return await self._try(lane, attrs)
        try:
            return await self._try(lane, attrs)
        except NoEncryption:
            pass
        except ServerRefused as problem:
            if problem.sqlstate != NO_ENTRY:
                raise
        return await self._try(Lane(address), attrs)

    async def _lane(self, address: Address, name: str) -> Lane:
        if self.route.tls is Tls.DISABLE or address.is_socket:
            return Lane(address)
        context = await self.contexts.ready(self.route, self.credential)
        return Lane(address, context, name, or_plain=self.route.tls is Tls.PREFER)

    async def _try(self, lane: Lane, attrs: Attrs) -> Server:
        """An old server that does not know the version that is asked for is asked again for one that it knows."""
        try:
            return await self._sign_in(lane, attrs, self.asked.protocol)
        except ServerRefused as problem:
            if problem.sqlstate != NOT_SUPPORTED or self.asked.protocol == OLDEST:
                raise
        return await self._sign_in(lane, attrs, OLDEST)

    async def _sign_in(self, lane: Lane, attrs: Attrs, protocol: tuple[int, int]) -> Server:
        end = await self._opened(lane)
        incoming = Incoming(end)
        try:
            welcome = await self._welcome(end, incoming, lane, protocol)
            if not await suits(attrs, welcome, end, incoming):
                end.write(TERMINATE)
                end.close()
                raise Missed(f"none of its servers is what is wanted ({attrs})")
        except Malformed as problem:
            end.abort()
            raise Missed("it does not speak PostgreSQL as the gateway does", problem.sentence) from None
        except BaseException:
            end.abort()
            raise
        # A cancel request is never sent in the clear where the session was not.
        lane = replace(lane, or_plain=False) if end.secured else Lane(lane.address)
        return self._server(end, welcome, incoming, lane)

    async def _opened(self, lane: Lane) -> SocketEnd:
        try:
            return await lane.open()
        except Malformed as problem:
            raise Missed("it does not speak PostgreSQL as the gateway does", problem.sentence) from None

    async def _welcome(
        self, end: SocketEnd, incoming: Incoming, lane: Lane, protocol: tuple[int, int]
    ) -> Welcome:
        asked = self.asked
        about = Circumstances(
            asked.login,
            private=end.secured or lane.address.is_near,
            verified=end.secured and self.route.tls is Tls.VERIFY_FULL,
        )
        parameters = startup_parameters(
            asked.login, self.route.database, asked.on_behalf_of, asked.parameters
        )
        try:
            startup = make_startup(parameters, protocol)
        except ValueError:
            raise Missed("what your client asks for at its start can not be passed on", final=True) from None
        try:
            return await SignIn(end, incoming, self.credential, about).enter(startup, protocol)
        except Refusal as problem:
            database = self.route.database or asked.login
            raise refused(self.target, database, problem.fields, problem.told, self.credential) from None

    def _server(self, end: SocketEnd, welcome: Welcome, incoming: Incoming, lane: Lane) -> Server:
        names = called(self.asked.parameters, self.asked.on_behalf_of)
        return Server(
            end,
            {name: names.reported(name, value) for name, value in welcome.parameters.items()},
            welcome.pid,
            welcome.secret,
            welcome.status,
            welcome.notices,
            incoming.rest,
            welcome.protocol,
            lane,
            names,
            self.patience,
        )
