"""Tokens through the API: which there are, and ending one with all that was made with it."""

import asyncio
from datetime import timedelta

import httpx2
import pytest

from gateway.api.schema import TokenSummary
from gateway.core.errors import Fault
from gateway.core.ports import Hint
from tests.api.house import NOON
from tests.api.town import HALF_A_DAY, ROBOT, Town

DAY = timedelta(days=1)


@pytest.fixture
async def otto(visitor: httpx2.AsyncClient, town: Town) -> httpx2.AsyncClient:
    """An operator."""
    visitor.headers |= await town.headers("otto")
    return visitor


async def listed(http: httpx2.AsyncClient, **asked: str) -> list[TokenSummary]:
    response = await http.get("/v1/tokens", params=asked)
    assert response.status_code == 200, response.text
    return [TokenSummary.model_validate(row) for row in response.json()["tokens"]]


async def events(town: Town) -> list[tuple[str, str]]:
    entries = await town.house.ledger.entries(limit=1000)
    return [(entry.actor, entry.body["token"]) for entry in entries if entry.name == "token.revoked"]


async def test_a_token_is_listed_with_what_it_is_for(otto: httpx2.AsyncClient, town: Town) -> None:
    _, parent = await town.token("olga")
    shown, id = await town.token("olga", "database", frozenset({"person"}), parent=parent, target="web-1")
    row = next(row for row in await listed(otto) if row.id == id)
    assert row == TokenSummary(
        id=id,
        person="olga",
        kind="database",
        roles=["person"],
        created_at=NOON,
        expires_at=NOON + HALF_A_DAY,
        target="web-1",
        parent=parent,
    )
    page = (await otto.get("/v1/tokens")).text
    secret = shown.rpartition("_")[2]
    kept = await town.house.ledger.token(id)
    assert kept is not None
    assert secret not in page
    assert kept.digest not in page


async def test_the_list_is_of_what_is_good_now(otto: httpx2.AsyncClient, town: Town) -> None:
    _, over = await town.token("olga", lasts=DAY / 24)
    town.house.clock.move(DAY / 12)
    _, revoked = await town.token("olga")
    await town.revoke(revoked)
    _, good = await town.token("olga")
    assert [row.id for row in await listed(otto, person="olga")] == [good]
    every = await listed(otto, person="OLGA", state="all")
    assert {row.id for row in every} == {good, revoked, over}
    assert every[-1].id == over
    assert [row.id for row in every if row.revoked] == [revoked]
    assert len(await listed(otto, state="all", limit="2")) == 2
    assert await listed(otto, person="nobody") == []


async def test_a_name_stands_for_an_id(otto: httpx2.AsyncClient, town: Town) -> None:
    id = await town.vouched("greta@example.com")
    _, token = await town.token(id)
    assert [(row.id, row.person) for row in await listed(otto, person="greta@example.com")] == [
        (token, "greta@example.com")
    ]
    assert await listed(otto, person=id) == []


async def test_tokens_of_somebody_who_is_not_there_any_more(otto: httpx2.AsyncClient, town: Town) -> None:
    _, token = await town.token("zoe", "api")
    assert [row.person for row in await listed(otto) if row.id == token] == ["zoe"]
    assert (await otto.delete(f"/v1/tokens/{token}")).status_code == 204


async def test_revoking_takes_along_what_was_made_with_it(otto: httpx2.AsyncClient, town: Town) -> None:
    token, parent = await town.token("olga")
    child, _ = await town.token("olga", "login", parent=parent)
    certificate = await town.certify("olga", parent)
    assert (await otto.delete(f"/v1/tokens/{parent}")).status_code == 204
    for each in (token, child):
        assert (await otto.get("/v1/me", headers={"Authorization": f"Bearer {each}"})).status_code == 401
    row = await town.house.ledger.certificate(certificate.serial)
    assert row is not None
    assert row.revoked
    assert await events(town) == [("otto", parent)]


async def test_revoking_again_changes_nothing(otto: httpx2.AsyncClient, town: Town) -> None:
    _, id = await town.token("olga")
    answers = await asyncio.gather(*(otto.delete(f"/v1/tokens/{id}") for _ in range(4)))
    assert [answer.status_code for answer in answers] == [204] * 4
    assert (await otto.delete(f"/v1/tokens/{id.lower()}")).status_code == 204
    assert await events(town) == [("otto", id)]


async def test_one_ends_the_token_that_one_calls_with(visitor: httpx2.AsyncClient, town: Town) -> None:
    token, id = await town.token("petra")
    visitor.headers["Authorization"] = f"Bearer {token}"
    assert (await visitor.delete(f"/v1/tokens/{id}")).status_code == 204
    assert (await visitor.get("/v1/me")).status_code == 401


@pytest.mark.parametrize(
    "id", ["t-000000", "x-000000", "t-", "t-../../x", "hoop_t-AAAAAA_aaaa", "t-%00", "1"]
)
async def test_ids_that_are_nobodys(otto: httpx2.AsyncClient, id: str) -> None:
    response = await otto.delete(f"/v1/tokens/{id}")
    assert response.status_code in (404, 422), response.text
    assert response.headers["content-type"] == "application/problem+json"


async def test_what_is_a_machines_is_its_owners(visitor: httpx2.AsyncClient, town: Town) -> None:
    """They see what it signs in with, and can end it; nobody else without a role can."""
    _, secret = await town.token(ROBOT, "secret")
    _, short = await town.token(ROBOT, "machine")
    assert (
        await visitor.delete(f"/v1/tokens/{secret}", headers=await town.headers("petra"))
    ).status_code == 404
    visitor.headers |= await town.headers("owen")
    assert {secret, short} < {row.id for row in await listed(visitor)}
    assert {row.person for row in await listed(visitor)} == {"owen", ROBOT}
    assert (await visitor.delete(f"/v1/tokens/{secret}")).status_code == 204
    assert await events(town) == [("owen", secret)]


async def test_an_auditor_changes_nothing(visitor: httpx2.AsyncClient, town: Town) -> None:
    _, id = await town.token("olga")
    visitor.headers |= await town.headers("alba")
    refused = await visitor.delete(f"/v1/tokens/{id}")
    assert (refused.status_code, refused.json()["detail"]) == (
        403,
        f"you may see {id}, and not revoke it: that takes an operator",
    )
    assert await events(town) == []


async def test_others_hear_of_it(otto: httpx2.AsyncClient, town: Town) -> None:
    _, id = await town.token("olga")
    async with town.house.bus.subscribe("people") as hints:
        await otto.delete(f"/v1/tokens/{id}")
        async with asyncio.timeout(10):
            assert await anext(hints) == Hint("people", "olga")


async def test_sessions_end_with_the_token_that_opened_them(otto: httpx2.AsyncClient, town: Town) -> None:
    """Within two seconds, and whatever else is asked meanwhile."""
    token, parent = await town.token("olga")
    child, _ = await town.token("olga", parent=parent)
    _, other = await town.token("olga")
    gates = []
    for shown in (token, child):
        who = await town.hall.people.by_token(shown)
        assert who is not None
        gates.append(await town.enter_as(who))
    by_key = await town.enter("olga")
    assert (await otto.delete(f"/v1/tokens/{parent}")).status_code == 204
    for path in ("people", "tokens", "certificates", "machines"):
        assert (await otto.get(f"/v1/{path}")).status_code == 200
    async with asyncio.timeout(2):
        await asyncio.gather(*(gate.ended.wait() for gate in gates))
    assert not by_key.ended.is_set()
    assert (await otto.delete(f"/v1/tokens/{other}")).status_code == 204
    for gate in (*gates, by_key):
        await gate.close("ended", {"reason": "ended"})


async def test_a_ledger_that_fails_is_said(
    otto: httpx2.AsyncClient, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> bool:
        raise Fault("the ledger's database does not answer")

    _, id = await town.token("olga")
    monkeypatch.setattr(type(town.house.ledger), "revoke_token", broken)
    assert (await otto.delete(f"/v1/tokens/{id}")).status_code == 503
    monkeypatch.setattr(type(town.house.ledger), "locks", broken)
    assert (await otto.get("/v1/tokens")).status_code == 503
