"""What the gateway shows a server to be let in: a password, a client certificate, or both, fetched when it is used.

The person never sees it, and no sentence or log line says more than which target it is for.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from gateway.core.errors import Fault, Unreachable
from gateway.core.people import Target
from gateway.core.ports import Secrets
from gateway.core.secret import Secret

log = logging.getLogger("hoop.postgres")


@dataclass(frozen=True, slots=True, repr=False)
class Credential:
    """It lives as long as the sign-in takes."""

    password: Secret | None = None
    key: Secret | None = None
    """As PEM."""
    certificate: bytes = b""
    """As PEM, followed by what leads to its authority."""

    def key_locked_with(self, passphrase: bytes) -> bytes:
        """The key as PEM that nobody can use without this."""
        assert self.key is not None
        key = load_pem_private_key(self.key.expose(), None)
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase))


async def fetch_credential(target: Target, secrets: Secrets) -> Credential:
    """Raises `Unreachable`, with a sentence for the person, where there is one that can not be used."""
    try:
        password, key = target.options.get("password"), target.options.get("key")
        credential = Credential(
            _usable_password(await secrets.fetch(password)) if password else None,
            _usable_key(await secrets.fetch(key)) if key else None,
            await _certificate(target.options.get("certificate"), secrets),
        )
        if bool(credential.key) != bool(credential.certificate):
            raise Fault("a client certificate needs both a certificate and its key")
    except (Fault, OSError) as problem:
        reason = problem.sentence if isinstance(problem, Fault) else "its certificate can not be read"
        log.error("the credential for %s can not be used: %s", target.name, reason)
        raise Unreachable(unusable(target)) from None
    return credential


def forget_credential(target: Target, secrets: Secrets) -> None:
    """The server did not let us in: what is kept of the credential may have been changed since it was fetched."""
    for name in ("password", "key", "certificate"):
        reference = target.options.get(name)
        if isinstance(reference, Mapping) and reference:
            secrets.forget(reference)


def unusable(target: Target) -> str:
    return f"{target.name} can not be reached - the gateway's credential is unusable, tell your platform team"


def _usable_password(secret: Secret) -> Secret:
    """Without the end of its line, as files have it."""
    value = secret.expose().removesuffix(b"\n").removesuffix(b"\r")
    if not value or b"\0" in value:
        raise Fault("its password is empty, or has a zero byte in it")
    return Secret(value)


def _usable_key(secret: Secret) -> Secret:
    try:
        load_pem_private_key(secret.expose(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Fault("its key is not a private key without a passphrase") from None
    return secret


async def _certificate(source: str | Mapping[str, Any] | None, secrets: Secrets) -> bytes:
    if not source:
        return b""
    if isinstance(source, Mapping):
        return (await secrets.fetch(source)).expose()
    return await asyncio.to_thread(Path(source).read_bytes)
