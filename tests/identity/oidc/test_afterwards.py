"""What follows a token: userinfo for what it lacks, and asking again later. And tokens that machines bring along."""

import pytest

from gateway.core.errors import Fault, Refused
from gateway.core.secret import Secret
from gateway.identity.oidc.provider import NoLongerVouched
from tests.identity.oidc import mint
from tests.identity.oidc.conftest import Scene
from tests.identity.oidc.stub import Reply


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
