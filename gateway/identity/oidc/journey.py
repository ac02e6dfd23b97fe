"""A sign-in on its way: what the gateway remembers while the person is at their provider.

Kept on the server and found by a cookie of the browser that began it; none of it but the address is shown.
"""

import base64
import secrets
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.core.secret import Secret

LIFETIME: Final = 600
"""Seconds in which the person comes back."""


@dataclass(frozen=True, slots=True)
class Journey:
    """One authorization code flow. `url` is where to send the browser, `callback` where it comes back to."""

    url: str = field(repr=False)
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: Secret
    issuer: str
    callback: str
    begun_us: int

    def leading_to(self, url: str) -> "Journey":
        """The same, with the address that was made from it."""
        return replace(self, url=url)


@dataclass(slots=True)
class DeviceJourney:
    """One device flow at the provider: the person opens `verification_uri` somewhere and types `user_code`."""

    issuer: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    device_code: Secret
    expires_us: int
    interval: int
    """Seconds between two questions; grows when the provider asks to slow down."""
    next_us: int
    over: bool = False


def unguessable() -> str:
    """256 random bits in 43 characters that need no escaping anywhere."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
