"""Sign-in by authorization code: bound to one browser, one answer, one provider."""

import base64
import hashlib
from urllib.parse import unquote_plus

import pytest

from gateway.core.errors import Fault, Refused
from gateway.core.secret import Secret
from gateway.identity.oidc.provider import Provider
from tests.identity.oidc import mint
from tests.identity.oidc.conftest import CALLBACK, SECRET, Scene, asked_for
from tests.identity.oidc.stub import Reply, stub_provider


async def test_a_person_signs_in(scene: Scene) -> None:
    journey = await scene.begun()
    scene.stub.gives(mint.token(scene.claims(journey.nonce)), access_token="acc355", refresh_token="r3fresh")
    person = await scene.back(journey)
    assert (person.issuer, person.subject) == (scene.stub.url, "248289761001")
    assert (person.name, person.email) == ("alice@example.com", "alice@example.com")
    assert person.groups == frozenset({"sre", "Dev Ops"})
    assert person.expires_at.timestamp() == scene.clock.now().timestamp() + 300
    assert person.refresh == Secret("r3fresh")


async def test_what_the_browser_is_sent_with(scene: Scene) -> None:
    journey, other = await scene.begun(), await scene.begun()
    asked = asked_for(journey)
    digest = hashlib.sha256(journey.verifier.expose()).digest()
    assert journey.url.startswith(f"{scene.stub.url}/authorize?")
    assert asked == {
        "response_type": "code",
        "client_id": "hoop",
        "redirect_uri": CALLBACK,
        "scope": "openid profile email groups",
        "state": journey.state,
        "nonce": journey.nonce,
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    fresh = {journey.state, journey.nonce, other.state, other.nonce}
    fresh |= {journey.verifier.expose().decode(), other.verifier.expose().decode()}
    assert len(fresh) == 6
    assert all(len(value) == 43 for value in fresh)


async def test_what_the_provider_is_sent_for_a_code(scene: Scene) -> None:
    journey = await scene.begun()
    scene.stub.gives(mint.token(scene.claims(journey.nonce)))
    await scene.back(journey)
    request = scene.stub.requests[-2] if scene.stub.requests[-1].path == "/keys" else scene.stub.requests[-1]
    assert request.form == {
        "grant_type": "authorization_code",
        "code": "c0de",
        "redirect_uri": CALLBACK,
        "code_verifier": journey.verifier.expose().decode(),
    }


ODD_SECRET = "a+b %:/ü"


async def odd_secret() -> Secret:
    return Secret(ODD_SECRET)


@pytest.mark.parametrize("offered", [None, ["client_secret_basic", "client_secret_post"]])
async def test_the_client_secret_is_sent_as_basic(scene: Scene, offered: list[str] | None) -> None:
    scene.settings["client_secret"] = odd_secret
    scene.stub.metadata["token_endpoint_auth_methods_supported"] = offered
    await scene.vouched()
    (request,) = [request for request in scene.stub.requests if request.path == "/token"]
    kind, _, value = request.headers["authorization"].partition(" ")
    id, _, secret = base64.b64decode(value).decode().partition(":")
    assert (kind, unquote_plus(id), unquote_plus(secret)) == ("Basic", "hoop", ODD_SECRET)
    assert "client_secret" not in request.form


async def test_the_client_secret_is_sent_in_the_body_where_the_provider_wants_that(scene: Scene) -> None:
    scene.settings["client_secret"] = odd_secret
    scene.stub.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    await scene.vouched()
    (request,) = [request for request in scene.stub.requests if request.path == "/token"]
    assert "authorization" not in request.headers
    assert (request.form["client_id"], request.form["client_secret"]) == ("hoop", ODD_SECRET)


async def test_a_client_without_secret_only_says_its_name(scene: Scene) -> None:
    scene.settings["client_secret"] = None
    await scene.vouched()
    (request,) = [request for request in scene.stub.requests if request.path == "/token"]
    assert "authorization" not in request.headers
    assert request.form["client_id"] == "hoop"
    assert "client_secret" not in request.form


async def test_a_client_secret_that_is_no_text(scene: Scene) -> None:
    async def broken() -> Secret:
        return Secret(b"\xff\xfe")

    scene.settings["client_secret"] = broken
    with pytest.raises(Fault, match=r"^the client_secret for corp is not text$"):
        await scene.vouched()


async def test_one_state_one_sign_in(scene: Scene) -> None:
    journey = await scene.begun()
    scene.stub.gives(mint.token(scene.claims(journey.nonce)))
    await scene.back(journey)
    with pytest.raises(Refused, match=r"^this sign-in is over; begin again$"):
        await scene.back(journey)
    assert scene.stub.asked["/token"] == 1


@pytest.mark.parametrize("state", ["", "x", "\ud800", "ä"])
async def test_another_state_is_another_sign_in(scene: Scene, state: str) -> None:
    journey = await scene.begun()
    with pytest.raises(Refused, match="another sign-in than the one this browser began"):
        await scene.back(journey, state=state)
    with pytest.raises(Refused, match="another sign-in than the one this browser began"):
        await scene.provider.finish(journey, {"code": "c0de"})
    assert scene.stub.asked["/token"] == 0
    # The wrong answer has not used up the right one.
    scene.stub.gives(mint.token(scene.claims(journey.nonce)))
    assert (await scene.back(journey)).subject == "248289761001"


async def test_a_code_of_another_sign_in_brings_another_nonce(scene: Scene) -> None:
    mine, theirs = await scene.begun(), await scene.begun()
    scene.stub.gives(mint.token(scene.claims(theirs.nonce)))
    with pytest.raises(Refused, match="belongs to another sign-in"):
        await scene.back(mine)


async def test_coming_back_too_late(scene: Scene) -> None:
    journey = await scene.begun()
    scene.clock.wait(600)
    with pytest.raises(Refused, match=r"^this sign-in took too long; begin again$"):
        await scene.back(journey)


async def test_used_states_are_forgotten_once_they_are_too_old_anyway(scene: Scene) -> None:
    for _ in range(3):
        journey = await scene.begun()
        scene.stub.gives(mint.token(scene.claims(journey.nonce)))
        await scene.back(journey)
        scene.clock.wait(600)
    assert len(scene.provider._used) == 1


async def test_an_answer_that_names_another_provider(scene: Scene) -> None:
    journey = await scene.begun()
    with pytest.raises(Refused, match=r"^the answer is from another provider than corp$"):
        await scene.back(journey, iss="https://evil.example.com")
    assert scene.stub.asked["/token"] == 0


@pytest.mark.parametrize("why", ["announced", "several"])
async def test_an_answer_that_names_none_where_it_must(scene: Scene, why: str) -> None:
    if why == "announced":
        scene.stub.metadata["authorization_response_iss_parameter_supported"] = True
    else:
        scene.settings["shares_callback"] = True
    journey = await scene.begun()
    with pytest.raises(Refused, match=r"^the answer does not say which provider it is from$"):
        await scene.back(journey)
    assert scene.stub.asked["/token"] == 0


async def test_an_answer_that_names_the_right_one(scene: Scene) -> None:
    scene.settings["shares_callback"] = True
    journey = await scene.begun()
    scene.stub.gives(mint.token(scene.claims(journey.nonce)))
    assert (await scene.back(journey, iss=scene.stub.url)).subject == "248289761001"


async def test_a_journey_at_another_provider_is_not_finished_here(scene: Scene) -> None:
    async with stub_provider() as evil:
        other = Scene(evil, scene.certificates)
        journey = await other.begun()
        await other.provider.aclose()
    with pytest.raises(Refused, match="a sign-in at another provider"):
        await scene.back(journey)


async def test_a_right_answer_with_a_token_of_another_issuer(scene: Scene) -> None:
    with pytest.raises(Refused, match="another provider than corp made it"):
        await scene.vouched(iss="https://evil.example.com")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"error": "access_denied"}, "corp did not sign you in: you or it said no"),
        ({"error": "server_error", "error_description": "\x1b[31mhi"}, "corp did not sign you in; try again"),
        ({"error": "\x1b]52;c;aGk=\x07"}, "corp did not sign you in; try again"),
        ({"code": ""}, "the answer of corp has no code in it"),
        ({"code": "x" * 5000}, "the answer of corp has no code in it"),
        ({"code": "a\r\nb"}, "the answer of corp has no code in it"),
        ({"code": "ä"}, "the answer of corp has no code in it"),
    ],
)
async def test_answers_without_a_code(scene: Scene, query: dict[str, str], sentence: str) -> None:
    journey = await scene.begun()
    with pytest.raises(Refused) as refused:
        await scene.back(journey, **query)
    assert refused.value.sentence == sentence
    assert scene.stub.asked["/token"] == 0


@pytest.mark.parametrize(
    ("reply", "kind", "sentence"),
    [
        (
            Reply({"error": "invalid_grant", "error_description": "c0de"}, 400),
            Refused,
            "corp does not accept this answer any more; begin again",
        ),
        (
            Reply({"error": "invalid_client"}, 401),
            Fault,
            "corp does not accept this gateway as its client; its staff must look at it",
        ),
        (Reply({"error": "invalid_scope"}, 400), Fault, "corp refused the gateway's request (invalid_scope)"),
        (Reply({"error": "\x1b[1m"}, 400), Fault, "corp refused the gateway's request (no reason given)"),
        (Reply({"error": ["a"]}, 400), Fault, "corp refused the gateway's request (no reason given)"),
        (Reply(b"<html>", 200), Fault, "corp answered with something that is no token"),
        (Reply(b"[]", 200), Fault, "corp answered with something that is no token"),
        (Reply(b"", 200), Fault, "corp answered with something that is no token"),
        (Reply(b'{"id_token":"a","id_token":"b"}'), Fault, "corp answered with something that is no token"),
        (Reply(b"[" * 100_000), Fault, "corp answered with something that is no token"),
        (Reply({"id_token": 7}), Fault, "corp answered with something that is no token"),
        (
            Reply({"id_token": "x", "expires_in": "soon"}),
            Fault,
            "corp answered with something that is no token",
        ),
        (Reply({"access_token": "x", "token_type": "Bearer"}), Fault, "corp sent no sign-in token"),
        (
            Reply({"id_token": "x", "access_token": "x", "token_type": "mac"}),
            Fault,
            "corp sent an access token of a kind that was not asked for",
        ),
        (Reply({}, 429), Fault, "corp answered with status 429 when asked for a token"),
        (
            Reply({"error": "invalid_grant"}, 503),
            Fault,
            "corp answered with status 503 when asked for a token",
        ),
        (Reply({"id_token": "x"}, 201), Fault, "corp answered with status 201 when asked for a token"),
    ],
)
async def test_what_a_provider_may_answer_to_a_code(
    scene: Scene, reply: Reply, kind: type[Exception], sentence: str
) -> None:
    journey = await scene.begun()
    scene.stub.replies["/token"] = reply
    with pytest.raises(kind) as stopped:
        await scene.back(journey)
    assert str(stopped.value) == sentence


async def test_a_callback_that_is_no_sound_address(scene: Scene) -> None:
    with pytest.raises(Fault, match="the address that people come back to"):
        await scene.provider.begin("http://hoop.example.com/login/callback")


async def test_the_library_is_asked_nothing_before_it_is_needed(scene: Scene) -> None:
    provider = Provider(scene.issuer, scene.clock)
    await provider.aclose()
    assert not scene.stub.requests


async def test_nothing_secret_is_shown_by_a_journey(scene: Scene) -> None:
    journey = await scene.begun()
    shown = repr(journey)
    for secret in (journey.state, journey.nonce, journey.verifier.expose().decode(), SECRET):
        assert secret not in shown
