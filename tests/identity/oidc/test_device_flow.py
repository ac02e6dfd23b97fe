"""The provider's own device flow: at the pace it wants, to its end, and shown to people only if it can be."""

from typing import Any

import pytest

from gateway.core.errors import Fault, Refused
from gateway.identity.oidc.device import read_device_start
from gateway.identity.oidc.issuer import Issuer
from gateway.identity.oidc.journey import DeviceJourney
from tests.identity.oidc import mint
from tests.identity.oidc.conftest import Scene
from tests.identity.oidc.stub import Reply

CORP = Issuer("corp", "https://id.example.com")
START = {
    "device_code": "canary-device-code",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://id.example.com/device",
    "verification_uri_complete": "https://id.example.com/device?user_code=WDJB-MJHT",
    "expires_in": 300,
    "interval": 5,
}


async def begun(scene: Scene, **changed: Any) -> DeviceJourney:
    scene.stub.replies["/device"] = Reply({**START, **changed})
    return await scene.provider.begin_device()


def says(scene: Scene, error: str) -> None:
    scene.stub.replies["/token"] = Reply({"error": error}, 400)


async def test_to_the_end(scene: Scene) -> None:
    journey = await begun(scene)
    assert (journey.user_code, journey.verification_uri) == ("WDJB-MJHT", "https://id.example.com/device")
    assert "canary-device-code" not in repr(journey)
    says(scene, "authorization_pending")
    scene.clock.wait(5)
    assert await scene.provider.poll_device(journey) is None
    scene.stub.gives(mint.token(scene.claims()), refresh_token="r3fresh")
    scene.clock.wait(5)
    person = await scene.provider.poll_device(journey)
    assert person is not None
    assert person.subject == "248289761001"
    asked = scene.stub.requests[2]
    assert asked.form == {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": "canary-device-code",
    }
    with pytest.raises(Refused, match=r"^this sign-in is over; begin again$"):
        await scene.provider.poll_device(journey)


async def test_what_the_provider_is_asked_with(scene: Scene) -> None:
    await begun(scene)
    request = scene.stub.requests[-1]
    assert request.form == {"client_id": "hoop", "scope": "openid profile email groups"}
    assert request.headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize("way", ["client_secret_basic", "client_secret_post", "none"])
async def test_the_client_says_its_name_once(scene: Scene, way: str) -> None:
    scene.stub.metadata["token_endpoint_auth_methods_supported"] = [way]
    if way == "none":
        scene.settings["client_secret"] = None
    await begun(scene)
    assert scene.stub.requests[-1].body.count("client_id=hoop") == 1
    assert ("client_secret=" in scene.stub.requests[-1].body) == (way == "client_secret_post")


async def test_never_faster_than_the_provider_wants(scene: Scene) -> None:
    journey = await begun(scene)
    says(scene, "authorization_pending")
    for _ in range(20):
        assert await scene.provider.poll_device(journey) is None
        scene.clock.wait(1)
    assert scene.stub.asked["/token"] == 3


async def test_slower_when_asked_to(scene: Scene) -> None:
    journey = await begun(scene)
    says(scene, "slow_down")
    scene.clock.wait(5)
    assert await scene.provider.poll_device(journey) is None
    says(scene, "authorization_pending")
    scene.clock.wait(9)
    assert await scene.provider.poll_device(journey) is None
    assert scene.stub.asked["/token"] == 1
    scene.clock.wait(1)
    assert await scene.provider.poll_device(journey) is None
    assert scene.stub.asked["/token"] == 2
    assert journey.interval == 10


async def test_nobody_came(scene: Scene) -> None:
    journey = await begun(scene)
    scene.clock.wait(300)
    for sentence in ("nobody signed in with the code in time", "this sign-in is over; begin again"):
        with pytest.raises(Refused) as refused:
            await scene.provider.poll_device(journey)
        assert str(refused.value) == sentence
    assert scene.stub.asked["/token"] == 0


@pytest.mark.parametrize(
    ("error", "kind", "sentence"),
    [
        ("access_denied", Refused, "corp did not sign you in: you or it said no"),
        ("expired_token", Refused, "nobody signed in with the code in time"),
        ("invalid_grant", Refused, "nobody signed in with the code in time"),
        (
            "invalid_client",
            Fault,
            "corp does not accept this gateway as its client; its staff must look at it",
        ),
        ("Odd\x1b", Fault, "corp refused the gateway's request (no reason given)"),
    ],
)
async def test_ends(scene: Scene, error: str, kind: type[Exception], sentence: str) -> None:
    journey = await begun(scene)
    says(scene, error)
    scene.clock.wait(5)
    with pytest.raises(kind) as stopped:
        await scene.provider.poll_device(journey)
    assert str(stopped.value) == sentence
    with pytest.raises(Refused, match="is over"):
        await scene.provider.poll_device(journey)


async def test_a_provider_that_is_away_for_a_moment(scene: Scene) -> None:
    journey = await begun(scene)
    scene.stub.replies["/token"] = Reply({}, 503)
    scene.clock.wait(5)
    with pytest.raises(Fault, match=r"^corp answered with status 503 when asked for a token$"):
        await scene.provider.poll_device(journey)
    scene.stub.gives(mint.token(scene.claims()))
    scene.clock.wait(5)
    assert await scene.provider.poll_device(journey) is not None


async def test_no_device_flow_there(scene: Scene) -> None:
    scene.stub.metadata["device_authorization_endpoint"] = None
    with pytest.raises(Fault, match=r"^corp has no device endpoint, which this way to sign in needs$"):
        await begun(scene)


async def test_not_for_this_client(scene: Scene) -> None:
    scene.stub.replies["/device"] = Reply({"error": "unauthorized_client"}, 400)
    with pytest.raises(Fault, match="does not accept this gateway as its client"):
        await scene.provider.begin_device()


@pytest.mark.parametrize(
    "changed",
    [
        {"device_code": None},
        {"device_code": ""},
        {"device_code": "x" * 5000},
        {"user_code": "\x1b[31mWDJB"},
        {"user_code": "a b c d"},
        {"user_code": ""},
        {"user_code": 12345678},
        {"verification_uri": "http://id.example.com/device"},
        {"verification_uri": "https://id.example.com/\x1b]8;;"},
        {"verification_uri": None},
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri": "https://id.example.com/" + "x" * 500},
        {"verification_uri_complete": "file:///etc/passwd"},
        {"verification_uri_complete": None},
        {"expires_in": None},
        {"expires_in": "300"},
        {"expires_in": 0},
        {"expires_in": True},
        {"expires_in": 10**30},
        {"interval": -1},
        {"interval": 1.5},
    ],
)
def test_beginnings_that_can_not_be_shown(changed: dict[str, Any]) -> None:
    with pytest.raises(Fault, match=r"^corp began a sign-in by code in a way that can not be read$"):
        read_device_start({**START, **changed}, CORP, 0)


def test_what_may_be_left_out() -> None:
    said = {name: START[name] for name in ("device_code", "user_code", "verification_uri", "expires_in")}
    journey = read_device_start(said, CORP, 0)
    assert (journey.interval, journey.verification_uri_complete) == (5, "")


def test_no_code_is_good_for_longer_than_half_an_hour() -> None:
    assert read_device_start({**START, "expires_in": 86400}, CORP, 0).expires_us == 1800 * 1_000_000
