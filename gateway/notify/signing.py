"""How webhooks are signed: HMAC-SHA256 over a timestamp and the body, once for each secret that is in force."""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from gateway.core.secret import Secret

TIMESTAMP: Final = "Hoop-Timestamp"
SIGNATURE: Final = "Hoop-Signature"
SHORTEST: Final = 16
"""Bytes of a secret. A shorter one can be guessed from a single notice."""


def signed(body: bytes, seconds: int, secrets: Sequence[Secret]) -> dict[str, str]:
    """The headers. With two secrets, one that is new and one that was before, a receiver may know either."""
    text = str(seconds).encode() + b"." + body
    digests = [hmac.new(secret.expose(), text, hashlib.sha256).hexdigest() for secret in secrets]
    return {TIMESTAMP: str(seconds), SIGNATURE: ", ".join(f"v1={digest}" for digest in digests)}
