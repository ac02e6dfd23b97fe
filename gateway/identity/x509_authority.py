"""The `database` authority as X.509 has it: what clients of databases, and the gateway, know each other by.

Its keys live and rotate as those of the other authorities (`authority.py`); beside each stands its certificate, made
once, because people keep it in files and compare it. What is signed with them is in `x509_signing.py`.
"""

from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.core.errors import Fault
from gateway.core.private_file import make_private
from gateway.identity.authority import Authority, AuthorityKey

LASTS = timedelta(days=3650)
SLACK = timedelta(minutes=5)
"""Certificates begin this long ago: clocks differ."""

_LONGEST = 1 << 14


class X509Authority:
    """The certificates of an authority's keys. Reads raise `Fault`."""

    def __init__(self, keys: Authority) -> None:
        self.keys = keys
        self._known: dict[AuthorityKey, x509.Certificate] = {}

    def trusted(self) -> tuple[tuple[AuthorityKey, x509.Certificate], ...]:
        """Every key whose signatures count with its certificate, oldest first."""
        return tuple((key, self.certificate(key)) for key in self.keys.trusted())

    def pem(self) -> str:
        """The certificates of all of them, as clients keep them in a file."""
        return "".join(_pem(certificate) for _, certificate in self.trusted())

    def certificate(self, key: AuthorityKey) -> x509.Certificate:
        """Its own certificate; made where there is none yet."""
        if key not in self._known:
            trusted = self.keys.trusted()
            kept = {known: found for known, found in self._known.items() if known in trusted}
            self._known = {**kept, key: self._read_or_make(key)}
        return self._known[key]

    def private(self, key: AuthorityKey) -> ec.EllipticCurvePrivateKey:
        """Its private half."""
        pem = self.keys.signer(key).export_private_key("pkcs8-pem")
        private = serialization.load_pem_private_key(pem, None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise Fault(f"the database authority {key.number} can not be used: it is of another kind")
        return private

    def _read_or_make(self, key: AuthorityKey) -> x509.Certificate:
        path = self.keys.place / f"{key.number}.crt"
        try:
            if not path.exists():
                make_private(path, _pem(self._make(key)).encode())
            with path.open("rb") as file:
                found = x509.load_pem_x509_certificate(file.read(_LONGEST))
            found.verify_directly_issued_by(found)
        except OSError as problem:
            raise _unusable(path, (problem.strerror or "unknown reason").lower()) from problem
        except (ValueError, TypeError, InvalidSignature):
            raise _unusable(path, "it is not a certificate of an authority") from None
        if public_pem(found.public_key()) != public_pem(self.public(key)):
            raise _unusable(path, f"it does not belong to {key.number}.pub")
        return found

    def public(self, key: AuthorityKey) -> ec.EllipticCurvePublicKey:
        """Its public half, without asking for the private one."""
        public = serialization.load_ssh_public_key(key.openssh.encode())
        if not isinstance(public, ec.EllipticCurvePublicKey):
            raise Fault(f"the database authority {key.number} can not be used: it is of another kind")
        return public

    def _make(self, key: AuthorityKey) -> x509.Certificate:
        private = self.private(key)
        name = x509.Name(
            [x509.NameAttribute(NameOID.COMMON_NAME, f"hoop databases {key.number} {_short(key)}")]
        )
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(key.created_at - SLACK)
            .not_valid_after(key.created_at + LASTS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_signs_only(), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
            .sign(private, hashes.SHA256())
        )


def public_pem(public: object) -> str:
    """A public key as text: the same for the same key."""
    assert isinstance(public, ec.EllipticCurvePublicKey)
    written = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return written.decode()


def _signs_only() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _short(key: AuthorityKey) -> str:
    """Authorities of several gateways have the same numbers, and no two of them the same name."""
    return "".join(each for each in key.fingerprint.removeprefix("SHA256:") if each.isalnum())[:8]


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _unusable(path: Path, why: str) -> Fault:
    return Fault(f"the database authority {path} can not be used: {why}")
