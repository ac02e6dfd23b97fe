"""Passwords sent as a hash that is salted once: PostgreSQL's md5, and Redshift's digest.

Neither proves anything about the server, and whoever listens can try passwords at leisure. Pure; salts are given.
"""

import hashlib
import struct
from dataclasses import dataclass

from gateway.core.errors import Malformed

SALT_MOST = 1024
SHA_256 = 0
"""The one kind of digest that there is."""


def md5_answer(user: bytes, password: bytes, salt: bytes) -> bytes:
    """What the password message holds, without its closing NUL."""
    inner = hashlib.md5(password + user, usedforsecurity=False).hexdigest().encode()
    return b"md5" + hashlib.md5(inner + salt, usedforsecurity=False).hexdigest().encode()


@dataclass(frozen=True, slots=True)
class DigestChallenge:
    """What Redshift asks a password to be hashed with (AuthenticationRequest 13)."""

    salt: bytes
    nonce: bytes


def parse_digest_challenge(body: bytes) -> DigestChallenge:
    """What follows the number of the request. Raises `Malformed`."""
    kind, at = _number(body, 0)
    if kind != SHA_256:
        raise Malformed("the server asks for a digest that the gateway does not know")
    salt, at = _counted(body, at)
    nonce, at = _counted(body, at)
    if at != len(body):
        raise Malformed("the digest that the server asks for has bytes too many")
    return DigestChallenge(salt, nonce)


def digest_answer(password: bytes, challenge: DigestChallenge, nonce: bytes) -> bytes:
    """The body of the answer. Its tag is `d`, as Redshift has it."""
    inner = hashlib.sha256(password + challenge.salt).digest()
    digest = hashlib.sha256(inner + challenge.nonce + nonce).digest()
    return struct.pack(f"!i{len(digest)}si{len(nonce)}s", len(digest), digest, len(nonce), nonce)


def _number(body: bytes, at: int) -> tuple[int, int]:
    if at + 4 > len(body):
        raise Malformed("the digest that the server asks for is cut off")
    return int.from_bytes(body[at : at + 4], "big", signed=True), at + 4


def _counted(body: bytes, at: int) -> tuple[bytes, int]:
    size, at = _number(body, at)
    if not 0 <= size <= SALT_MOST or at + size > len(body):
        raise Malformed("the digest that the server asks for is cut off")
    return body[at : at + size], at + size
