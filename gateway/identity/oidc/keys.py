"""The public keys that a provider signs with, as it publishes them now.

A token names its key by an id (`kid`). An unknown id makes us look again, once in half a minute however many
unknown ids there are. A key that has left the published set is gone with the next look, an hour later at most.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey
from joserfc.util import base64_to_int

from gateway.core.errors import Fault, Refused
from gateway.core.ports import Clock
from gateway.identity.oidc.algorithms import EDWARDS, KEY_CURVES, Algorithm
from gateway.identity.oidc.discovery import Discovery
from gateway.identity.oidc.issuer import Issuer
from gateway.identity.oidc.kept import Kept
from gateway.identity.oidc.web import Web

MOST_KEYS: Final = 100
_BASE64: Final = re.compile(r"[A-Za-z0-9_-]{1,2048}")
_PUBLIC_PARTS: Final = {"RSA": ("n", "e"), "EC": ("x", "y"), "OKP": ("x",)}
_PRIVATE_PARTS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_RSA_BITS: Final = range(2048, 8192 + 1)

PublicKey = RSAKey | ECKey | OKPKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One published key. `id` and `algorithm` are "" where the provider does not say."""

    id: str
    type: str
    curve: str
    algorithm: str
    public: PublicKey = field(repr=False)

    def fits(self, algorithm: Algorithm) -> bool:
        """Whether this key may check a signature of that algorithm."""
        if (self.type, self.curve) != (algorithm.key_type, algorithm.curve):
            return False
        named = {self.algorithm, algorithm.name}
        return not self.algorithm or len(named) == 1 or named == EDWARDS


class Keys:
    """The keys of one provider, kept."""

    def __init__(self, issuer: Issuer, discovery: Discovery, web: Web, clock: Clock) -> None:
        self._issuer = issuer
        self._discovery = discovery
        self._web = web
        self._kept = Kept(self._fetch, clock)

    async def find(self, id: str | None, algorithm: Algorithm) -> SigningKey:
        """The one key that a token with this header was signed with. Raises `Refused`, `Fault`."""
        found = _candidates(await self.all(), id, algorithm)
        if not found:
            found = _candidates(await self._kept.again(), id, algorithm)
        if not found:
            raise Refused(f"the token is not signed with a key that {self._issuer.shown} publishes")
        if len(found) > 1:
            raise Refused(f"the token does not say which key of {self._issuer.shown} it is signed with")
        return found[0]

    async def all(self) -> tuple[SigningKey, ...]:
        """Every key that counts now. Raises `Fault`."""
        return await self._kept.get()

    async def _fetch(self) -> tuple[SigningKey, ...]:
        endpoints = await self._discovery.endpoints()
        return read_keys(await self._web.get_object(endpoints.keys, "its keys"), self._issuer)


def _candidates(keys: tuple[SigningKey, ...], id: str | None, algorithm: Algorithm) -> list[SigningKey]:
    return [key for key in keys if key.fits(algorithm) and (id is None or key.id == id)]


def read_keys(document: Mapping[str, Any], issuer: Issuer) -> tuple[SigningKey, ...]:
    """The keys of a published set that can check signatures. Raises `Fault` where there is none."""
    published = document.get("keys")
    if not isinstance(published, list):
        raise Fault(f"{issuer.shown} sent a set of keys that can not be read")
    if len(published) > MOST_KEYS:
        raise Fault(f"{issuer.shown} publishes more than {MOST_KEYS} keys")
    keys = tuple(_usable(published))
    if not keys:
        raise Fault(f"{issuer.shown} publishes no key that can be used")
    return keys


def _usable(published: list[Any]) -> Iterator[SigningKey]:
    """A set may hold keys for other things, and kinds that we have never heard of: they are passed over."""
    for given in published:
        key = _read_key(given) if isinstance(given, dict) else None
        if key is not None:
            yield key


def _read_key(given: dict[str, Any]) -> SigningKey | None:
    type, curve, id, algorithm = (given.get(part, "") for part in ("kty", "crv", "kid", "alg"))
    operations = given.get("key_ops", ["verify"])
    if given.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return None
    if given.keys() & _PRIVATE_PARTS or not _are_texts(type, curve, id, algorithm):
        return None
    if (type, curve) not in KEY_CURVES:
        return None
    parts = {name: str(given.get(name, "")) for name in _PUBLIC_PARTS[type]}
    if not all(part == given.get(name) and _BASE64.fullmatch(part) for name, part in parts.items()):
        return None
    try:
        if type == "RSA" and base64_to_int(parts["n"]).bit_length() not in _RSA_BITS:
            return None
        public = JWKRegistry.import_key(
            {"kty": type, "crv": curve, **parts} if curve else {"kty": type, **parts}
        )
    except (JoseError, ValueError):
        return None
    if not isinstance(public, RSAKey | ECKey | OKPKey):
        return None
    return SigningKey(id, type, curve, algorithm, public)


def _are_texts(*values: object) -> bool:
    return all(isinstance(value, str) and len(value) <= 256 for value in values)
