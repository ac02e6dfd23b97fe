"""SCRAM-SHA-256, the client's side (RFC 5802, RFC 7677, as PostgreSQL speaks it): words in, words out.

It proves that we know the password without sending it, and that the server knows it too. It waits for nothing; the
nonce is given. `answer` takes the milliseconds that the server asks for: call it off the event loop.
"""

import base64
import binascii
import hashlib
import hmac
import re

from gateway.core.errors import Malformed
from gateway.wire.postgres.saslprep import prepared

PLAIN = "SCRAM-SHA-256"
PLUS = "SCRAM-SHA-256-PLUS"

ROUNDS_MOST = 1_000_000
"""Servers ask for 4,096 unless somebody has set more. A server that asks for billions wants our processor, not us."""
WORDS_MOST = 4096
SALT_MOST = 1024
_NONCE = re.compile(rb"[!-+\--~]+")
_FIRST = re.compile(rb"r=([^,]*),s=([^,]*),i=([1-9][0-9]{0,9})")
_LAST = re.compile(rb"v=([^,]*)")


class ScramClient:
    """One sign-in: `first`, `answer`, `check`, in that order and once each."""

    def __init__(
        self, password: bytes, nonce: str, *, binding: bytes = b"", could_bind: bool = False
    ) -> None:
        """`binding`: what names this encryption (`tls-server-end-point`), where the server has offered to be bound to
        it. `could_bind`: the server has not, and if it says elsewhere that it has, somebody between us lies."""
        self.mechanism = PLUS if binding else PLAIN
        self._password = password
        self._nonce = nonce.encode("ascii")
        self._binding = binding
        self._header = b"p=tls-server-end-point,," if binding else b"y,," if could_bind else b"n,,"
        self._server_key = b""
        self._conversation = b""

    def first(self) -> bytes:
        """The first words. PostgreSQL has the user's name from the start-up message and ignores one in here."""
        return self._header + self._bare

    def answer(self, server_first: bytes) -> bytes:
        """The proof. Raises `Malformed`."""
        nonce, salt, rounds = self._challenge(server_first)
        salted = hashlib.pbkdf2_hmac("sha256", prepared(self._password), salt, rounds)
        bound = base64.b64encode(self._header + self._binding)
        without_proof = b"c=" + bound + b",r=" + nonce
        self._conversation = b",".join((self._bare, server_first, without_proof))
        client_key = _sign(salted, b"Client Key")
        self._server_key = _sign(salted, b"Server Key")
        signature = _sign(hashlib.sha256(client_key).digest(), self._conversation)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        return without_proof + b",p=" + base64.b64encode(proof)

    def check(self, server_last: bytes) -> None:
        """The server's own proof. Raises `Malformed` where it does not know the password either."""
        found = _LAST.fullmatch(server_last)
        if found is None or not self._server_key:
            raise Malformed("the last words of the sign-in are not those of SCRAM")
        if not hmac.compare_digest(_decoded(found[1]), _sign(self._server_key, self._conversation)):
            raise Malformed("the server could not prove that it knows the password")

    @property
    def _bare(self) -> bytes:
        return b"n=,r=" + self._nonce

    def _challenge(self, server_first: bytes) -> tuple[bytes, bytes, int]:
        found = _FIRST.fullmatch(server_first) if len(server_first) <= WORDS_MOST else None
        if found is None:
            raise Malformed("the first words of the sign-in are not those of SCRAM")
        nonce, salt, rounds = found[1], _decoded(found[2]), int(found[3])
        if not nonce.startswith(self._nonce) or len(nonce) == len(self._nonce) or not _NONCE.fullmatch(nonce):
            raise Malformed("the server did not add to the nonce of the sign-in")
        if not 0 < len(salt) <= SALT_MOST:
            raise Malformed("the salt of the sign-in is empty or too long")
        if rounds > ROUNDS_MOST:
            raise Malformed(f"the server asks to hash the password more than {ROUNDS_MOST:,} times")
        return nonce, salt, rounds


def _sign(key: bytes, words: bytes) -> bytes:
    return hmac.digest(key, words, "sha256")


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise Malformed("the words of the sign-in are not base64") from None
