"""Encrypts what has to be kept and read again, such as the secret behind somebody's codes, for the database.

Whoever has the database alone can read none of it: the key is a file of its own. What can be kept as a hash is, and
never comes here.
"""

import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.core.errors import Fault, Misconfigured
from gateway.core.private_file import NotPrivate, make_private, read_private

KEY_BYTES = 32
_VERSION = b"\x01"
_NONCE = 12


class Sealer:
    """AES-256-GCM under one key. `about` says what is sealed and for whom, so that nothing sealed for one purpose
    passes for another."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError("a sealing key has 32 bytes")
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, about: str) -> bytes:
        """What may be kept where others can read it."""
        nonce = secrets.token_bytes(_NONCE)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plain, about.encode())

    def open(self, sealed: bytes, about: str) -> bytes:
        """What was sealed. Raises `Fault` for anything that was not, or for something else."""
        head, nonce, rest = sealed[:1], sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        try:
            if head != _VERSION:
                raise InvalidTag
            return self._cipher.decrypt(nonce, rest, about.encode())
        except (InvalidTag, ValueError):
            raise Fault(
                "the gateway can not read what it has sealed: is its sealing.key another one?"
            ) from None


def load_or_make(path: Path) -> Sealer:
    """The sealer with the key at `path`, which is made at the first start. Raises `Misconfigured`."""
    try:
        if not path.exists():
            make_private(path, secrets.token_bytes(KEY_BYTES))
        return Sealer(read_private(path))
    except NotPrivate as problem:
        raise Misconfigured(f"the sealing key {path} can not be used: {problem}") from problem
    except OSError as problem:
        reason = (problem.strerror or "unknown reason").lower()
        raise Misconfigured(f"the sealing key {path} can not be used: {reason}") from problem
    except ValueError as problem:
        raise Misconfigured(f"{path} is not a sealing key") from problem
