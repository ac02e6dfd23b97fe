"""All that has to do with databases, put together from one configuration. The House opens and closes it.

It decides nothing: it wires, as the House does.
"""

from collections.abc import Callable, Mapping

from gateway.adapters.doorstep import Doorstep
from gateway.adapters.postgres.adapter import PostgresAdapter
from gateway.adapters.postgres.cage.inside import PsqlInside
from gateway.adapters.postgres.greeting.door import Door
from gateway.adapters.postgres.greeting.tls import DoorTls, ServerSigner
from gateway.adapters.postgres.through_ssh import inspected_by
from gateway.adapters.postgres.upstream.dial import Dialler
from gateway.adapters.ssh.forward.roads import Inspected
from gateway.adapters.ssh.inside import Inside
from gateway.app import wiring
from gateway.app.settings import Settings
from gateway.core.people import Target
from gateway.core.ports import Secrets
from gateway.session.database.parser import Parsers
from gateway.session.lobby import Lobby

POSTGRES = "postgres"


class Databases:
    """`open` it, `listen` where a door is wanted, and `close` it in any case."""

    def __init__(
        self,
        settings: Settings,
        lobby: Lobby,
        find: Callable[[str], Target | None],
        secrets: Secrets,
        signer: ServerSigner,
        names: tuple[str, ...],
        public_url: str,
    ) -> None:
        """`signer` is for the door's own certificate, `names` are what people call the gateway."""
        door = wiring.postgres_door(settings, names)
        self._settings = settings
        self._tls = DoorTls(door, signer)
        self._parsers = Parsers(most_bytes=door.max_statement)
        doorstep = Doorstep(
            per_address=door.max_connections_per_address,
            unauthenticated=door.max_unauthenticated,
            failures_per_address=door.login_failures_per_address,
            failures_per_name=door.login_failures_per_name,
            failure_window=door.login_failure_window,
        )
        self._adapter = PostgresAdapter(
            Door(lobby, find, door, self._tls.context, doorstep, public_url),
            Dialler(secrets, connect_timeout=door.connect_timeout),
            self._parsers,
        )

    @property
    def inspected(self) -> Mapping[str, Inspected]:
        """For the SSH door: who speaks with clients that come through a tunnel."""
        return {POSTGRES: inspected_by(self._adapter.converse)}

    @property
    def inside(self) -> Mapping[str, Inside]:
        """For the SSH door: what people get who have nothing but ssh."""
        return {POSTGRES: PsqlInside(self._adapter.converse)}

    async def open(self) -> None:
        """Have ready what the first statement needs, where there is anybody to ask one. Raises `Fault`."""
        offered = any(target.kind == POSTGRES for target in self._settings.target)
        if offered or self._settings.listen.postgres is not None:
            await self._parsers.start()

    async def listen(self, host: str, port: int) -> int:
        """Open the door; returns its port. Raises `Misconfigured`."""
        self._tls.check()
        (bound, *_) = await self._adapter.start(host, port)
        return bound[1]

    async def close(self, grace: float) -> None:
        """Close the door; whoever is in has `grace` seconds to say goodbye."""
        await self._adapter.stop(grace)
        await self._parsers.stop()
