"""Has an SSH key of the gateway signed by a vault's SSH engine: `{ vault_ssh = "ssh/sign/deploy" }`.

What comes back is checked before it is used: a certificate for that key and that account, and for nobody else.
"""

from collections.abc import Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
)

from gateway.core.errors import Fault
from gateway.secrets.vault.client import Vault
from gateway.secrets.vault.settings import read_place

LASTS: Final = "5m"
"""Long enough to sign in with it, and of no use to anybody later."""


class VaultSigner:
    """The KeySigner port by a vault."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def sign_ssh(self, reference: Mapping[str, Any], public_key: str, principal: str) -> str:
        """A certificate of five minutes for `public_key` (a line of OpenSSH) that lets it in as `principal`: a line
        of OpenSSH. Raises `Fault`."""
        match dict(reference):
            case {"vault_ssh": str(text), **rest} if not rest:
                place = _read(text)
            case _:
                raise Fault('a signing reference must be { vault_ssh = "MOUNT/sign/ROLE" } and nothing else')
        if not principal or "," in principal:
            raise Fault("a key is signed for one account, and its name can not have a comma")
        what = f"the key can not be signed at {place}"
        body = {
            "public_key": public_key,
            "valid_principals": principal,
            "cert_type": "user",
            "ttl": LASTS,
        }
        answer = await self._vault.ask("POST", place, what, body)
        data = answer.get("data")
        signed = data.get("signed_key") if isinstance(data, dict) else None
        if not isinstance(signed, str) or not _fits(signed.strip(), public_key, principal):
            role = "check that the role allows this account and signs for users"
            raise Fault(f"{what}: the answer is no certificate for this key and this account - {role}")
        return signed.strip()


def _read(text: str) -> str:
    try:
        return read_place(text, "vault_ssh", "ssh/sign/deploy")
    except ValueError as problem:
        raise Fault(f"a secret reference is wrong: {problem}") from None


def _fits(certificate: str, public_key: str, principal: str) -> bool:
    try:
        found = load_ssh_public_identity(certificate.encode())
        asked = load_ssh_public_identity(public_key.encode())
        if not isinstance(found, SSHCertificate) or isinstance(asked, SSHCertificate):
            return False
        found.verify_cert_signature()
        signed = found.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        ours = asked.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    except (ValueError, UnsupportedAlgorithm, InvalidSignature):
        return False
    for_users = found.type is SSHCertificateType.USER
    return for_users and signed == ours and list(found.valid_principals) == [principal.encode()]
