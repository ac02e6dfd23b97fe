"""What the door shows as its own: its host key, and beside it a certificate for the names it goes by.

The certificate is signed anew each day, and as soon as the authority has another key. Whoever is connected keeps what
they were shown. Without an authority, or when it fails, there is the plain key alone.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Protocol

import asyncssh
from asyncssh.public_key import SSHKeyPair

from gateway.adapters.ssh.target.host_certificate import CERTIFICATE_ALGORITHMS
from gateway.core.errors import HoopError
from gateway.wire.ssh_certificate import read_certificate

log = logging.getLogger("hoop.ssh")

RENEWED_EVERY = 24 * 3600

HostKeys = OrderedDict[bytes, SSHKeyPair]
"""By algorithm, as asyncssh wants them."""


class HostSigner(Protocol):
    """Signs for the door. Raises `Fault` and `Refused`."""

    @property
    def signs_with(self) -> str:
        """The key that signs now; empty where there is none."""
        ...

    def sign(self, public_key: str, names: Collection[str]) -> str:
        """A certificate for these names, as a line of text."""
        ...


class HostKeysShown:
    """Asked once for each connection, so that nothing has to run beside them."""

    def __init__(
        self,
        key: asyncssh.SSHKey,
        names: Collection[str],
        signer: HostSigner | None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._key = key
        self._line = key.export_public_key().decode()
        self._names = names
        self._signer = signer
        self._now = now
        self._plain = _keys(key)
        self._signed: tuple[str, int, int, HostKeys] | None = None
        self._problem = ""

    def for_the_door(self) -> HostKeys:
        """What to show whoever connects."""
        if self._signer is None or not self._names:
            return self._plain
        try:
            signs_with = self._signer.signs_with
            if not self._is_fresh(signs_with):
                self._signed = self._sign(signs_with) if signs_with else None
            self._problem = ""
        except HoopError as problem:
            self._complain(problem.sentence)
        if self._signed is None or self._now() >= self._signed[2]:
            return self._plain
        return self._signed[3]

    def for_target(self, name: str) -> HostKeys:
        """What to show whoever has jumped to a target: to their client the gateway is that machine."""
        try:
            if self._signer is None or not self._signer.signs_with:
                return self._plain
            certificate = self._signer.sign(self._line, list(dict.fromkeys((name, name.lower()))))
        except HoopError as problem:
            self._complain(problem.sentence)
            return self._plain
        return _keys(self._key, certificate)

    def _is_fresh(self, signs_with: str) -> bool:
        if self._signed is None:
            return False
        signed_with, since, _, _ = self._signed
        return signed_with == signs_with and 0 <= self._now() - since < RENEWED_EVERY

    def _sign(self, signs_with: str) -> tuple[str, int, int, HostKeys]:
        assert self._signer is not None
        certificate = self._signer.sign(self._line, self._names)
        fields = read_certificate(asyncssh.import_certificate(certificate).public_data)
        log.info("the host key has a new certificate for %s", ", ".join(self._names))
        return signs_with, fields.valid_after, fields.valid_before, _keys(self._key, certificate)

    def _complain(self, problem: str) -> None:
        if problem != self._problem:
            log.error("the host key has no new certificate: %s", problem)
        self._problem = problem


def _keys(key: asyncssh.SSHKey, certificate: str = "") -> HostKeys:
    """The plain key first: clients that guess what comes first mean that one."""
    pairs = asyncssh.load_keypairs(
        [(key, asyncssh.import_certificate(certificate))] if certificate else [key]
    )
    found = HostKeys()
    for pair in reversed(pairs):
        for algorithm in pair.host_key_algorithms:
            if not pair.has_cert or algorithm.decode() in CERTIFICATE_ALGORITHMS:
                found.setdefault(algorithm, pair)
    return found
