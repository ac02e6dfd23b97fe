"""What the gateway shows a target to be let in: a key or a password, fetched at the moment of use, or a certificate
that is made for this one connection.

The person never sees it, and no sentence or log line names more than the target. A key that is made here is in no
file.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import asyncssh
from asyncssh.public_key import SSHKeyPair

from gateway.core.errors import Fault, Refused, Unreachable
from gateway.core.people import Session, Target
from gateway.core.ports import KeySigner, Secrets

log = logging.getLogger("hoop.ssh")


class TargetSigner(Protocol):
    """Signs for one connection. Raises `Fault` and `Refused`."""

    def sign(self, public_key: str, account: str, who: str, permits: Collection[str]) -> Sequence[str]:
        """Certificates as lines of text, one of which will do. `who` is for the target's log."""
        ...


@dataclass(frozen=True, slots=True)
class Errand:
    """One connection to a target: as which account, for whom, and what it has to be able to do there."""

    account: str
    who: str
    """The session and its person, for the target's own log."""
    permits: frozenset[str] = frozenset()
    """Of `pty`, `agent-forwarding` and `port-forwarding`. Only a certificate can be narrowed to them."""


def on_behalf_of(session: Session) -> str:
    """How the targets of a session are told who it was."""
    return f"{session.id} {session.principal.name}"


@dataclass(frozen=True, slots=True, repr=False)
class Credential:
    """A key, or a password, or both. It lives as long as the sign-in takes."""

    keys: tuple[asyncssh.SSHKey | SSHKeyPair, ...]
    """Tried one after another."""
    password: str | None

    @property
    def methods(self) -> list[str]:
        """Sign-in methods to try, in order."""
        by_password = ["password", "keyboard-interactive"] if self.password is not None else []
        return (["publickey"] if self.keys else []) + by_password


async def fetch_credential(
    target: Target,
    secrets: Secrets,
    errand: Errand,
    signer: TargetSigner | None = None,
    key_signer: KeySigner | None = None,
) -> Credential:
    """Raises `Unreachable`, with a sentence for the person, when there is none that can be used. `signer` is the
    gateway's own authority, `key_signer` somebody else's."""
    if target.options.get("auth") == "ca":
        return _signed(target, errand, signer)
    key: Mapping[str, Any] = target.options.get("key") or {}
    try:
        credential = Credential(
            await (_signed_elsewhere(key, errand, key_signer) if _is_signed(key) else _keys(key, secrets)),
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


def forget_credential(target: Target, secrets: Secrets) -> None:
    """The target did not let us in: what is kept of the credential may have been changed since it was fetched."""
    for name in ("key", "password"):
        reference = target.options.get(name)
        if reference and not _is_signed(reference):
            secrets.forget(reference)


def _signed(target: Target, errand: Errand, signer: TargetSigner | None) -> Credential:
    """A fresh key, and a certificate that says whose it is for the next minutes."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    try:
        if signer is None:
            raise Fault("this gateway has no authority for targets")
        lines = signer.sign(key.export_public_key().decode(), errand.account, errand.who, errand.permits)
    except (Fault, Refused) as problem:
        log.error("no certificate can be signed for %s: %s", target.name, problem.sentence)
        raise Unreachable(_unusable(target)) from None
    pairs = asyncssh.load_keypairs([(key, asyncssh.import_certificate(line)) for line in lines])
    return Credential(tuple(pair for pair in pairs if pair.has_cert), None)


def _is_signed(reference: Mapping[str, Any]) -> bool:
    """Whether it is no secret that is kept somewhere, but an authority that signs a key for each connection."""
    return "vault_ssh" in reference


async def _signed_elsewhere(
    reference: Mapping[str, Any], errand: Errand, signer: KeySigner | None
) -> tuple[SSHKeyPair, ...]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    if signer is None:
        raise Fault("the configuration does not say how to reach the vault that signs keys")
    line = await signer.sign_ssh(reference, key.export_public_key().decode().strip(), errand.account)
    pairs = asyncssh.load_keypairs([(key, asyncssh.import_certificate(line))])
    return tuple(pair for pair in pairs if pair.has_cert)


async def _keys(reference: Mapping[str, Any] | None, secrets: Secrets) -> tuple[asyncssh.SSHKey, ...]:
    if not reference:
        return ()
    secret = await secrets.fetch(reference)
    return (asyncssh.import_private_key(secret.expose()),)


async def _password(reference: Mapping[str, Any] | None, secrets: Secrets) -> str | None:
    if not reference:
        return None
    secret = await secrets.fetch(reference)
    return secret.expose().decode("utf-8").removesuffix("\n").removesuffix("\r")


def _unusable(target: Target) -> str:
    return f"{target.name} can not be reached - the gateway's credential is unusable, tell your platform team"
