"""The claims of a signed token: from the right provider, for us, for this sign-in, at this time, about somebody.

Every claim is checked for its type before its value. What the claims make of a person is claims.py's business.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from gateway.core.errors import Refused
from gateway.identity.oidc.algorithms import Algorithm
from gateway.identity.oidc.issuer import Issuer

LEEWAY: Final = 60
"""Seconds that the provider's clock may differ from ours."""
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC).timestamp()
_SUBJECT: Final = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?")


@dataclass(frozen=True, slots=True)
class Expected:
    """What this token must fit. `nonce` None: the flow has none. A code or access token came with it where given."""

    audience: str
    nonce: str | None = field(default=None, repr=False)
    access_token: str = field(default="", repr=False)
    code: str = field(default="", repr=False)
    only_audience: bool = False
    """For tokens that reach us by way of somebody else: one that is also for others is refused."""


def check_claims(
    claims: Mapping[str, Any], algorithm: Algorithm, issuer: Issuer, expected: Expected, now: datetime
) -> None:
    """Raises `Refused`."""
    if claims.get("iss") != issuer.url:
        raise Refused(f"the token says that another provider than {issuer.shown} made it")
    _check_audience(claims, issuer, expected)
    _check_times(claims, issuer, now.timestamp())
    subject_of(claims, issuer)
    nonce = claims.get("nonce")
    if expected.nonce is not None and not (isinstance(nonce, str) and _same(nonce, expected.nonce)):
        raise Refused("the token belongs to another sign-in than this one")
    _check_hash(claims, "at_hash", expected.access_token, algorithm)
    _check_hash(claims, "c_hash", expected.code, algorithm)


def subject_of(claims: Mapping[str, Any], issuer: Issuer) -> str:
    """Whom the provider means, in its own words. Raises `Refused`."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not _SUBJECT.fullmatch(subject):
        raise Refused(f"the token from {issuer.shown} does not say whom it is about")
    return subject


def _check_audience(claims: Mapping[str, Any], issuer: Issuer, expected: Expected) -> None:
    given = claims.get("aud")
    audiences = given if isinstance(given, list) else [given]
    if not all(isinstance(audience, str) for audience in audiences) or len(audiences) > 100:
        raise Refused(f"the token from {issuer.shown} says in no readable form whom it is for")
    if expected.audience not in audiences:
        raise Refused(f"the token from {issuer.shown} is not for this gateway")
    if expected.only_audience:
        if len(set(audiences)) > 1:
            raise Refused(f"the token from {issuer.shown} is also for others than this gateway")
        return
    party = claims.get("azp")
    if (party is not None or len(audiences) > 1) and party != expected.audience:
        raise Refused(f"the token from {issuer.shown} was asked for by somebody else")


def _check_times(claims: Mapping[str, Any], issuer: Issuer, now: float) -> None:
    expires, issued = _time(claims, "exp", issuer), _time(claims, "iat", issuer)
    if now >= expires + LEEWAY:
        raise Refused(f"the token from {issuer.shown} has expired")
    begins = _time(claims, "nbf", issuer) if "nbf" in claims else issued
    if max(begins, issued) > now + LEEWAY:
        raise Refused(f"the token from {issuer.shown} is from the future; the clocks may differ")


def _time(claims: Mapping[str, Any], name: str, issuer: Issuer) -> float:
    value = claims.get(name)
    # NaN and Infinity are in no range.
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _LATEST:
        return float(value)
    raise Refused(
        f"the token from {issuer.shown} does not say in readable form from when until when it is good"
    )


def _check_hash(claims: Mapping[str, Any], name: str, of: str, algorithm: Algorithm) -> None:
    if not of or name not in claims:
        return
    digest = hashlib.new(algorithm.hash, of.encode("utf-8", "surrogatepass")).digest()
    wanted = base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")
    given = claims[name]
    if not isinstance(given, str) or not _same(given, wanted):
        raise Refused("the token was not made together with what came with it")


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))
