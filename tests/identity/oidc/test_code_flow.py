"""Sign-in by authorization code: bound to one browser, one answer, one provider."""

import base64
import hashlib
from urllib.parse import unquote_plus

import pytest

from gateway.core.errors import Fault, Refused
from gateway.core.secret import Secret
from gateway.identity.oidc.provider import NoLongerVouched, Provider
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


async def signed_in_with(scene: Scene, userinfo: dict[str, object]) -> object:
    scene.stub.replies["/userinfo"] = Reply(userinfo)
    return await scene.vouched(groups=None)


async def test_userinfo_groups_from_there(scene: Scene) -> None:
    scene.stub.replies["/userinfo"] = Reply(
        {"sub": "248289761001", "groups": ["ops"], "email": "eve@example.com"}
    )
    person = await scene.vouched(groups=None)
    assert (person.groups, person.name) == (frozenset({"ops"}), "alice@example.com")
    assert scene.stub.requests[-1].headers["authorization"] == "Bearer acc355"


async def test_userinfo_name_from_there(scene: Scene) -> None:
    said = {"sub": "248289761001", "email": "alba@example.com", "email_verified": True}
    scene.stub.replies["/userinfo"] = Reply(said)
    person = await scene.vouched(email=None, email_verified=None)
    assert (person.name, person.groups) == ("alba@example.com", frozenset({"sre", "Dev Ops"}))


async def test_userinfo_an_address_from_there_is_not_verified_by_the_token(scene: Scene) -> None:
    scene.stub.replies["/userinfo"] = Reply({"sub": "248289761001", "email": "root@example.com"})
    with pytest.raises(Refused, match="has not verified your e-mail address"):
        await scene.vouched(email=None)


@pytest.mark.parametrize("subject", ["248289761002", "", None, ["248289761001"]])
async def test_userinfo_about_somebody_else(scene: Scene, subject: object) -> None:
    with pytest.raises(Refused, match=r"^corp answered about somebody else$"):
        await signed_in_with(scene, {"sub": subject, "groups": ["admins"]})


async def test_userinfo_not_asked_when_the_token_says_it_all(scene: Scene) -> None:
    await scene.vouched()
    assert scene.stub.asked["/userinfo"] == 0


async def test_userinfo_refused(scene: Scene) -> None:
    scene.stub.replies["/userinfo"] = Reply({}, 401)
    with pytest.raises(Fault, match=r"^corp answered with status 401 when asked for more about you$"):
        await scene.vouched(groups=None)


async def test_userinfo_signed_or_in_another_form(scene: Scene) -> None:
    scene.stub.replies["/userinfo"] = Reply(b"eyJhbGciOiJub25lIn0.e30.")
    with pytest.raises(Fault, match=r"^corp sent more about you that can not be read$"):
        await scene.vouched(groups=None)


async def test_userinfo_overage_there(scene: Scene) -> None:
    with pytest.raises(Refused, match="there are too many"):
        await signed_in_with(scene, {"sub": "248289761001", "_claim_names": {"groups": "src1"}})


async def test_refresh_with_a_new_token_each_time(scene: Scene) -> None:
    token = mint.token(scene.claims(groups=["now-other"]))
    scene.stub.gives(token, refresh_token="s3cond")
    person = await scene.provider.refresh(Secret("f1rst"), "248289761001")
    assert (person.groups, person.refresh) == (frozenset({"now-other"}), Secret("s3cond"))
    (request,) = [request for request in scene.stub.requests if request.path == "/token"]
    assert request.form == {"grant_type": "refresh_token", "refresh_token": "f1rst"}


async def test_refresh_with_the_same_token(scene: Scene) -> None:
    scene.stub.gives(mint.token(scene.claims()))
    assert (await scene.provider.refresh(Secret("f1rst"), "248289761001")).refresh == Secret("f1rst")


async def test_refresh_no_more(scene: Scene) -> None:
    scene.stub.replies["/token"] = Reply({"error": "invalid_grant"}, 400)
    with pytest.raises(NoLongerVouched, match=r"^corp no longer vouches for you; sign in again$"):
        await scene.provider.refresh(Secret("f1rst"), "248289761001")


async def test_refresh_somebody_else(scene: Scene) -> None:
    scene.stub.gives(mint.token(scene.claims(sub="other")))
    with pytest.raises(Refused, match=r"^corp answered about somebody else$"):
        await scene.provider.refresh(Secret("f1rst"), "248289761001")


async def test_refresh_without_a_sign_in_token_userinfo_is_asked(scene: Scene) -> None:
    scene.stub.replies["/token"] = Reply({"access_token": "acc355", "token_type": "bearer"})
    said = {"sub": "248289761001", "email": "alice@example.com", "email_verified": True, "groups": []}
    scene.stub.replies["/userinfo"] = Reply(said)
    person = await scene.provider.refresh(Secret("f1rst"), "248289761001")
    assert (person.groups, person.expires_at) == (frozenset(), scene.clock.now())
    scene.stub.replies["/userinfo"] = Reply({**said, "sub": "other"})
    with pytest.raises(Refused, match=r"^corp answered about somebody else$"):
        await scene.provider.refresh(Secret("f1rst"), "248289761001")


async def test_refresh_away(scene: Scene) -> None:
    await scene.provider.check()
    scene.stub.replies["/token"] = Reply({}, 500)
    with pytest.raises(Fault) as fault:
        await scene.provider.refresh(Secret("f1rst"), "248289761001")
    assert not isinstance(fault.value, Refused)
    assert str(fault.value) == "corp answered with status 500 when asked for a token"


async def test_a_machine_right(scene: Scene) -> None:
    claims = scene.claims(aud="https://hoop.example.com", repository="acme/shop")
    found = await scene.provider.verify(mint.token(claims), "https://hoop.example.com")
    assert found == claims


@pytest.mark.parametrize(
    ("audience", "words"),
    [
        ("hoop", "is not for this gateway"),
        (["machine", "vault"], "is also for others than this gateway"),
        ([], "is not for this gateway"),
    ],
)
async def test_a_machine_for_others(scene: Scene, audience: object, words: str) -> None:
    with pytest.raises(Refused, match=words):
        await scene.provider.verify(mint.token(scene.claims(aud=audience)), "machine")


async def test_a_machine_no_audience_configured(scene: Scene) -> None:
    with pytest.raises(Refused, match="named audience"):
        await scene.provider.verify(mint.token(scene.claims(aud="")), "")


async def test_a_machine_an_issuer_where_nobody_signs_in(scene: Scene) -> None:
    scene.settings.update(client_id="", client_secret=None)
    scene.stub.metadata.update(authorization_endpoint=None, token_endpoint=None)
    await scene.provider.check()
    await scene.provider.verify(mint.token(scene.claims(aud="machine")), "machine")
    with pytest.raises(Fault, match=r"^corp has no authorization endpoint, which this way to sign in needs$"):
        await scene.begun()


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
