"""Signs X.509 certificates with the `database` authority: for the gateway's own listener, and for people.

It signs what it is asked to; who may ask is decided before. Who comes with one is found in `x509_people.py`.
"""

import base64
import ipaddress
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.core.errors import Fault, Refused
from gateway.core.events import CertificateIssued
from gateway.core.people import Principal
from gateway.core.ports import CertificateRow, Clock
from gateway.identity.authority import AuthorityKey
from gateway.identity.signing import read_network
from gateway.identity.x509_authority import SLACK, X509Authority

SERVER_VALIDITY = timedelta(days=30)
LEAST_RSA_BITS = 2048
MOST_RSA_BITS = 8192

_SERIAL_BITS = 63
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_NAME_MOST = 64
"""Of a common name, X.509 allows no more."""

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey


class ServerSigner:
    """Signs for the listener: with the oldest key, so that others can learn of a new one before it counts."""

    def __init__(self, authority: X509Authority, clock: Clock) -> None:
        self._authority = authority
        self._clock = clock

    @property
    def signs_with(self) -> str:
        """Changes as soon as another key signs, or other keys are trusted. Raises `Fault`."""
        return " ".join(key.fingerprint for key in self._authority.keys.trusted())

    @property
    def trusted(self) -> str:
        """The certificates of all keys whose signatures count, as PEM. Raises `Fault`."""
        return self._authority.pem()

    def sign(self, public_key: str, names: Collection[str]) -> str:
        """A certificate, as PEM, for a server with these names and addresses. Raises `Fault`, and `Refused` where
        there are none: nobody could check it."""
        if not names:
            raise Refused("a server's certificate needs a name")
        oldest = next(iter(self._authority.keys.trusted()), None)
        made = _builder(public_key_of(public_key), min(names, key=len), self._clock.now(), SERVER_VALIDITY)
        alternatives = x509.SubjectAlternativeName([_general(name) for name in dict.fromkeys(names)])
        made = made.serial_number(1 + secrets.randbelow((1 << _SERIAL_BITS) - 1))
        made = made.add_extension(alternatives, critical=False)
        return _signed(self._authority, oldest, made, ExtendedKeyUsageOID.SERVER_AUTH)


class SignedForPerson(NamedTuple):
    """A person's certificate, as PEM, and what to keep of it before it is handed out."""

    certificate: str
    row: CertificateRow
    event: CertificateIssued


class ClientSigner:
    """Signs for people, with the newest key."""

    def __init__(self, authority: X509Authority, clock: Clock) -> None:
        self._authority = authority
        self._clock = clock

    @property
    def trusted(self) -> str:
        """What they know the gateway by, as PEM. Raises `Fault`."""
        return self._authority.pem()

    def sign(
        self, person: Principal, key: PublicKey, ttl: timedelta, *, address: str = "", token: str = ""
    ) -> SignedForPerson:
        """A certificate by which `person` is let in with this key, for as long as `ttl`, from `address` alone where
        one is given. `token` is what it was asked for with. Raises `Refused`, and `Fault` without an authority."""
        if ttl <= timedelta(0):
            raise Refused("a certificate must be valid for longer than nothing")
        network = read_network(address) if address else None
        serial = 1 + secrets.randbelow((1 << _SERIAL_BITS) - 1)
        now = self._clock.now()
        expires_at = datetime.fromtimestamp(int((now + ttl).timestamp()), now.tzinfo)
        made = _builder(key, person.name, now, expires_at - now).serial_number(serial)
        certificate = _signed(
            self._authority, self._authority.keys.newest(), made, ExtendedKeyUsageOID.CLIENT_AUTH
        )
        fingerprint, source = key_fingerprint_of(key), str(network) if network else ""
        row = CertificateRow(serial, person.id, fingerprint, now, expires_at, address=source, token=token)
        event = CertificateIssued(
            actor=person.id,
            serial=str(serial),
            person=person.name,
            fingerprint=fingerprint,
            expires_at=expires_at.isoformat(),
            address=source,
        )
        return SignedForPerson(certificate, row, event)


def public_key_of(pem: str) -> PublicKey:
    """A public key of a kind that is good enough. Raises `Refused`."""
    try:
        return _good(serialization.load_pem_public_key(pem.encode()))
    except (ValueError, UnsupportedAlgorithm):
        raise Refused("that is not a public key in PEM") from None


def requested_key(pem: str) -> PublicKey:
    """The key of a certificate request that is signed with it; nothing else of the request counts. Raises
    `Refused`."""
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        if not request.is_signature_valid:
            raise Refused("the certificate request has a wrong signature")
        return _good(request.public_key())
    except (ValueError, UnsupportedAlgorithm):
        raise Refused("that is not a certificate request in PEM") from None


def key_fingerprint_of(key: PublicKey) -> str:
    """The hash of the key as X.509 has it: said so, because SSH hashes another form."""
    written = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return "x509 SHA256:" + base64.b64encode(sha256(written).digest()).decode().rstrip("=")


def _good(key: object) -> PublicKey:
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES):
        return key
    if isinstance(key, rsa.RSAPublicKey) and LEAST_RSA_BITS <= key.key_size <= MOST_RSA_BITS:
        return key
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    raise Refused("that kind of key is not taken: use EC P-256, ed25519, or RSA with 2048 bits or more")


def _builder(key: PublicKey, name: str, now: datetime, ttl: timedelta) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:_NAME_MOST])]))
        .public_key(key)
        .not_valid_before(now - SLACK)
        .not_valid_after(now + ttl)
    )


def _signed(
    authority: X509Authority,
    key: AuthorityKey | None,
    made: x509.CertificateBuilder,
    purpose: x509.ObjectIdentifier,
) -> str:
    if key is None:
        raise Fault("there is no database authority yet - run: hoop-gateway ca rotate database")
    own, private = authority.certificate(key), authority.private(key)
    ours = x509.AuthorityKeyIdentifier.from_issuer_public_key(private.public_key())
    certificate = (
        made.issuer_name(own.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(ours, critical=False)
        .sign(private, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name)
    except ValueError:
        raise Refused(f"a certificate can not be for {name!r}") from None
