"""A signed token in the compact form, and nothing else: taken apart, checked, and only then read.

No JSON serialisation, no encryption, no detached or unencoded content, no extension that would have to be
understood, no key that the token brings along. What the claims say is id_token.py's business.
"""

import base64
import re
from dataclasses import dataclass
from typing import Any, Final, Protocol

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwa import JWSAlgModel

from gateway.core.errors import Refused
from gateway.identity.oidc.algorithms import ALGORITHMS, Algorithm
from gateway.identity.oidc.issuer import Issuer
from gateway.identity.oidc.keys import SigningKey
from gateway.identity.oidc.strict_json import read_object

LIMIT: Final = 64 << 10
_HEADER_LIMIT: Final = 4 << 10
_PART: Final = re.compile(r"[A-Za-z0-9_-]+")
_TYPES: Final = frozenset({"jwt", "application/jwt"})
_NOT_UNDERSTOOD: Final = ("crit", "b64", "zip", "enc", "cty")
_FOREIGN_KEYS: Final = ("jku", "jwk", "x5u")


@dataclass(frozen=True, slots=True)
class Header:
    """What the beginning of a token says about its signature."""

    algorithm: Algorithm
    key_id: str | None


class KeyFinder(Protocol):
    """The published keys of one provider."""

    async def find(self, id: str | None, algorithm: Algorithm) -> SigningKey:
        """The one that a token with this header was signed with. Raises `Refused`, `Fault`."""
        ...


class _OnlyOne(jws.JWSRegistry):
    """Gives the algorithm that we chose, whatever the token asks for."""

    max_header_length = _HEADER_LIMIT
    max_payload_length = LIMIT
    max_signature_length = 2 << 10

    def __init__(self, algorithm: Algorithm) -> None:
        super().__init__(algorithms=[algorithm.name], strict_check_header=False)
        self._name = algorithm.name

    def get_alg(self, name: str) -> JWSAlgModel:
        return self.algorithms[self._name]


async def read_signed(token: str, issuer: Issuer, keys: KeyFinder) -> tuple[dict[str, Any], Algorithm]:
    """The claims of a token that `issuer` has signed. Raises `Refused`, `Fault`."""
    header = read_header(token, issuer)
    key = await keys.find(header.key_id, header.algorithm)
    payload = _verified(token, header.algorithm, key, issuer)
    try:
        return read_object(payload), header.algorithm
    except ValueError:
        raise Refused(f"the claims in the token from {issuer.shown} can not be read") from None


def read_header(token: str, issuer: Issuer) -> Header:
    """What the token says before its signature is checked: enough to find the key, believed for nothing else."""
    if len(token) > LIMIT:
        raise Refused(
            f"the token from {issuer.shown} has more than {LIMIT >> 10} KiB, most often because of too many groups"
        )
    parts = token.split(".")
    if len(parts) != 3:
        raise Refused("the token is not a signed token of three parts")
    header, _, _ = (_decode(part) for part in parts)
    if len(header) > _HEADER_LIMIT:
        raise Refused("the header of the token is too long")
    try:
        said = read_object(header)
    except ValueError:
        raise Refused("the header of the token can not be read") from None
    _check_extras(said)
    name, id = said.get("alg"), said.get("kid")
    if not isinstance(name, str) or name not in issuer.algorithms or name not in ALGORITHMS:
        raise Refused(f"the token is not signed with an algorithm that is configured for {issuer.shown}")
    if id is not None and (not isinstance(id, str) or not 0 < len(id) <= 256):
        raise Refused("the token names its key in a form that can not be read")
    return Header(ALGORITHMS[name], id)


def _check_extras(said: dict[str, Any]) -> None:
    if any(name in said for name in _NOT_UNDERSTOOD):
        raise Refused("the token asks for an extension that is not understood here")
    if any(name in said for name in _FOREIGN_KEYS):
        raise Refused("the token brings its own key along")
    type = said.get("typ", "JWT")
    if not isinstance(type, str) or type.lower() not in _TYPES:
        raise Refused("the token is of another type than a sign-in token")


def _decode(part: str) -> bytes:
    """Base64url without padding, in the one spelling that its bytes have."""
    if _PART.fullmatch(part):
        try:
            decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        except ValueError:
            decoded = b""
        if decoded and base64.urlsafe_b64encode(decoded).decode().rstrip("=") == part:
            return decoded
    raise Refused("the token is not a signed token of three parts")


def _verified(token: str, algorithm: Algorithm, key: SigningKey, issuer: Issuer) -> bytes:
    """The payload, once its signature is right."""
    try:
        return jws.deserialize_compact(token, key.public, registry=_OnlyOne(algorithm)).payload
    except (JoseError, ValueError):
        raise Refused(f"the signature of the token is not {issuer.shown}'s") from None
