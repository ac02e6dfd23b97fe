"""Puts a door together: its TLS and its doorstep, from its settings. For the composition root."""

from collections.abc import Callable

from gateway.adapters.doorstep import Doorstep
from gateway.adapters.postgres.greeting.door import Door, PostgresDoor
from gateway.adapters.postgres.greeting.tls import DoorTls, ServerSigner
from gateway.core.people import Target
from gateway.session.lobby import Lobby


def furnished(
    settings: PostgresDoor,
    lobby: Lobby,
    find: Callable[[str], Target | None],
    signer: ServerSigner | None,
    public_url: str = "",
) -> Door:
    """A door for a listener. Raises `Misconfigured` where it would have no certificate to show."""
    tls = DoorTls(settings, signer)
    tls.check()
    doorstep = Doorstep(
        per_address=settings.max_connections_per_address,
        unauthenticated=settings.max_unauthenticated,
        failures_per_address=settings.login_failures_per_address,
        failures_per_name=settings.login_failures_per_name,
        failure_window=settings.login_failure_window,
    )
    return Door(lobby, find, settings, tls.context, doorstep, public_url)
