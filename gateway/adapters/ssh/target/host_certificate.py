"""Whether a target's host certificate counts: who signed it, for which machine, for how long.

Names must be in it literally: a certificate without names, or with patterns, is for no machine. Reads nothing but the
certificate and the clock.
"""

from collections.abc import Collection

import asyncssh
from asyncssh.public_key import CERT_TYPE_HOST, SSHOpenSSHCertificate
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

SHA1 = b"\x00\x00\x00\x07ssh-rsa"
"""How a signature begins that RSA made with SHA-1."""

LEAST_RSA_BITS = 2048

CERTIFICATE_ALGORITHMS = (
    "ssh-ed25519-cert-v01@openssh.com",
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com",
    "rsa-sha2-512-cert-v01@openssh.com",
    "rsa-sha2-256-cert-v01@openssh.com",
)


def what_is_wrong(
    certificate: SSHOpenSSHCertificate,
    host: str,
    authorities: Collection[asyncssh.SSHKey],
    revoked: Collection[asyncssh.SSHKey],
) -> str:
    """Why the certificate does not speak for `host`, as the end of a sentence; empty where it does."""
    authority = certificate.signing_key
    if authority not in authorities:
        return "is not signed by an authority that is trusted for it"
    if authority in revoked or certificate.key in revoked:
        return "is revoked"
    if _is_weak(certificate):
        return "is signed in a way that is not safe any more"
    if host.casefold() not in {name.casefold() for name in certificate.principals}:
        return "is for another machine"
    try:
        certificate.validate(CERT_TYPE_HOST, None)
    except ValueError as problem:
        said = str(problem)
        if "expired" in said:
            return "has expired"
        return "is not valid yet" if "not yet" in said else "is not one for a machine"
    return ""


def _is_weak(certificate: SSHOpenSSHCertificate) -> bool:
    """The signature is the certificate's last field: with RSA, its kind stands at a known distance from the end."""
    key = certificate.signing_key.pyca_key
    if not isinstance(key, RSAPublicKey):
        return False
    size = (key.key_size + 7) // 8
    end = certificate.public_data[-(len(SHA1) + 4 + size) :]
    return key.key_size < LEAST_RSA_BITS or end.startswith(SHA1)
