"""No token, code, verifier or secret in a log line, a sentence or a traceback, whichever way a sign-in ends."""

import logging
import traceback
from collections.abc import Awaitable, Callable

import pytest

from gateway.core.errors import HoopError
from gateway.core.secret import Secret
from tests.identity.oidc import mint
from tests.identity.oidc.conftest import SECRET, SUBJECT, Scene
from tests.identity.oidc.stub import Reply

CODE, ACCESS, REFRESH, DEVICE = "canary-code", "canary-access", "canary-refresh", "canary-device"
SAID = "canary-said"
START = {
    "device_code": DEVICE,
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://id.example.com/d",
    "expires_in": 300,
}


async def signs_in(scene: Scene) -> set[str]:
    journey = await scene.begun()
    token = mint.token(scene.claims(journey.nonce, groups=None))
    scene.stub.gives(token, access_token=ACCESS, refresh_token=REFRESH)
    scene.stub.replies["/userinfo"] = Reply({"sub": SUBJECT, "groups": []})
    person = await scene.back(journey, code=CODE)
    assert REFRESH not in repr(person)
    return {journey.state, journey.nonce, journey.verifier.expose().decode(), token}


async def is_refused(scene: Scene) -> set[str]:
    journey = await scene.begun()
    token = mint.token(scene.claims(journey.nonce, aud=SAID))
    scene.stub.gives(token, access_token=ACCESS, refresh_token=REFRESH)
    await scene.back(journey, code=CODE)
    return set()


async def is_refused_by_the_provider(scene: Scene) -> set[str]:
    journey = await scene.begun()
    scene.stub.replies["/token"] = Reply(
        {"error": "invalid_grant", "error_description": f"{CODE} {SAID}"}, 400
    )
    await scene.back(journey, code=CODE)
    return set()


async def gets_nonsense(scene: Scene) -> set[str]:
    journey = await scene.begun()
    scene.stub.replies["/token"] = Reply(f"{ACCESS} {SAID} {{".encode())
    await scene.back(journey, code=CODE)
    return set()


async def has_an_odd_refresh_token(scene: Scene) -> set[str]:
    scene.stub.replies["/token"] = Reply({"error": SAID}, 400)
    await scene.provider.refresh(Secret(REFRESH), "x")
    return set()


async def polls(scene: Scene) -> set[str]:
    scene.stub.replies["/device"] = Reply({**START})
    journey = await scene.provider.begin_device()
    scene.stub.replies["/token"] = Reply({"error": "access_denied", "error_description": SAID}, 400)
    scene.clock.wait(5)
    await scene.provider.poll_device(journey)
    return set()


async def brings_a_forged_token(scene: Scene) -> set[str]:
    await scene.provider.verify(mint.token(scene.claims(aud=SAID), key=mint.rsa("evil")), "machine")
    return set()


@pytest.mark.parametrize(
    "way",
    [
        signs_in,
        is_refused,
        is_refused_by_the_provider,
        gets_nonsense,
        has_an_odd_refresh_token,
        polls,
        brings_a_forged_token,
    ],
)
async def test_nothing_leaks(
    scene: Scene, caplog: pytest.LogCaptureFixture, way: Callable[[Scene], Awaitable[set[str]]]
) -> None:
    secret = {CODE, ACCESS, REFRESH, DEVICE, SAID, SECRET, "eyJ"}
    written = ""
    for chatty in ("httpx2", "httpcore2", "authlib"):  # a gateway in this process may have hushed them
        caplog.set_level(logging.DEBUG, logger=chatty)
    with caplog.at_level(logging.DEBUG):
        try:
            secret |= await way(scene)
        except HoopError as stopped:
            written = "".join(traceback.format_exception(stopped)) + repr(stopped) + repr(stopped.__cause__)
    written += "\n".join(
        f"{record.getMessage()} {record.args!r} {record.exc_text}" for record in caplog.records
    )
    assert "/.well-known/openid-configuration" in written  # the log was looked at
    assert [word for word in secret if word in written] == []
