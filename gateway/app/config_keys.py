"""Public keys as people paste them: one line, `ssh-ed25519 AAAA... comment`.

Options in front of a key (`from=`, `command=`) are refused rather than ignored. Does not read files.
"""

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256

import asyncssh

_KINDS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
_LEAST_RSA_BYTES = 2048 // 8


@dataclass(frozen=True, slots=True)
class PublicKey:
    """`openssh` is type and base64 without a comment; `fingerprint` is OpenSSH's `SHA256:...`."""

    openssh: str
    fingerprint: str
    comment: str = ""


def read_public_key(line: str) -> PublicKey:
    """The key of one line. Raises ValueError with a sentence."""
    words = line.split(None, 2)
    if "PRIVATE KEY" in line:
        raise ValueError("this is a private key; only the public key belongs here, and this one is now burnt")
    if not words or words[0] not in _KINDS:
        raise ValueError(_not_a_key(words))
    if len(words) < 2:
        raise ValueError("the key is cut: the part after its type is missing")
    try:
        blob = base64.b64decode(words[1], validate=True)
        key = asyncssh.import_public_key(f"{words[0]} {words[1]}")
    except (ValueError, binascii.Error, asyncssh.KeyImportError):
        raise ValueError("this is not a whole public key; copy the line again") from None
    if key.public_data != blob:
        raise ValueError("this is not a whole public key; copy the line again")
    if words[0] == "ssh-rsa" and len(blob) < _LEAST_RSA_BYTES:
        raise ValueError("RSA keys shorter than 2048 bits are not accepted; make an ed25519 key")
    digest = base64.b64encode(sha256(blob).digest()).decode().rstrip("=")
    return PublicKey(f"{words[0]} {words[1]}", f"SHA256:{digest}", words[2].strip() if len(words) > 2 else "")


def _not_a_key(words: list[str]) -> str:
    if words and words[0] == "ssh-dss":
        return "DSA keys are not accepted; make an ed25519 key"
    if any(word in _KINDS for word in words[1:]):
        return "options before a key are not supported; the line must start with the key's type"
    return 'must be a public key, as in "ssh-ed25519 AAAA..."'
