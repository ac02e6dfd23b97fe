"""Encrypting the way to a server: which certificates are believed, which is shown, and what signing in binds to."""

import asyncio
import hashlib
import secrets
import ssl
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from gateway.adapters.postgres.end import SocketEnd
from gateway.adapters.postgres.upstream.credential import Credential
from gateway.adapters.postgres.upstream.refusal import Missed, NoEncryption
from gateway.adapters.postgres.upstream.route import Route, Tls
from gateway.core.errors import Malformed
from gateway.core.plain import plain
from gateway.wire.postgres.startup import make_ssl_request

ALPN = "postgresql"
KEPT = 64
UNUSABLE = "the gateway's certificates for it are unusable, tell your platform team"
_NAME_MISMATCH = frozenset({62, 64})
_NOT_NOW = frozenset({9, 10})


class Contexts:
    """Makes TLS contexts, and keeps those that nothing secret is in: reading the system's authorities takes long."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Tls, str, int, int], ssl.SSLContext] = {}

    async def ready(self, route: Route, credential: Credential) -> ssl.SSLContext:
        """Raises `Missed`."""
        try:
            return await asyncio.to_thread(self._context, route, credential)
        except (OSError, ValueError) as problem:
            raise Missed(UNUSABLE, type(problem).__name__, final=True) from None

    def _context(self, route: Route, credential: Credential) -> ssl.SSLContext:
        if credential.key is not None:
            return _with_certificate(_context(route), credential)
        about = Path(route.ca_file).stat() if route.ca_file else None
        key = (route.tls, route.ca_file, about.st_mtime_ns if about else 0, about.st_size if about else 0)
        context = self._kept.get(key)
        if context is None:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            context = self._kept[key] = _context(route)
        return context


async def encrypt(end: SocketEnd, context: ssl.SSLContext, name: str) -> bool:
    """Ask for TLS and begin it. False: this server has none, and the next thing that it hears is in the clear.

    Raises `Missed`, and `Malformed` for bytes that somebody has slipped in."""
    end.write(make_ssl_request())
    answer = await end.read()
    if answer == b"N":
        return False
    if answer[:1] == b"E":
        raise NoEncryption("it could not begin a session")  # its words are from before TLS: anybody's
    if not answer:
        raise NoEncryption("it closed the connection")
    if answer != b"S":
        raise Malformed("bytes came in the clear before the encryption began")
    try:
        await end.start_tls(context, server_side=False, name=name)
    except ssl.SSLCertVerificationError as problem:
        raise Missed(_doubt(problem.verify_code), plain(problem.verify_message)) from None
    except (OSError, ValueError) as problem:
        raise NoEncryption("the encryption could not begin", plain(str(problem))) from None
    tls = end.tls
    if tls is None or tls.selected_alpn_protocol() not in (None, ALPN):
        raise Missed("the encryption could not begin", "another protocol was chosen")
    return True


def end_point(tls: ssl.SSLObject) -> bytes:
    """What names the other end of this encryption (`tls-server-end-point`, RFC 5929). Empty where its certificate has
    no hash to name it by, as with Ed25519."""
    shown = tls.getpeercert(binary_form=True)
    if not shown:
        return b""
    try:
        algorithm = x509.load_der_x509_certificate(shown).signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return b""
    if algorithm is None:
        return b""
    name = "sha256" if algorithm.name in ("md5", "sha1") else algorithm.name.replace("-", "_")
    return hashlib.new(name, shown).digest() if name in hashlib.algorithms_guaranteed else b""


def _context(route: Route) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([ALPN])
    context.check_hostname = route.tls is Tls.VERIFY_FULL
    if not route.tls.verifies:
        context.verify_mode = ssl.CERT_NONE
    elif route.ca_file:
        context.load_verify_locations(route.ca_file)
    else:
        context.load_default_certs()
    return context


def _with_certificate(context: ssl.SSLContext, credential: Credential) -> ssl.SSLContext:
    """The library reads keys from files only, so the file holds it locked with a passphrase that nobody keeps."""
    passphrase = secrets.token_bytes(32).hex().encode()
    with tempfile.NamedTemporaryFile(prefix="hoop-") as file:
        file.write(credential.certificate.rstrip() + b"\n" + credential.key_locked_with(passphrase))
        file.flush()
        context.load_cert_chain(file.name, password=passphrase)
    return context


def _doubt(code: int) -> str:
    if code in _NAME_MISMATCH:
        return "its certificate is for another name, tell your platform team"
    if code in _NOT_NOW:
        return "its certificate has run out or is not valid yet, tell your platform team"
    return "its certificate is not from an authority that the gateway trusts, tell your platform team"
