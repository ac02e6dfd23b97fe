"""What the desk hands out never has more than what it was asked for with: roles, targets, time."""

from datetime import datetime, timedelta

import httpx2
import pytest

from gateway.api.schema import SignedInToken
from gateway.core.errors import Refused
from gateway.core.people import Peer
from tests.api.house import NOON
from tests.api.role_cases import PUBLIC_KEY
from tests.api.town import HALF_A_DAY, ROBOT, SOMEWHERE, Town


async def signed_in(town: Town, person: str, how: str, browser: Peer | None = None) -> SignedInToken:
    who = town.hall.people.directory.find(person)
    assert who is not None
    return await town.hall.desk.issue(who, SOMEWHERE, how, browser)


async def asked(
    http: httpx2.AsyncClient, method: str, path: str, token: str, **body: object
) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return await http.request(method, f"/v1{path}", json=body or None, headers=headers)


async def test_by_code_only_some_roles_can_be_had(visitor: httpx2.AsyncClient, town: Town) -> None:
    """A code can be passed on to somebody else's browser."""
    given = await signed_in(town, "adam", "device", Peer("198.51.100.9"))
    assert given.roles == ["person"]
    assert given.note == ("without admin: that takes a browser on the same machine - run: hoop-tui login")
    token = given.token
    for _ in range(2):
        assert (await asked(visitor, "GET", "/me", token)).json()["roles"] == ["person"]
        locked = await asked(visitor, "POST", "/people/olga/lock", token, reason="x")
        assert locked.status_code == 404
        token = (await asked(visitor, "POST", "/login/refresh", token)).json()["token"]
    entries = await town.house.ledger.entries(limit=1000)
    (accepted,) = (entry.body for entry in entries if entry.name == "identity.accepted")
    assert (accepted["address"], accepted["browser"]) == (SOMEWHERE.address, "198.51.100.9")


async def test_by_a_browser_of_their_own_all_of_their_roles(visitor: httpx2.AsyncClient, town: Town) -> None:
    given = await signed_in(town, "adam", "code")
    assert (given.roles, given.note, given.expires_at) == (["admin", "person"], "", NOON + HALF_A_DAY)
    assert (await asked(visitor, "GET", "/people/olga", given.token)).status_code == 200


async def test_whoever_is_locked_meanwhile_gets_nothing(town: Town) -> None:
    who = town.hall.people.directory.find("olga")
    assert who is not None
    await town.lock_out("olga")
    with pytest.raises(Refused, match="locked since"):
        await town.hall.desk.issue(who, SOMEWHERE, "code")
    assert not [row for row in await town.house.ledger.tokens() if row.person == "olga"]


async def test_a_password_for_a_database_ends_with_what_it_was_asked_with(
    visitor: httpx2.AsyncClient, town: Town
) -> None:
    token, id = await town.token("petra", lasts=timedelta(minutes=10))
    given = await asked(visitor, "POST", "/tokens", token, target="web-1", ttl=86_400)
    assert given.status_code == 200, given.text
    assert datetime.fromisoformat(given.json()["expires_at"]) == NOON + timedelta(minutes=10)
    assert (await asked(visitor, "GET", "/me", given.json()["token"])).status_code == 401
    row = await town.house.ledger.token(given.json()["id"])
    assert row is not None
    assert (row.kind, row.target, row.parent) == ("database", "web-1", id)
    assert row.roles == {"person"}
    await town.revoke(id)
    row = await town.house.ledger.token(given.json()["id"])
    assert row is not None
    assert row.revoked


async def test_a_machine_gets_nothing_for_other_targets_or_longer_than_it_is_here(
    visitor: httpx2.AsyncClient, town: Town
) -> None:
    token, _ = await town.token(ROBOT, "machine", lasts=timedelta(minutes=15))
    refused = await asked(visitor, "POST", "/tokens", token, target="appdb")
    assert refused.status_code == 403
    assert 'no target "appdb" for you' in refused.json()["detail"]
    entries = await town.house.ledger.entries(limit=1000)
    assert [entry.body["login"] for entry in entries if entry.name == "identity.refused"] == [ROBOT]
    end = NOON + timedelta(minutes=15)
    password = await asked(visitor, "POST", "/tokens", token, target="web-1")
    certificate = await asked(visitor, "POST", "/ssh/certificate", token, public_key=PUBLIC_KEY)
    for given in (password, certificate):
        assert given.status_code == 200, given.text
        assert datetime.fromisoformat(given.json()["expires_at"]) == end
