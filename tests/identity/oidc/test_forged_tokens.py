"""Forged and broken tokens, each sent by a provider that is otherwise right: all are refused. The same without a flaw
is accepted, in every algorithm, and so is what is only unusual.
"""

import hashlib
from typing import Any

import pytest
from joserfc import jws

from gateway.core.errors import Refused
from tests.identity.oidc import forged_claims, mint
from tests.identity.oidc.conftest import Scene
from tests.identity.oidc.forgeries import NOT_CONFIGURED, ROWS, Craft, Forge
from tests.identity.oidc.mint import b64


@pytest.mark.parametrize(("forge", "sentence"), ROWS)
async def test_refused(scene: Scene, forge: Forge, sentence: str) -> None:
    scene.stub.keys.append(mint.public(mint.rsa("second"), "second"))
    journey = await scene.begun()
    scene.stub.gives(forge(Craft(scene, journey)), access_token="acc355")
    with pytest.raises(Refused) as refused:
        await scene.back(journey)
    assert refused.value.sentence == sentence
    assert sentence.isascii()


def test_there_are_enough_of_them() -> None:
    assert len(ROWS) >= 60
    assert forged_claims.AUDIENCE in {row.values[1] for row in ROWS}
    assert len({parameter.id for parameter in ROWS}) == len(ROWS)


@pytest.mark.parametrize("algorithm", mint.NAMES)
async def test_the_same_without_a_flaw_is_accepted(scene: Scene, algorithm: str) -> None:
    journey = await scene.begun()
    hash = {"256": "sha256", "384": "sha384"}.get(algorithm[-3:], "sha512")

    def half(of: bytes) -> str:
        digest = hashlib.new(hash, of).digest()
        return b64(digest[: len(digest) // 2])

    claims = scene.claims(journey.nonce, at_hash=half(b"acc355"), c_hash=half(b"c0de"))
    scene.stub.gives(mint.token(claims, algorithm), access_token="acc355")
    assert (await scene.back(journey)).subject == "248289761001"


GOOD: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("without-typ", {"typ": None}, {}),
    ("typ-in-lower-case", {"typ": "jwt"}, {}),
    ("typ-in-full", {"typ": "application/jwt"}, {}),
    ("unknown-header", {"x-vendor": {"a": [1]}, "x5t": "aGVsbG8"}, {}),
    ("x5c-is-passed-over", {"x5c": ["aGVsbG8="]}, {}),
    ("aud-in-a-list", {}, {"aud": ["hoop"]}),
    ("several-aud-and-azp", {}, {"aud": ["other", "hoop"], "azp": "hoop"}),
    ("azp", {}, {"azp": "hoop"}),
    ("times-as-fractions", {}, {"exp": 1795165500.5, "iat": 1795165200.25}),
    ("expired-59-seconds-ago", {}, {"exp": 1795165200 - 59}),
    ("iat-in-60-seconds", {}, {"iat": 1795165260}),
    ("nbf-in-60-seconds", {}, {"nbf": 1795165260}),
    ("long-subject", {}, {"sub": "a" * 255}),
    ("subject-of-an-ldap", {}, {"sub": "cn=Alice Doe,ou=people|x:1"}),
    ("no-groups-at-all", {}, {"groups": []}),
    ("groups-beyond-ascii", {}, {"groups": ["Geschäftsführung", "管理者", "/devs/sre", "CN=a b,OU=c"]}),
    ("a-thousand-groups", {}, {"groups": [f"group-{number}" for number in range(1000)]}),
    ("overage-of-something-else", {}, {"_claim_names": {"photos": "src1"}}),
    ("at_hash-missing", {}, {"at_hash": None}),
]


@pytest.mark.parametrize(("header", "claims"), [row[1:] for row in GOOD], ids=[row[0] for row in GOOD])
async def test_unusual_and_right(scene: Scene, header: dict[str, Any], claims: dict[str, Any]) -> None:
    journey = await scene.begun()
    said = scene.claims(journey.nonce, **claims)
    scene.stub.gives(mint.token(said, **header), access_token="acc355")
    person = await scene.back(journey)
    assert person.subject == said["sub"]
    assert person.groups == frozenset(said["groups"])


async def test_groups_are_kept_in_their_case(scene: Scene) -> None:
    assert (await scene.vouched(groups=["SRE", "sre", "Sre", "sre"])).groups == frozenset(
        {"SRE", "sre", "Sre"}
    )


async def test_only_configured_algorithms_count(scene: Scene) -> None:
    scene.settings["algorithms"] = ("ES256",)
    journey = await scene.begun()
    scene.stub.gives(mint.token(scene.claims(journey.nonce)))
    with pytest.raises(Refused, match=NOT_CONFIGURED):
        await scene.back(journey)


async def test_the_library_still_knows_what_we_never_allow() -> None:
    """Were these gone from it, the rows about them would prove nothing."""
    assert {"none", "HS256", "HS512", "ES256K"} <= jws.JWSRegistry.algorithms.keys()


async def test_two_people_with_one_address_are_two(scene: Scene) -> None:
    alice, eve = await scene.vouched(sub="alice"), await scene.vouched(sub="eve")
    assert alice.email == eve.email
    assert (alice.issuer, alice.subject) != (eve.issuer, eve.subject)


async def test_absent_groups_are_not_empty_ones(scene: Scene) -> None:
    scene.settings["groups_missing"] = "none"
    assert (await scene.vouched(groups=None)).groups is None
    assert (await scene.vouched(groups=[])).groups == frozenset()
