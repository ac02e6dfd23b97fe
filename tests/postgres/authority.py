"""An authority of tests, and the certificates it signs for servers and for people."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
Hash = hashes.SHA256 | hashes.SHA384 | hashes.SHA512


class Authority:
    """One authority; its certificate is in `file`."""

    def __init__(self, directory: Path, curve: str = "p256") -> None:
        """With `curve="ed25519"` it signs without a hash."""
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._key: Key = ec.generate_private_key(ec.SECP256R1())
        if curve == "ed25519":
            self._key = ed25519.Ed25519PrivateKey.generate()
        self._name = _name(f"authority {directory.name}")
        made = self._builder(self._name, self._key).add_extension(
            x509.BasicConstraints(True, 0), critical=True
        )
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        made = made.add_extension(usage, critical=True)
        self.file = directory / "ca.pem"
        self.file.write_bytes(_pem(made.sign(self._key, self._hash(hashes.SHA256()))))

    def server(
        self, *names: str, file: str = "server", hashed: Hash | None = None, over: bool = False
    ) -> tuple[Path, Path]:
        """Certificate and key for a server with these addresses and names. `over`: it was, until yesterday."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = x509.SubjectAlternativeName([_general(name) for name in names])
        made = self._builder(_name(names[0]), key, over).add_extension(alternatives, critical=False)
        return self._keep(file, made, key, hashed or hashes.SHA256())

    def client(self, name: str) -> tuple[Path, Path]:
        """Certificate and key of somebody who is called that."""
        key = ec.generate_private_key(ec.SECP256R1())
        return self._keep(f"client-{name}", self._builder(_name(name), key), key, hashes.SHA256())

    def _keep(
        self, file: str, made: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, hashed: Hash
    ) -> tuple[Path, Path]:
        ours = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        signed = made.add_extension(ours, critical=False).sign(self._key, self._hash(hashed))
        certificate, private = self.directory / f"{file}.pem", self.directory / f"{file}.key"
        certificate.write_bytes(_pem(signed))
        private.touch(mode=0o600)
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, private

    def _hash(self, hashed: Hash) -> Hash | None:
        return None if isinstance(self._key, ed25519.Ed25519PrivateKey) else hashed

    def _builder(self, subject: x509.Name, key: Key, over: bool = False) -> x509.CertificateBuilder:
        now = datetime.now(UTC) - (timedelta(days=2) if over else timedelta())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
