"""What the PostgreSQL door shows as its own: a certificate of the configuration, or one of the gateway's authority.
Whose certificates it asks people for.

Asked once for each connection, so that nothing has to run beside it. Files and authorities that have changed count
from the next connection on; where the new ones can not be used, the old ones stay.
"""

import logging
import secrets
import ssl
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.adapters.postgres.greeting.door import PostgresDoor
from gateway.adapters.postgres.greeting.opening import ALPN
from gateway.core.errors import Fault, HoopError, Misconfigured

log = logging.getLogger("hoop.postgres")

RENEWED_EVERY = 24 * 3600
LOCAL = ("localhost", "127.0.0.1", "::1")
"""What the gateway is called through a tunnel, and on its own machine."""


class ServerSigner(Protocol):
    """Signs for the door. Raises `Fault` and `Refused`."""

    @property
    def signs_with(self) -> str:
        """Changes when other keys are trusted; empty where there are none."""
        ...

    @property
    def trusted(self) -> str:
        """The certificates that people's are signed by, as PEM."""
        ...

    def sign(self, public_key: str, names: tuple[str, ...]) -> str:
        """A certificate for these names, as PEM."""
        ...


class DoorTls:
    """The context in force now."""

    def __init__(
        self, door: PostgresDoor, signer: ServerSigner | None, now: Callable[[], float] = time.time
    ) -> None:
        self._door = door
        self._signer = signer
        self._now = now
        self._names = tuple(dict.fromkeys((*door.names, *LOCAL)))
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._made: tuple[tuple[object, ...], float, ssl.SSLContext] | None = None
        self._problem = ""

    def context(self) -> ssl.SSLContext:
        """For the connection that begins now. Raises `Fault` where there never was one that could be used."""
        try:
            about = self._about()
            if self._made is None or self._made[0] != about or not self._is_fresh(self._made[1]):
                self._made = (about, self._now(), self._make())
            self._problem = ""
        except (HoopError, OSError, ssl.SSLError) as problem:
            why = problem.sentence if isinstance(problem, HoopError) else str(problem)
            if why != self._problem:
                log.error("the PostgreSQL door has no new certificate: %s", why)
            self._problem = why
        if self._made is None:
            raise Fault("the gateway has no certificate to show")
        return self._made[2]

    def check(self) -> None:
        """Before listening. Raises `Misconfigured` where nobody could come in over TLS."""
        try:
            self.context()
        except Fault as problem:
            raise Misconfigured(f"postgres can not listen: {self._problem or problem.sentence}") from problem

    def _about(self) -> tuple[object, ...]:
        """What the context depends on."""
        trusts = self._signer.signs_with if self._signer is not None else ""
        files = [path.stat() for path in (self._door.certificate, self._door.key) if path is not None]
        return (trusts, *((each.st_ino, each.st_mtime_ns, each.st_size) for each in files))

    def _is_fresh(self, since: float) -> bool:
        return self._door.certificate is not None or 0 <= self._now() - since < RENEWED_EVERY

    def _make(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols([ALPN])
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        context.num_tickets = 0
        if self._door.certificate is not None:
            context.load_cert_chain(self._door.certificate, self._door.key, password=_no_passphrase)
        else:
            self._show_own(context)
        if self._signer is not None and (trusted := self._signer.trusted):
            context.load_verify_locations(cadata=trusted)
            context.verify_mode = ssl.CERT_OPTIONAL
        return context

    def _show_own(self, context: ssl.SSLContext) -> None:
        """The key stays in memory: a file that holds it for a moment is encrypted."""
        if self._signer is None:
            raise Fault("there is no authority for databases")
        public = self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        certificate = self._signer.sign(public.decode(), self._names)
        passphrase = secrets.token_hex(32)
        private = self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(passphrase.encode()),
        )
        with tempfile.NamedTemporaryFile(prefix="hoop-") as file:
            file.write(certificate.encode() + private)
            file.flush()
            context.load_cert_chain(Path(file.name), password=passphrase)
        log.info("the PostgreSQL door has a new certificate for %s", ", ".join(self._names))


def _no_passphrase() -> str:
    """Without this, OpenSSL would ask for it on the terminal."""
    raise Fault("the key has a passphrase, which nobody is there to type")
