"""OAuth as the standards have it, for clients of databases that sign in by themselves."""

import json
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from gateway.core.errors import Refused
from gateway.core.people import Peer
from tests.api.front import ALICE, AWAY, HOME, PUBLIC, Front
from tests.api.town import Town

GRANT = "urn:ietf:params:oauth:grant-type:device_code"


async def begin(http: httpx2.AsyncClient, scope: str = "database:appdb") -> dict[str, Any]:
    answer = await http.post("/oauth/device_authorization", data={"scope": scope, "client_id": "hoop"})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert isinstance(found, dict)
    return found


async def poll(http: httpx2.AsyncClient, code: str, **more: str) -> httpx2.Response:
    return await http.post(
        "/oauth/token", data={"grant_type": GRANT, "device_code": code, "client_id": "hoop"} | more
    )


async def confirmed(front: Front, code: str) -> None:
    ring = front.doorbell.look(code, Peer(HOME))
    assert ring is not None
    await front.doorbell.answer(ring, ALICE, Peer(HOME))


def problem(answer: httpx2.Response) -> str:
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    found = answer.json()
    assert found["error_description"]
    assert set(found["error_description"]) <= {*map(chr, range(32, 127))} - {'"', "\\"}
    return str(found["error"])


@pytest.mark.parametrize("path", ["openid-configuration", "oauth-authorization-server"])
async def test_where_everything_is(front: Front, path: str) -> None:
    async with front.at() as client:
        answer = await client.http.get(f"/.well-known/{path}")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "issuer": PUBLIC,
        "token_endpoint": f"{PUBLIC}/oauth/token",
        "device_authorization_endpoint": f"{PUBLIC}/oauth/device_authorization",
        "grant_types_supported": [GRANT],
        "scopes_supported": ["database"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["none"],
    }


async def test_the_whole_way(front: Front) -> None:
    async with front.at() as client, front.at() as browser:
        said = await begin(client.http)
        assert said["verification_uri"] == f"{PUBLIC}/d"
        assert said["verification_uri_complete"] == f"{PUBLIC}/d/{said['user_code']}"
        assert (said["expires_in"], said["interval"]) == (300, 5)
        assert problem(await poll(client.http, said["device_code"])) == "authorization_pending"
        page = await browser.to_confirm(f"/d/{said['user_code']}")
        assert "psql to appdb" in page.text
        await browser.press(page, "Yes, it is me")
        assert problem(await poll(client.http, said["device_code"])) == "slow_down"
        front.house.clock.move(timedelta(seconds=10))
        given = await poll(client.http, said["device_code"])
        assert given.status_code == 200
        assert given.headers["cache-control"] == "no-store"
        token = given.json()
        assert token["access_token"].startswith("hoop_")
        assert (token["token_type"], token["scope"]) == ("Bearer", "database:appdb")
        assert token["expires_in"] > 0
        assert front.desk.said[-1] == ("oauth", ALICE.name, "appdb", HOME, HOME)
        assert problem(await poll(client.http, said["device_code"])) == "invalid_grant"


@pytest.mark.parametrize(
    ("scope", "what", "target"),
    [
        ("", "psql to databases through this gateway", ""),
        ("database", "psql to databases through this gateway", ""),
        ("database:db-1.prod", "psql to db-1.prod", "db-1.prod"),
    ],
)
async def test_what_the_page_says(front: Front, scope: str, what: str, target: str) -> None:
    async with front.at() as client:
        said = await begin(client.http, scope)
        ring = front.doorbell.look(said["user_code"], Peer(HOME))
        assert ring is not None
        assert ring.what == what
        await confirmed(front, said["user_code"])
        assert (await poll(client.http, said["device_code"])).status_code == 200
        assert front.desk.said[-1][2] == target


@pytest.mark.parametrize(
    "scope", ["openid", "database:", "database:a b", "database:a openid", "database:\u202ex", "x:y"]
)
async def test_other_scopes(front: Front, scope: str) -> None:
    async with front.at() as client:
        asked = await client.http.post("/oauth/device_authorization", data={"scope": scope})
    assert problem(asked) == "invalid_scope"
    assert len(front.doorbell) == 0


async def test_codes_of_one_kind_are_nothing_to_the_other(front: Front) -> None:
    """What a page called a psql never becomes a sign-in to the gateway, nor the other way round."""
    async with front.at() as client:
        database = await begin(client.http)
        login = (await client.http.post("/v1/login/device", json={})).json()
        for said in (database, login):
            await confirmed(front, said["user_code"])
        crossed = await client.http.post(
            "/v1/login/token", json={"grant": "device", "device_code": database["device_code"]}
        )
        assert (crossed.status_code, crossed.json()["error"]) == (400, "invalid_grant")
        assert problem(await poll(client.http, login["device_code"])) == "invalid_grant"
        assert front.desk.said == []


async def test_declined_over_and_refused(front: Front) -> None:
    async with front.at() as client:
        declined = await begin(client.http)
        ring = front.doorbell.look(declined["user_code"], Peer(HOME))
        assert ring is not None
        front.doorbell.decline(ring)
        assert problem(await poll(client.http, declined["device_code"])) == "access_denied"
        refused = await begin(client.http, "database:nodb")
        await confirmed(front, refused["user_code"])
        answer = await poll(client.http, refused["device_code"])
        assert problem(answer) == "access_denied"
        assert answer.json()["error_description"] == "there is no database ?nodb? for you"
        late = await begin(client.http)
        front.house.clock.move(timedelta(minutes=5))
        assert problem(await poll(client.http, late["device_code"])) == "expired_token"


async def test_a_code_from_another_address_is_over_and_written_down(front: Front) -> None:
    async with front.at() as client, front.at(AWAY) as thief:
        said = await begin(client.http)
        assert problem(await poll(thief.http, said["device_code"])) == "invalid_grant"
        assert problem(await poll(client.http, said["device_code"])) == "invalid_grant"
    [refusal] = await front.refusals()
    assert refusal["address"] == AWAY


async def test_too_many_at_once(front: Front) -> None:
    async with front.at() as client:
        for _ in range(50):
            await begin(client.http)
        more = await client.http.post("/oauth/device_authorization", data={"scope": "database"})
        assert problem(more) == "temporarily_unavailable"


@pytest.mark.parametrize("path", ["/oauth/device_authorization", "/oauth/token"])
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (json.dumps({"grant_type": GRANT}), "application/json"),
        ("scope=a&scope=b", "application/x-www-form-urlencoded"),
        ("&&&", "application/x-www-form-urlencoded"),
        ("\xff=1", "application/x-www-form-urlencoded"),
        ("a=%ff", "application/x-www-form-urlencoded"),
        ("a=" + "x" * 20_000, "application/x-www-form-urlencoded"),
        ("&".join(f"a{n}=1" for n in range(50)), "application/x-www-form-urlencoded"),
    ],
)
async def test_forms_that_can_not_be_read(front: Front, path: str, body: str, kind: str) -> None:
    async with front.at() as client:
        answer = await client.http.post(path, content=body.encode("latin-1"), headers={"Content-Type": kind})
    assert problem(answer) == "invalid_request"


@pytest.mark.parametrize(
    "grant", ["password", "authorization_code", "client_credentials", "refresh_token", "device"]
)
async def test_other_grants(front: Front, grant: str) -> None:
    async with front.at() as client:
        answer = await poll(client.http, "x", grant_type=grant)
    assert problem(answer) == "unsupported_grant_type"


async def test_a_gateway_without_sign_in_has_none_of_it(http: httpx2.AsyncClient) -> None:
    for method, path in (
        ("GET", "/.well-known/openid-configuration"),
        ("GET", "/.well-known/oauth-authorization-server"),
        ("POST", "/oauth/device_authorization"),
        ("POST", "/oauth/token"),
    ):
        assert (await http.request(method, path)).status_code == 404


# The desk behind it.


async def test_the_desk_gives_a_password_and_nothing_else(town: Town, visitor: httpx2.AsyncClient) -> None:
    who = town.hall.people.directory.find("adam")
    assert who is not None
    given = await town.hall.desk.oauth_token(who, "appdb", Peer(HOME), Peer(AWAY))
    row = await town.house.ledger.token(given.id)
    assert row is not None
    assert (row.kind, row.target, sorted(row.roles)) == ("database", "appdb", ["person"])
    me = await visitor.get("/v1/me", headers={"Authorization": f"Bearer {given.token}"})
    assert me.status_code == 401
    (accepted,) = (
        e.body for e in await town.house.ledger.entries(limit=1000) if e.name == "identity.accepted"
    )
    assert (accepted["address"], accepted["browser"]) == (HOME, AWAY)
    whole = await town.hall.desk.oauth_token(who, "", Peer(HOME), None)
    row = await town.house.ledger.token(whole.id)
    assert row is not None
    assert row.target == ""


@pytest.mark.parametrize("target", ["web-1", "nowhere"])
async def test_the_desk_gives_none_for_what_is_no_database(town: Town, target: str) -> None:
    who = town.hall.people.directory.find("adam")
    assert who is not None
    with pytest.raises(Refused, match=f'there is no database "{target}" for you'):
        await town.hall.desk.oauth_token(who, target, Peer(HOME), None)
    await town.lock_out("adam")
    with pytest.raises(Refused, match="locked since"):
        await town.hall.desk.oauth_token(who, "appdb", Peer(HOME), None)
