"""Codes that programs trade for tokens: of the device flow (RFC 8628) and of a browser that came back (RFC 7636).

Both are 256 random bits of which only the hash is kept, in memory, and both are good once. Nothing here knows HTTP.
"""

import base64
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Literal, NamedTuple

from gateway.core.errors import HoopError, Refused
from gateway.core.failures import neighbourhood
from gateway.core.people import Peer, Principal
from gateway.core.ports import Clock
from gateway.session.doorbell import Ring

GrantError = Literal["authorization_pending", "slow_down", "expired_token", "access_denied", "invalid_grant"]
INTERVAL = 5.0
"""Seconds between two questions of a device."""
JITTER = 0.5
"""Seconds that a question may come early: the network does not keep time."""
CODE_TTL = 60.0
MOST_CODES = 4096
REMEMBERED = timedelta(minutes=10)
"""How long a device is still told that its time is over, rather than that it is not known."""
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


class GrantProblem(HoopError):
    """Not yet, or never. `error` is OAuth's word."""

    def __init__(self, error: GrantError, sentence: str) -> None:
        super().__init__(sentence)
        self.error = error


class TakenElsewhere(GrantProblem):
    """A device's code came from another address than the device: it may be stolen, and is over."""


@dataclass(slots=True)
class _Device:
    ring: Ring
    home: str
    interval: float
    next_at: float
    purpose: str


class Confirmation(NamedTuple):
    """Who confirmed it, in which browser, and what the device had asked for."""

    principal: Principal
    browser: Peer | None
    purpose: str


class DeviceCodes:
    """Devices that wait for their person to sign in elsewhere. Codes of another instance are not known here, so what
    was confirmed as one thing never becomes another."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._devices: dict[bytes, _Device] = {}

    def add(self, ring: Ring, peer: Peer, purpose: str = "") -> str:
        """A new code for the device that rang."""
        self._forget()
        code = secrets.token_urlsafe(32)
        self._devices[_digest(code)] = _Device(ring, neighbourhood(peer.address), INTERVAL, 0.0, purpose)
        return code

    async def ask(self, code: str, peer: Peer) -> Confirmation:
        """Who confirmed it; once. Raises `GrantProblem`: not yet, too soon, declined, over or
        not known."""
        key = _digest(code)
        device = self._devices.get(key)
        if device is None:
            raise GrantProblem("invalid_grant", "this sign-in is not known here: start again")
        if device.home != neighbourhood(peer.address):
            self._over(key, device)
            raise TakenElsewhere("invalid_grant", "this sign-in was started at another address: start again")
        self._in_time(device)
        try:
            principal = await device.ring.answered(0.0)
        except Refused as refused:
            self._over(key, device)
            error: GrantError = "access_denied" if device.ring.declined else "expired_token"
            raise GrantProblem(error, refused.sentence) from refused
        if principal is None:
            raise GrantProblem("authorization_pending", "nobody has confirmed it yet")
        if not self._over(key, device):
            raise GrantProblem("invalid_grant", "this sign-in was used already")
        return Confirmation(principal, device.ring.browser, device.purpose)

    def _over(self, key: bytes, device: _Device) -> bool:
        """False: it was over already."""
        device.ring.withdraw()
        return self._devices.pop(key, None) is not None

    def _in_time(self, device: _Device) -> None:
        now = self._clock.monotonic_us() / 1e6
        early = now < device.next_at
        if early:
            device.interval += 5.0
        device.next_at = now + device.interval - JITTER
        if early:
            raise GrantProblem("slow_down", f"ask every {device.interval:.0f} seconds, not more often")

    def _forget(self) -> None:
        before = self._clock.now() - REMEMBERED
        for key in [key for key, device in self._devices.items() if device.ring.expires_at < before]:
            del self._devices[key]


@dataclass(frozen=True, slots=True)
class _Granted:
    principal: Principal
    challenge: str
    redirect_uri: str
    until: float


class BrowserCodes:
    """People who confirmed in a browser, whose program has not come for the token yet."""

    def __init__(self, clock: Clock) -> None:
        self._now: Callable[[], float] = lambda: clock.monotonic_us() / 1e6
        self._granted: dict[bytes, _Granted] = {}

    def add(self, principal: Principal, challenge: str, redirect_uri: str) -> str:
        """A new code. It is good for whoever knows what `challenge` is the hash of."""
        now = self._now()
        for key in [key for key, granted in self._granted.items() if granted.until <= now]:
            del self._granted[key]
        if len(self._granted) >= MOST_CODES:
            raise Refused("too many people are signing in just now; try again in a minute")
        code = secrets.token_urlsafe(32)
        self._granted[_digest(code)] = _Granted(principal, challenge, redirect_uri, now + CODE_TTL)
        return code

    def redeem(self, code: str, verifier: str, redirect_uri: str) -> Principal:
        """Who confirmed it. Once: a wrong verifier uses the code up, too."""
        granted = self._granted.pop(_digest(code), None)
        if granted is None or granted.until <= self._now():
            raise GrantProblem("invalid_grant", "this sign-in was used already, or is over: start again")
        proven = (
            _same(pkce_challenge(verifier), granted.challenge) if _VERIFIER.fullmatch(verifier) else False
        )
        if not proven or not _same(redirect_uri, granted.redirect_uri):
            raise GrantProblem("invalid_grant", "this sign-in was started by another program")
        return granted.principal


def pkce_challenge(verifier: str) -> str:
    """The S256 hash of a verifier."""
    return base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")


def is_challenge(text: str) -> bool:
    """Can this be the S256 hash of a verifier?"""
    return _CHALLENGE.fullmatch(text) is not None


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _digest(code: str) -> bytes:
    return sha256(code.encode()).digest()
