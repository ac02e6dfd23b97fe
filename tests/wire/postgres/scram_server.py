"""SCRAM-SHA-256 as a server does it, written for tests from RFC 5802: it holds only the stored keys."""

import base64
import hashlib
import hmac


class ScramServer:
    """What a server keeps of a password, and one sign-in with it. `binding`: what it expects to be bound to."""

    def __init__(
        self, password: bytes, *, rounds: int = 4096, salt: bytes = b"sixteen bytes ok", binding: bytes = b""
    ):
        salted = hashlib.pbkdf2_hmac("sha256", password, salt, rounds)
        self.stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
        self.server_key = hmac.digest(salted, b"Server Key", "sha256")
        self.salt = salt
        self.rounds = rounds
        self.binding = binding
        self.nonce = b""
        self._header = b""
        self._bare = b""
        self._first = b""

    def challenge(self, client_first: bytes, more: bytes = b"server+nonce/1") -> bytes:
        flag, name, bare = client_first.split(b",", 2)
        assert name == b""
        self._header = flag + b",,"
        self._bare = bare
        fields = dict(field.split(b"=", 1) for field in bare.split(b","))
        self.nonce = fields[b"r"] + more
        self._first = b"r=%s,s=%s,i=%d" % (self.nonce, base64.b64encode(self.salt), self.rounds)
        return self._first

    def verify(self, client_final: bytes) -> bytes:
        """The server's last words. `AssertionError` where the client proves nothing."""
        without_proof, _, proof = client_final.rpartition(b",p=")
        fields = dict(field.split(b"=", 1) for field in without_proof.split(b","))
        assert fields[b"r"] == self.nonce
        assert base64.b64decode(fields[b"c"]) == self._header + self.binding
        conversation = b",".join((self._bare, self._first, without_proof))
        signature = hmac.digest(self.stored_key, conversation, "sha256")
        key = bytes(a ^ b for a, b in zip(base64.b64decode(proof), signature, strict=True))
        assert hashlib.sha256(key).digest() == self.stored_key
        return b"v=" + base64.b64encode(hmac.digest(self.server_key, conversation, "sha256"))
