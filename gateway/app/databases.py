"""All that has to do with databases, put together from one configuration. The House opens and closes it.

It decides nothing: it wires, as the House does. A gateway without databases does not even load what speaks to them;
a reload may bring the first one.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from gateway.adapters.doorstep import Doorstep
from gateway.adapters.ssh.asked import Asked
from gateway.adapters.ssh.forward.roads import Inspected
from gateway.adapters.ssh.inside import Inside, Spawn
from gateway.adapters.ssh.session import Visitor
from gateway.adapters.ssh.target.far_side import FarSide
from gateway.app import wiring
from gateway.app.settings import Settings
from gateway.core.impact import ImpactSource
from gateway.core.people import Session, Target
from gateway.core.ports import Secrets
from gateway.session.lobby import Lobby

if TYPE_CHECKING:
    from gateway.adapters.postgres.adapter import PostgresAdapter
    from gateway.adapters.postgres.greeting.tls import DoorTls, ServerSigner
    from gateway.session.database.parser import Parsers

POSTGRES = "postgres"
PORT = 5432


@dataclass(frozen=True, slots=True)
class _Made:
    """What is there once the first database is."""

    adapter: "PostgresAdapter"
    tls: "DoorTls"
    parsers: "Parsers"


class Databases:
    """`open` it, `listen` where a door is wanted, and `close` it in any case."""

    def __init__(
        self,
        settings: Settings,
        lobby: Lobby,
        find: Callable[[str], Target | None],
        secrets: Secrets,
        signer: "ServerSigner",
        names: tuple[str, ...],
        public_url: str,
    ) -> None:
        """`signer` is for the door's own certificate, `names` are what people call the gateway."""
        self._settings = settings
        self._lobby = lobby
        self._find = find
        self._secrets = secrets
        self._signer = signer
        self._names = names
        self._public_url = public_url
        self._made: _Made | None = None

    @property
    def inspected(self) -> Mapping[str, Inspected]:
        """For the SSH door: who speaks with clients that come through a tunnel."""
        return {POSTGRES: Inspected(PORT, self._begin)}

    @property
    def inside(self) -> Mapping[str, Inside]:
        """For the SSH door: what people get who have nothing but ssh."""
        return {POSTGRES: _Psql(self)}

    @property
    def impact(self) -> ImpactSource:
        """Who finds out what a statement that is held would do."""
        return self.made().adapter.impact

    async def open(self) -> None:
        """Have ready what the first statement needs, where there is anybody to ask one. Raises `Fault`."""
        offered = any(target.kind == POSTGRES for target in self._settings.target)
        if offered or self._settings.listen.postgres is not None:
            await self.made().parsers.start()

    async def listen(self, host: str, port: int) -> int:
        """Open the door; returns its port. Raises `Misconfigured`."""
        made = self.made()
        made.tls.check()
        (bound, *_) = await made.adapter.start(host, port)
        return bound[1]

    async def close(self, grace: float) -> None:
        """Close the door; whoever is in has `grace` seconds to say goodbye."""
        if self._made is not None:
            await self._made.adapter.stop(grace)
            await self._made.parsers.stop()

    def made(self) -> _Made:
        """All of it, made now if need be."""
        if self._made is None:
            self._made = self._make()
        return self._made

    def _make(self) -> _Made:
        from gateway.adapters.postgres.adapter import PostgresAdapter
        from gateway.adapters.postgres.greeting.door import Door
        from gateway.adapters.postgres.greeting.tls import DoorTls
        from gateway.adapters.postgres.upstream.dial import Dialler
        from gateway.session.database.parser import Parsers

        settings = wiring.postgres_door(self._settings, self._names)
        tls, parsers = DoorTls(settings, self._signer), Parsers(most_bytes=settings.max_statement)
        doorstep = Doorstep(
            per_address=settings.max_connections_per_address,
            unauthenticated=settings.max_unauthenticated,
            failures_per_address=settings.login_failures_per_address,
            failures_per_name=settings.login_failures_per_name,
            failure_window=settings.login_failure_window,
        )
        door = Door(self._lobby, self._find, settings, tls.context, doorstep, self._public_url)
        dialler = Dialler(self._secrets, connect_timeout=settings.connect_timeout)
        return _Made(PostgresAdapter(door, dialler, parsers), tls, parsers)

    def _begin(self, visitor: Visitor, target: Target, spawn: Spawn) -> Any:
        from gateway.adapters.postgres.through_ssh import begin

        return begin(self.made().adapter.converse, visitor, target, spawn)


class _Psql:
    """psql inside the gateway, loaded when somebody wants it."""

    name = "psql"

    def __init__(self, databases: Databases) -> None:
        self._databases = databases

    @cached_property
    def _inside(self) -> Inside:
        from gateway.adapters.postgres.cage.inside import PsqlInside

        return PsqlInside(self._databases.made().adapter.converse)

    def why_not(self, target: Target) -> str:
        return self._inside.why_not(target)

    def start(
        self, session: Session, target: Target, asked: Asked, spawn: Spawn
    ) -> AbstractAsyncContextManager[FarSide]:
        return self._inside.start(session, target, asked, spawn)
