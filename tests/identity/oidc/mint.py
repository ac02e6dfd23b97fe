"""Makes tokens: genuine ones, and every kind of broken one, signed with keys that are made once."""

import base64
import json
from functools import cache
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

Key = RSAKey | ECKey | OKPKey | OctKey
Json = dict[str, Any]

NAMES = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def encoded(value: Any) -> str:
    return b64(json.dumps(value).encode())


@cache
def rsa(name: str = "first", bits: int = 2048) -> RSAKey:
    return RSAKey.generate_key(bits)


@cache
def ec(curve: str, name: str = "first") -> ECKey:
    return ECKey.generate_key(curve)


@cache
def okp(curve: str, name: str = "first") -> OKPKey:
    return OKPKey.generate_key(curve)  # type: ignore[arg-type]  # one of three names


def key_for(algorithm: str) -> Key:
    if algorithm.startswith(("RS", "PS")):
        return rsa()
    if algorithm.startswith("ES"):
        return ec({"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[algorithm])
    return okp("Ed25519")


def public(key: Key, kid: str | None = None, **more: Any) -> Json:
    """As a provider publishes it."""
    found: Json = dict(key.as_dict(private=False))
    found.pop("kid", None)
    return {**found, **({"kid": kid} if kid is not None else {}), **more}


def published(*names: str) -> list[Json]:
    """The usual set: one key for each kind of algorithm, its kid the kind's name."""
    kinds: dict[str, Key] = {"rsa": rsa(), "ed": okp("Ed25519")}
    kinds |= {"p256": ec("P-256"), "p384": ec("P-384"), "p521": ec("P-521")}
    return [public(key, kid) for kid, key in kinds.items() if not names or kid in names]


KIDS = {"ES256": "p256", "ES384": "p384", "ES512": "p521", "EdDSA": "ed", "Ed25519": "ed"}


def signature(signing_input: str, algorithm: str, key: Key) -> bytes:
    return jws.JWSRegistry.algorithms[algorithm].sign(signing_input.encode(), key)


def signed_parts(header: str, payload: str, algorithm: str, key: Key) -> str:
    """A right signature over two parts that may be anything."""
    return f"{header}.{payload}.{b64(signature(f'{header}.{payload}', algorithm, key))}"


def token(claims: Json, algorithm: str = "RS256", key: Key | None = None, **header: Any) -> str:
    """A signed token. A header parameter given as None is left out."""
    head = {"alg": algorithm, "kid": KIDS.get(algorithm, "rsa"), "typ": "JWT", **header}
    head = {name: value for name, value in head.items() if value is not None}
    return signed_parts(encoded(head), encoded(claims), algorithm, key or key_for(algorithm))
