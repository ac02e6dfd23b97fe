"""Secrets by reference: a reference has one key, which says where the secret is and who fetches it.

Faults say which reference failed and what to do, and never contain any part of a value or of what somebody
answered. Nothing is kept here; `cached.CachedSecrets` does that for places that are asked over a network.
"""

import os
from collections.abc import Collection, Mapping
from typing import Any

from gateway.core.errors import Fault
from gateway.core.plain import plain
from gateway.core.ports import Secrets
from gateway.core.secret import Secret
from gateway.secrets.commands import CommandSecrets
from gateway.secrets.files import FileSecrets


class ReferenceSecrets:
    """The Secrets port for every kind of reference: those of this machine, and others where they are set up."""

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        *,
        command_seconds: float = 10.0,
        withheld: Collection[str] = (),
        others: Mapping[str, Secrets] | None = None,
    ) -> None:
        """`withheld`: variables that hold secrets, which no command gets. `others`: who fetches what is not on this
        machine, by the reference's key."""
        found = os.environ if environ is None else environ
        environment = EnvironmentSecrets(found, withheld)
        commands = CommandSecrets(found, withheld=environment.names, seconds=command_seconds)
        self._sources: dict[str, Secrets] = {
            "env": environment,
            "file": FileSecrets(),
            "command": commands,
            **(others or {}),
        }

    async def fetch(self, reference: Mapping[str, Any]) -> Secret:
        """The secret that `reference` points at. Raises `Fault`."""
        return await self._source(reference).fetch(reference)

    def forget(self, reference: Mapping[str, Any]) -> None:
        """What was fetched was refused: fetch it anew the next time."""
        self._source(reference).forget(reference)

    def _source(self, reference: Mapping[str, Any]) -> Secrets:
        kinds = [kind for kind in ("env", "file", "command", "vault", "aws") if kind in reference]
        if len(kinds) != 1:
            raise Fault("a secret reference must be one of env, file, command, vault and aws")
        source = self._sources.get(kinds[0])
        if source is None:
            raise Fault(f"a secret is in {kinds[0]}, and the configuration does not say how to reach that")
        return source


class EnvironmentSecrets:
    """The Secrets port for `{"env": NAME}`. `names` are the variables that are known to hold secrets."""

    def __init__(self, environ: Mapping[str, str], names: Collection[str] = ()) -> None:
        self._environ = environ
        self.names = set(names)

    async def fetch(self, reference: Mapping[str, Any]) -> Secret:
        """What the variable holds, as it is. Raises `Fault`."""
        match dict(reference):
            case {"env": str(name), **rest} if not rest:
                self.names.add(name)
            case _:
                raise Fault("a secret in the environment must be the name of its variable")
        value = self._environ.get(name, "")
        if not value:
            raise Fault(f"the environment variable {plain(name, 80)} is not set")
        return Secret(os.fsencode(value))

    def forget(self, reference: Mapping[str, Any]) -> None:
        """Nothing is kept here."""
