"""The published keys: rotated, flooded with unknown names, away for a while, and full of things that are no use."""

import asyncio
from typing import Any

import pytest
from joserfc.jwk import OctKey

from gateway.core.errors import Fault, Refused
from gateway.identity.oidc.algorithms import ALGORITHMS
from gateway.identity.oidc.issuer import Issuer
from gateway.identity.oidc.keys import read_keys
from tests.identity.oidc import mint
from tests.identity.oidc.conftest import Scene
from tests.identity.oidc.stub import Reply, Request

CORP = Issuer("corp", "https://id.example.com")
HOUR = 3600


async def verified(scene: Scene, key: mint.Key, kid: str | None) -> bool:
    """Whether a machine's token with this key is taken now."""
    token = mint.token(scene.claims(aud="machine"), key=key, kid=kid)
    try:
        await scene.provider.verify(token, "machine")
    except Refused as refused:
        return refused.sentence != "the token is not signed with a key that corp publishes"
    return True


def rotate(scene: Scene, name: str, *, keep: bool) -> None:
    kept = scene.stub.keys if keep else []
    scene.stub.keys = [*kept, mint.public(mint.rsa(name), name)]


async def test_a_new_key_is_found_at_its_first_use(scene: Scene) -> None:
    assert await verified(scene, mint.rsa(), "rsa")
    rotate(scene, "second", keep=True)
    assert await verified(scene, mint.rsa("second"), "second")
    assert await verified(scene, mint.rsa(), "rsa")
    assert scene.stub.asked["/keys"] == 2


async def test_a_key_that_left_the_set_is_gone_with_the_next_look(scene: Scene) -> None:
    assert await verified(scene, mint.rsa(), "rsa")
    rotate(scene, "second", keep=False)
    assert await verified(scene, mint.rsa("second"), "second")
    assert not await verified(scene, mint.rsa(), "rsa")


async def test_and_within_an_hour_without_any_new_token(scene: Scene) -> None:
    assert await verified(scene, mint.rsa(), "rsa")
    rotate(scene, "second", keep=False)
    scene.clock.wait(HOUR - 1)
    assert await verified(scene, mint.rsa(), "rsa")
    scene.clock.wait(1)
    assert not await verified(scene, mint.rsa(), "rsa")


async def test_a_flood_of_unknown_names_costs_one_look(scene: Scene) -> None:
    assert await verified(scene, mint.rsa(), "rsa")
    answers = await asyncio.gather(*(verified(scene, mint.rsa(), f"random-{n}") for n in range(40)))
    assert not any(answers)
    assert scene.stub.asked["/keys"] == 2
    scene.clock.wait(29)
    assert not await verified(scene, mint.rsa(), "random")
    assert scene.stub.asked["/keys"] == 2
    scene.clock.wait(1)
    assert not await verified(scene, mint.rsa(), "random")
    assert scene.stub.asked["/keys"] == 3


async def test_a_flood_that_hangs_up_at_once_costs_one_look_too(scene: Scene) -> None:
    assert await verified(scene, mint.rsa(), "rsa")
    scene.stub.hold = asyncio.Event()
    for n in range(5):
        task = asyncio.create_task(verified(scene, mint.rsa(), f"random-{n}"))
        while scene.stub.asked["/keys"] < 2 and not task.done():
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    scene.stub.hold.set()
    assert await verified(scene, mint.rsa(), "rsa")
    assert scene.stub.asked["/keys"] == 2


async def test_a_flood_does_not_slow_the_others(scene: Scene) -> None:
    assert await verified(scene, mint.rsa(), "rsa")
    scene.stub.hold = asyncio.Event()
    stuck = asyncio.create_task(verified(scene, mint.rsa(), "random"))
    while scene.stub.asked["/keys"] < 2:
        await asyncio.sleep(0)
    assert await verified(scene, mint.rsa(), "rsa")
    assert not stuck.done()
    scene.stub.hold.set()
    assert not await stuck


async def test_many_at_once_fetch_once(scene: Scene) -> None:
    assert all(await asyncio.gather(*(verified(scene, mint.rsa(), "rsa") for _ in range(20))))
    assert (scene.stub.asked["/keys"], scene.stub.asked["/.well-known/openid-configuration"]) == (1, 1)


async def test_the_last_good_set_is_good_for_a_day(scene: Scene) -> None:
    assert await verified(scene, mint.rsa(), "rsa")
    scene.stub.replies["/keys"] = scene.stub.replies["/.well-known/openid-configuration"] = Reply({}, 503)
    for _ in range(23):
        scene.clock.wait(HOUR)
        assert await verified(scene, mint.rsa(), "rsa")
    scene.clock.wait(HOUR)
    with pytest.raises(Fault, match=r"^corp answered with status 503 when asked for its description$"):
        await verified(scene, mint.rsa(), "rsa")


async def test_it_is_asked_again_and_again_but_not_at_once(scene: Scene) -> None:
    scene.stub.replies["/keys"] = Reply({}, 503)
    for _ in range(10):
        with pytest.raises(Fault, match=r"^corp answered with status 503 when asked for its keys$"):
            await verified(scene, mint.rsa(), "rsa")
    assert scene.stub.asked["/keys"] == 1
    scene.clock.wait(5)
    del scene.stub.replies["/keys"]
    assert await verified(scene, mint.rsa(), "rsa")


async def test_nobody_waits_for_it_while_the_last_set_is_good(scene: Scene) -> None:
    assert await verified(scene, mint.rsa(), "rsa")
    scene.clock.wait(HOUR)
    scene.stub.hold = asyncio.Event()
    first = asyncio.create_task(verified(scene, mint.rsa(), "rsa"))
    while scene.stub.asked["/.well-known/openid-configuration"] + scene.stub.asked["/keys"] < 3:
        await asyncio.sleep(0)
    assert await verified(scene, mint.rsa(), "rsa")
    scene.stub.hold.set()
    assert await first


async def test_a_jump_of_the_wall_clock_changes_nothing(scene: Scene) -> None:
    assert await verified(scene, mint.rsa(), "rsa")
    for days in (400, -900, 500):
        scene.clock.jump(days * 24 * HOUR)
        assert await verified(scene, mint.rsa(), "rsa")
    assert scene.stub.asked["/keys"] == 1


RSA, EC, ED = (mint.public(key, "k") for key in (mint.rsa(), mint.ec("P-256"), mint.okp("Ed25519")))
SECRET = OctKey.generate_key(256).as_dict(private=True)
USELESS: dict[str, Any] = {
    "for-encryption": {**RSA, "use": "enc"},
    "use-unknown": {**RSA, "use": "signature"},
    "use-as-a-list": {**RSA, "use": ["sig"]},
    "only-for-encryption": {**RSA, "key_ops": ["encrypt"]},
    "key_ops-as-text": {**RSA, "key_ops": "verify"},
    "key_ops-as-a-number": {**RSA, "key_ops": 7},
    "a-secret": SECRET,
    "a-secret-that-says-RSA": {**SECRET, "kty": "RSA"},
    "an-empty-secret": {"kty": "oct", "k": ""},
    "a-public-key-with-a-secret-part": {**RSA, "k": "AAAA"},
    "a-private-key": {**mint.rsa().as_dict(private=True), "kid": "k"},
    "a-private-ec-key": {**mint.ec("P-256").as_dict(private=True), "kid": "k"},
    "RSA-of-1024-bits": {"kty": "RSA", "n": mint.b64(b"\xff" * 128), "e": "AQAB"},
    "RSA-of-2047-bits": {"kty": "RSA", "n": mint.b64(b"\x7f" + b"\xff" * 255), "e": "AQAB"},
    "RSA-of-9000-bits": {"kty": "RSA", "n": mint.b64(b"\xff" * 1125), "e": "AQAB"},
    "RSA-exponent-1": {**RSA, "e": "AQ"},
    "RSA-exponent-even": {**RSA, "e": "Ag"},
    "RSA-exponent-missing": {name: value for name, value in RSA.items() if name != "e"},
    "RSA-modulus-as-a-number": {**RSA, "n": 65537},
    "RSA-modulus-padded": {**RSA, "n": RSA["n"] + "=="},
    "RSA-modulus-not-base64": {**RSA, "n": "a"},
    "EC-off-the-curve": {**EC, "y": EC["x"]},
    "EC-of-a-curve-not-used": {**EC, "crv": "secp256k1"},
    "EC-without-curve": {name: value for name, value in EC.items() if name != "crv"},
    "EC-at-infinity": {**EC, "x": "AA", "y": "AA"},
    "Ed25519-too-short": {**ED, "x": "AAAA"},
    "X25519": {**ED, "crv": "X25519"},
    "Ed448": mint.public(mint.okp("Ed448"), "k"),
    "kid-as-a-list": {**RSA, "kid": ["k"]},
    "kid-too-long": {**RSA, "kid": "k" * 257},
    "alg-as-a-list": {**RSA, "alg": ["RS256"]},
    "kty-missing": {name: value for name, value in RSA.items() if name != "kty"},
    "kty-as-a-list": {**RSA, "kty": ["RSA"]},
    "kty-unknown": {**RSA, "kty": "AKP"},
    "no-object": "k",
    "empty": {},
}


@pytest.mark.parametrize("given", USELESS.values(), ids=USELESS.keys())
def test_keys_that_are_no_use_are_passed_over(given: Any) -> None:
    good = mint.public(mint.ec("P-384"), "good")
    assert [key.id for key in read_keys({"keys": [given, good]}, CORP)] == ["good"]
    with pytest.raises(Fault, match=r"^corp publishes no key that can be used$"):
        read_keys({"keys": [given]}, CORP)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({}, "corp sent a set of keys that can not be read"),
        ({"keys": {}}, "corp sent a set of keys that can not be read"),
        ({"keys": []}, "corp publishes no key that can be used"),
        ({"keys": [RSA] * 101}, "corp publishes more than 100 keys"),
    ],
)
def test_sets_that_are_no_use(document: Any, sentence: str) -> None:
    with pytest.raises(Fault) as fault:
        read_keys(document, CORP)
    assert str(fault.value) == sentence


@pytest.mark.parametrize(
    "more", [{}, {"use": "sig"}, {"key_ops": ["verify"]}, {"alg": "RS256"}, {"x5t": "abc"}]
)
def test_keys_that_are_some_use(more: dict[str, Any]) -> None:
    (key,) = read_keys({"keys": [{**RSA, **more}]}, CORP)
    assert key.fits(ALGORITHMS["RS256"])
    assert not key.fits(ALGORITHMS["ES256"])
    assert key.fits(ALGORITHMS["PS256"]) == (more.get("alg") is None)


def test_a_key_named_for_one_curve_goes_by_both_of_its_names() -> None:
    (key,) = read_keys({"keys": [{**ED, "alg": "EdDSA"}]}, CORP)
    assert key.fits(ALGORITHMS["Ed25519"])
    assert key.fits(ALGORITHMS["EdDSA"])


async def test_the_only_key_needs_no_name(scene: Scene) -> None:
    scene.stub.keys = [mint.public(mint.rsa())]
    assert await verified(scene, mint.rsa(), None)


async def test_a_key_that_the_token_names_must_be_published_under_that_name(scene: Scene) -> None:
    scene.stub.keys = [mint.public(mint.rsa())]
    assert not await verified(scene, mint.rsa(), "rsa")


async def test_two_keys_of_one_name(scene: Scene) -> None:
    scene.stub.keys = [mint.public(mint.rsa(name), "same") for name in ("first", "second")]
    token = mint.token(scene.claims(aud="machine"), kid="same")
    with pytest.raises(Refused, match=r"^the token does not say which key of corp it is signed with$"):
        await scene.provider.verify(token, "machine")


async def test_a_key_for_another_algorithm_of_its_kind(scene: Scene) -> None:
    scene.stub.keys = [mint.public(mint.rsa(), "rsa", alg="PS256")]
    assert not await verified(scene, mint.rsa(), "rsa")


async def test_a_set_that_turns_bad_does_not_replace_a_good_one(scene: Scene) -> None:
    assert await verified(scene, mint.rsa(), "rsa")

    async def worse(request: Request) -> Reply:
        return Reply({"keys": [SECRET]})

    scene.stub.replies["/keys"] = worse
    scene.clock.wait(HOUR)
    assert await verified(scene, mint.rsa(), "rsa")
