"""Anything at all in place of a token or an answer: refused, never an error of another kind."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import Fault, Refused
from gateway.identity.oidc.algorithms import ALGORITHMS, Algorithm
from gateway.identity.oidc.claims import lacks, vouch
from gateway.identity.oidc.device import read_device_start
from gateway.identity.oidc.discovery import read_endpoints
from gateway.identity.oidc.id_token import Expected, check_claims
from gateway.identity.oidc.issuer import Issuer, is_sound_url
from gateway.identity.oidc.keys import SigningKey, read_keys
from gateway.identity.oidc.signed import read_signed
from gateway.identity.oidc.strict_json import read_object
from tests.identity.oidc import mint
from tests.identity.register import NOW

CORP = Issuer("corp", "https://id.example.com", client_id="hoop", algorithms=tuple(ALGORITHMS))
KEYS = read_keys({"keys": mint.published()}, CORP)
GOOD = {
    "iss": "https://id.example.com",
    "sub": "alice",
    "aud": "hoop",
    "iat": NOW.timestamp(),
    "exp": NOW.timestamp() + 60,
    "email": "alice@example.com",
    "email_verified": True,
    "groups": ["sre"],
}
FEW = settings(max_examples=60)


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.text(max_size=8), inner, max_size=4)


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | objects(inner), max_leaves=8)
segments = st.text("ABCDwxyz0189-_=+/ .", max_size=12) | st.binary(max_size=20).map(mint.b64)


class FixedKeys:
    """The usual set, without a provider to ask."""

    async def find(self, id: str | None, algorithm: Algorithm) -> SigningKey:
        found = [key for key in KEYS if key.id == id and key.fits(algorithm)]
        if not found:
            raise Refused("no such key")
        return found[0]


def judged(token: str) -> dict[str, Any] | None:
    """The claims, where everything is right; None where it was refused."""
    try:
        claims, algorithm = asyncio.run(read_signed(token, CORP, FixedKeys()))
        check_claims(claims, algorithm, CORP, Expected("hoop"), NOW)
        lacks(claims, CORP)
        vouch(claims, {}, CORP, NOW, None)
    except Refused as refused:
        sentence = refused.sentence
    else:
        return claims
    assert sentence.isascii()
    assert sentence.isprintable()
    return None


def test_the_good_one_is_good() -> None:
    assert judged(mint.token(GOOD)) == GOOD


@FEW
@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
def test_any_text(token: str) -> None:
    assert judged(token) is None


@FEW
@given(st.lists(segments, min_size=1, max_size=6).map(".".join))
def test_any_parts(token: str) -> None:
    assert judged(token) is None


@FEW
@given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "x5c", "cty"]), values))
def test_any_header(changed: dict[str, Any]) -> None:
    """Only one that means the same as the good one passes."""
    header = {"alg": "RS256", "kid": "rsa", **changed}
    token = mint.signed_parts(mint.encoded(header), mint.encoded(GOOD), "RS256", mint.rsa())
    harmless = changed.keys() <= {"x5c"}
    assert judged(token) is None or harmless


@FEW
@given(st.sampled_from([*GOOD, "nbf", "azp", "_claim_names", "at_hash"]), values)
def test_any_claim(name: str, value: Any) -> None:
    claims = judged(mint.token({**GOOD, name: value}))
    if claims is not None:
        assert claims["iss"] == CORP.url
        assert claims["aud"] in ("hoop", ["hoop"])
        assert isinstance(claims["sub"], str)
        assert claims["email_verified"] is True
        assert isinstance(claims["groups"], list)
        assert claims["exp"] > NOW.timestamp() - 60


@FEW
@given(st.data())
def test_any_changed_character(data: st.DataObject) -> None:
    token = mint.token(GOOD)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=\n"))
    changed = token[:at] + other + token[at + 1 :]
    assert (judged(changed) is None) == (changed != token)


@FEW
@given(st.integers(-(10**6), 10**6))
def test_good_only_in_its_time(seconds: int) -> None:
    """From a minute before it was made until a minute after it ends, and at no other time."""
    expected = -60 <= seconds < 60 + 60
    try:
        check_claims(GOOD, ALGORITHMS["RS256"], CORP, Expected("hoop"), NOW + timedelta(seconds=seconds))
    except Refused:
        assert not expected
    else:
        assert expected


def only(kind: type[Exception], read: Callable[[], object]) -> None:
    sentence = ""
    try:
        read()
    except kind as stopped:
        sentence = str(stopped)
    assert sentence.isascii()


@FEW
@given(st.binary(max_size=80) | values.map(lambda value: json.dumps(value).encode()))
def test_any_json(raw: bytes) -> None:
    only(ValueError, lambda: read_object(raw))


@FEW
@given(objects(values) | st.fixed_dictionaries({"issuer": st.just(CORP.url), "jwks_uri": values}))
def test_any_description(document: dict[str, Any]) -> None:
    only(Fault, lambda: read_endpoints(document, CORP))


names = st.sampled_from(["kty", "use", "key_ops", "alg", "kid", "n", "e", "crv", "x", "y", "d", "k"])


@FEW
@given(st.lists(st.dictionaries(names, values) | values), st.sampled_from(mint.published()), names, values)
def test_any_keys(given: list[Any], good: dict[str, Any], name: str, value: Any) -> None:
    only(Fault, lambda: read_keys({"keys": [*given, {**good, name: value}]}, CORP))


@FEW
@given(
    st.dictionaries(st.sampled_from(["device_code", "user_code", "verification_uri", "expires_in"]), values)
)
def test_any_device_answer(said: dict[str, Any]) -> None:
    only(Fault, lambda: read_device_start(said, CORP, 0))


@FEW
@given(st.text(max_size=30).map(lambda rest: f"https://{rest}") | st.text(max_size=30) | values)
def test_any_address(url: object) -> None:
    assert is_sound_url(url, loopback=True) in (True, False)
