"""A fresh key for ssh, and the certificate that the gateway makes of it: checked before anything uses it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
)

from hoop_tui.errors import Garbled

_LONGEST_LINE = 16_384
_CERTIFICATE = "ssh-ed25519-cert-v01@openssh.com"


@dataclass(frozen=True, slots=True)
class CertifiedKey:
    """A private key, and the line of its certificate."""

    private: Ed25519PrivateKey = field(repr=False)
    line: str
    valid_until: datetime

    @property
    def blob(self) -> bytes:
        from base64 import b64decode

        return b64decode(self.line.split(" ")[1])

    def private_file(self) -> bytes:
        """As OpenSSH keeps it, without a passphrase: the file's mode and the certificate's end protect it."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())

    def seed_and_public(self) -> tuple[bytes, bytes]:
        return self.private.private_bytes_raw(), self.private.public_key().public_bytes_raw()


def new_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def public_line(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def certified(key: Ed25519PrivateKey, line: str) -> CertifiedKey:
    """The key with the certificate that was sent for it. Raises `Garbled`."""
    words = line.strip().split(" ")[:2]
    if len(line) > _LONGEST_LINE or words[0] != _CERTIFICATE or len(words) != 2:
        raise Garbled("The gateway sent a certificate that can not be read.")
    certificate = read_certificate(" ".join(words).encode())
    theirs = certificate.public_key()
    if (
        not isinstance(theirs, Ed25519PublicKey)
        or theirs.public_bytes_raw() != key.public_key().public_bytes_raw()
        or certificate.type is not SSHCertificateType.USER
    ):
        raise Garbled("The gateway sent a certificate for another key than the one that was asked for.")
    if not certificate.valid_principals:
        raise Garbled("The gateway sent a certificate that is for nobody.")
    return CertifiedKey(key, " ".join(words), valid_until(certificate))


def read_certificate(line: bytes) -> SSHCertificate:
    """Raises `Garbled`."""
    try:
        certificate = load_ssh_public_identity(line)
        if isinstance(certificate, SSHCertificate):
            certificate.verify_cert_signature()
            return certificate
    except (ValueError, UnsupportedAlgorithm, InvalidSignature) as problem:
        raise Garbled("The gateway sent a certificate that can not be read.") from problem
    raise Garbled("The gateway sent a key where a certificate was asked for.")


def valid_until(certificate: SSHCertificate) -> datetime:
    """OpenSSH's "for ever" is the largest number; no clock of ours goes there."""
    last = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())
    return datetime.fromtimestamp(min(certificate.valid_before, last), UTC)
