"""Dials a target: its servers in order, until one has let us in and is of the kind that is wanted.

What is read of a target's `options`, and what counts where it is left out:

hosts          (host, port) pairs, tried in order. A host that begins with `/` is the directory of a Unix socket.
               Left out: the target's own `host` and `port`.
database       Left out: called like the account, as PostgreSQL has it.
tls            `disable`, `prefer`, `require`, `verify-ca` or `verify-full`, each as libpq means it; Unix sockets have
               none. Left out: `verify-full`.
ca_file        Path of the certificates that are trusted; with it `require` means `verify-ca`, as in libpq.
               Left out: those that the system trusts.
server_name    What the certificate must be for, and the server is asked for. Left out: the host.
session_attrs  `any`, `read-write`, `read-only`, `primary`, `standby` or `prefer-standby`. Left out: `any`.
password       Reference to a secret.
key            Reference to a secret: the key of a client certificate, as PEM without a passphrase.
certificate    That certificate, and what leads to its authority: path of a PEM file, or reference to a secret.

The account is the `login` that `dial` is called with. Whether people may ask for the start-up settings that come
along is decided before.
"""

import asyncio
import logging
from collections.abc import Mapping

from gateway.adapters.postgres.upstream.attempt import Asked, Attempt
from gateway.adapters.postgres.upstream.credential import fetch_credential, forget_credential
from gateway.adapters.postgres.upstream.lane import Address, addresses
from gateway.adapters.postgres.upstream.refusal import NOT_NOW, Missed, ServerRefused, cannot_be_reached
from gateway.adapters.postgres.upstream.route import Attrs, Place, Route
from gateway.adapters.postgres.upstream.server import Server
from gateway.adapters.postgres.upstream.tls import Contexts
from gateway.core.errors import Unreachable
from gateway.core.people import Target
from gateway.core.ports import Secrets

log = logging.getLogger("hoop.postgres")


class Dialler:
    """Reaches targets of kind postgres. One serves all sessions."""

    def __init__(self, secrets: Secrets, *, connect_timeout: float = 10.0) -> None:
        """`connect_timeout`: seconds until a session must have begun, over all servers of a target."""
        self._secrets = secrets
        self._connect_timeout = connect_timeout
        self._contexts = Contexts()

    async def dial(
        self,
        target: Target,
        login: str,
        on_behalf_of: str,
        parameters: Mapping[str, str],
        protocol: tuple[int, int] = (3, 0),
    ) -> Server:
        """A server at its first ReadyForQuery. `on_behalf_of` is the person, for the server's log. `parameters` are
        the start-up settings to pass on, `protocol` the newest version that the person's client understands.

        Raises `Unreachable`; where a server said no it is a `ServerRefused` with its SQLSTATE."""
        try:
            route = Route.of(target)
        except (ValueError, TypeError):
            log.error("the settings of %s can not be used", target.name)
            raise cannot_be_reached(target, "the gateway's settings for it are unusable") from None
        credential = await fetch_credential(target, self._secrets)
        asked = Asked(login, on_behalf_of, parameters, protocol)
        attempt = Attempt(target, route, credential, self._contexts, asked, self._connect_timeout)
        try:
            return await _Round(target, route, attempt, self._connect_timeout).dial()
        except ServerRefused as problem:
            if problem.is_sign_in:
                forget_credential(target, self._secrets)
            raise


class _Round:
    """All servers of a target, one after another. Each gets its share of the time that is left."""

    def __init__(self, target: Target, route: Route, attempt: Attempt, patience: float) -> None:
        self._target = target
        self._route = route
        self._attempt = attempt
        self._clock = asyncio.get_running_loop().time
        self._over_at = self._clock() + patience
        self._last: Unreachable | None = None

    async def dial(self) -> Server:
        """Raises `Unreachable`: for the last of them, where there are several."""
        kinds = (
            (Attrs.STANDBY, Attrs.ANY) if self._route.attrs is Attrs.PREFER_STANDBY else (self._route.attrs,)
        )
        turns = [(kind, place) for kind in kinds for place in self._route.places]
        for index, (kind, place) in enumerate(turns):
            share = (self._over_at - self._clock()) / (len(turns) - index)
            server = await self._at(place, kind, share)
            if server is not None:
                return server
        assert self._last is not None
        raise self._last

    async def _at(self, place: Place, kind: Attrs, share: float) -> Server | None:
        """None: it could not be had there, and why is kept."""
        over_at = self._clock() + share
        found = await self._addresses(place, share)
        for index, address in enumerate(found):
            try:
                async with asyncio.timeout((over_at - self._clock()) / (len(found) - index)):
                    return await self._attempt.at(address, self._route.name_at(place), kind)
            except TimeoutError:
                self._missed(place, Missed("it did not answer in time"))
            except Missed as problem:
                self._missed(place, problem)
            except ServerRefused as problem:
                log.warning(
                    "%s at %s: refused with %s", self._target.name, place, problem.sqlstate or "no code"
                )
                if problem.sqlstate not in NOT_NOW:
                    raise
                self._last = problem
        return None

    async def _addresses(self, place: Place, patience: float) -> list[Address]:
        try:
            async with asyncio.timeout(patience):
                return await addresses(place)
        except TimeoutError:
            self._missed(place, Missed("its address could not be found in time"))
        except Missed as problem:
            self._missed(place, problem)
        return []

    def _missed(self, place: Place, problem: Missed) -> None:
        """Raises `Unreachable` where no other server would be better."""
        detail = f" ({problem.detail})" if problem.detail else ""
        log.warning("%s at %s: %s%s", self._target.name, place, problem.reason, detail)
        self._last = cannot_be_reached(self._target, problem.reason)
        if problem.final:
            raise self._last
