"""What the gateway shows a target to be let in: a key or a password, fetched at the moment of use.

The person never sees it, and no sentence or log line names more than the target.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncssh

from gateway.core.errors import Fault, Unreachable
from gateway.core.people import Target
from gateway.core.ports import Secrets

log = logging.getLogger("hoop.ssh")


@dataclass(frozen=True, slots=True, repr=False)
class Credential:
    """At least one of the two. It lives as long as the sign-in takes."""

    key: asyncssh.SSHKey | None
    password: str | None

    @property
    def methods(self) -> list[str]:
        """Sign-in methods to try, in order."""
        by_password = ["password", "keyboard-interactive"] if self.password is not None else []
        return (["publickey"] if self.key else []) + by_password


async def fetch_credential(target: Target, secrets: Secrets) -> Credential:
    """Raises `Unreachable`, with a sentence for the person, when there is none that can be used."""
    try:
        credential = Credential(
            await _key(target.options.get("key"), secrets),
            await _password(target.options.get("password"), secrets),
        )
    except (Fault, asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError) as problem:
        reason = problem.sentence if isinstance(problem, Fault) else "not a private key without a passphrase"
        log.error("the credential for %s can not be used: %s", target.name, reason)
        raise Unreachable(_unusable(target)) from None
    if not credential.methods:
        log.error("the target %s has neither a key nor a password", target.name)
        raise Unreachable(_unusable(target))
    return credential


async def _key(reference: Mapping[str, Any] | None, secrets: Secrets) -> asyncssh.SSHKey | None:
    if not reference:
        return None
    secret = await secrets.fetch(reference)
    return asyncssh.import_private_key(secret.expose())


async def _password(reference: Mapping[str, Any] | None, secrets: Secrets) -> str | None:
    if not reference:
        return None
    secret = await secrets.fetch(reference)
    return secret.expose().decode("utf-8").removesuffix("\n").removesuffix("\r")


def _unusable(target: Target) -> str:
    return f"{target.name} can not be reached - the gateway's credential is unusable, tell your platform team"
