"""People by the X.509 certificates that the `database` authority signed for them.

Whether somebody holds a certificate's key, TLS has proved by then. A certificate is only as good as its row in the
ledger: a signature alone, even one of ours, opens nothing.
"""

from dataclasses import replace

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.core.errors import Refused
from gateway.core.people import Principal
from gateway.core.ports import CertificateRow, Clock
from gateway.identity.certificates import Certificates, is_within
from gateway.identity.tokens import Lookup
from gateway.identity.x509_authority import X509Authority
from gateway.identity.x509_signing import key_fingerprint_of

METHOD = "x509-certificate"

LONGEST = 1 << 14


class X509Identities:
    """Finds the Principal behind a certificate."""

    def __init__(
        self, authority: X509Authority, certificates: Certificates, clock: Clock, lookup: Lookup
    ) -> None:
        """`lookup` finds somebody by their id, and nobody who is locked or disabled."""
        self._authority = authority
        self._certificates = certificates
        self._clock = clock
        self._lookup = lookup

    async def by_x509(self, der: bytes, address: str) -> Principal:
        """Who may come in from `address` with this certificate? Raises `Refused`, with a sentence that whoever holds
        its key may know. Raises `Fault`."""
        certificate = self._read(der)
        self._check(certificate)
        row = await self._certificates.certificate(certificate.serial_number)
        if row is None or not _is_same_key(row, certificate):
            raise Refused("the certificate was not issued here")
        if row.revoked:
            raise Refused("the certificate is revoked")
        if self._clock.now() >= row.expires_at:
            raise Refused("the certificate has expired")
        if row.address and not is_within(address, [row.address]):
            raise Refused("the certificate is for another address")
        person = self._lookup(row.person)
        if person is None:
            raise Refused("the certificate is for somebody who may not come in")
        return replace(person, method=f"{METHOD} {row.serial}", expires_at=row.expires_at)

    def _read(self, der: bytes) -> x509.Certificate:
        try:
            if len(der) > LONGEST:
                raise ValueError
            return x509.load_der_x509_certificate(der)
        except ValueError:
            raise Refused("the certificate can not be read") from None

    def _check(self, certificate: x509.Certificate) -> None:
        if not any(_is_signed_by(certificate, own) for _, own in self._authority.trusted()):
            raise Refused("the certificate is not signed by an authority of this gateway")
        now = self._clock.now()
        if now < certificate.not_valid_before_utc:
            raise Refused("the certificate is not valid yet")
        if now >= certificate.not_valid_after_utc:
            raise Refused("the certificate has expired")
        if not _is_for_clients(certificate):
            raise Refused("the certificate is not one for a person")


def _is_signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def _is_for_clients(certificate: x509.Certificate) -> bool:
    try:
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return ExtendedKeyUsageOID.CLIENT_AUTH in purposes


def _is_same_key(row: CertificateRow, certificate: x509.Certificate) -> bool:
    try:
        found = key_fingerprint_of(certificate.public_key())  # type: ignore[arg-type]  # whatever it is, it is hashed
    except (AttributeError, ValueError, UnsupportedAlgorithm):
        return False
    return row.fingerprint == found
