"""Routes for broken glass, reviews and revoking; pages of lists while they change; and that GET changes nothing."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi.routing import APIRoute

from gateway.api import emergencies, requests, reviews
from gateway.api.schema import RequestPage
from gateway.core.verdict import Glass
from gateway.session.asking import held_event
from tests.api.asking import Asked, Askers, Colleague, askers, card_of, refused
from tests.api.house import ROLES, House

GLASS = Glass(frozenset({"oncall"}), timedelta(hours=2))
WHY = "db is down, paging nobody"


@pytest.fixture
async def asking(house: House) -> AsyncIterator[Askers]:
    house.groups |= {"pia": {"dba", "sre"}, "carl": {"dba"}, "nina": {"dba"}, "ugo": {"oncall"}}
    async with askers(house) as asking:
        yield asking


@pytest.fixture
def people(http: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> dict[str, Colleague]:
    monkeypatch.setitem(ROLES, "ugo", "person")
    return {name: Colleague(http, name) for name in ("ugo", "nina", "pia", "carl", "alba", "otto")}


async def smash(who: Colleague, id: str, key: str = "", **more: Any) -> httpx2.Response:
    body = {**await who._shown(id), "reason": WHY, **more}
    return await who.post(id, "break-glass", body, key)


async def page_of(who: Colleague, **asked: Any) -> RequestPage:
    response = await who.get(**asked)
    assert response.status_code == 200, response.text
    return RequestPage.model_validate_json(response.content)


async def broken(asking: Askers, people: dict[str, Colleague], **more: Any) -> Asked:
    asked = await asking.ask(break_glass=GLASS, groups=frozenset({"oncall"}), **more)
    card_of(await smash(people["ugo"], asked.id))
    await asked.waiting
    return asked


async def test_the_glass_is_broken_once_and_marked(
    asking: Askers, people: dict[str, Colleague], house: House
) -> None:
    asked = await asking.ask(break_glass=GLASS, groups=frozenset({"oncall"}))
    assert (glass := (await people["ugo"].card(asked.id)).glass) is not None
    assert (glass.groups, glass.may_break) == (["oncall"], "")
    assert (glass := (await people["pia"].card(asked.id)).glass) is not None
    assert glass.may_break == "only who asked for it may"
    for key in ("k1", "k1", "k2", ""):
        card = card_of(await smash(people["ugo"], asked.id, key))
    assert (await asked.waiting).state == "approved"
    assert (card.state, card.decided_by, card.decisions, card.glass) == ("approved", "ugo", [], None)
    assert card.review is not None
    assert (card.review.word, card.review.by, card.review.reason) == ("open", "ugo", WHY)
    written = [each.name for each in await house.ledger.entries() if each.name != "session.opened"]
    assert written == ["operation.held", "approval.glass_broken", "operation.noted"]
    words = refused(await people["pia"].approve(asked.id), 409)
    assert words == f"{asked.id} is decided already: let through by ugo, who broke the glass"
    assert refused(await smash(people["ugo"], asked.id, reason="another"), 409) == words


async def test_whose_glass_it_is(asking: Askers, people: dict[str, Colleague], house: House) -> None:
    asked = await asking.ask(break_glass=GLASS, groups=frozenset({"oncall"}))
    for name in ("pia", "nina", "alba", "otto"):
        assert "only who asked for it can break its glass" in refused(
            await smash(people[name], asked.id), 403
        )
    for wrong, status in (
        *(({"sha256": "0" * 64}, 409), ({"version": 2}, 409)),
        *(({"reason": " "}, 422), ({"reason": "two\nlines"}, 422), ({"sha256": ""}, 422)),
    ):
        refused(await smash(people["ugo"], asked.id, **wrong), status)
    house.groups["ugo"] = {"dba"}
    assert "it takes somebody of oncall" in refused(await smash(people["ugo"], asked.id), 403)
    house.groups["ugo"] = {"oncall"}
    house.clock.move(timedelta(minutes=10))
    refused(await smash(people["ugo"], asked.id), 410)
    plain = await asking.ask(groups=frozenset({"oncall"}))
    assert "ddl has no glass to break" in refused(await smash(people["ugo"], plain.id), 403)
    assert (await people["ugo"].card(plain.id)).glass is None


async def test_a_token_without_the_role_person_breaks_nothing(
    asking: Askers, people: dict[str, Colleague], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = await asking.ask(break_glass=GLASS, groups=frozenset({"oncall"}))
    monkeypatch.setitem(ROLES, "ugo", "user")
    assert "it takes the role person" in refused(await smash(people["ugo"], asked.id), 403)
    assert (glass := (await people["ugo"].card(asked.id)).glass) is not None
    assert "it takes the role person" in glass.may_break


async def test_a_review_is_listed_until_it_is_signed(
    asking: Askers, people: dict[str, Colleague], house: House
) -> None:
    asked = await broken(asking, people)
    await asking.ask("something else")
    for name, sees in (("pia", 1), ("alba", 1), ("ugo", 1), ("nina", 0)):
        page = await page_of(people[name], which="reviews")
        assert [each.id for each in page.requests] == [asked.id] * sees, name
        assert (page.open_reviews, page.overdue_reviews) == ((1, 0) if name in ("pia", "alba") else (0, 0))
    house.clock.move(timedelta(hours=2))
    page = await page_of(people["pia"], which="reviews")
    assert (page.requests[0].review, page.overdue_reviews) == ("overdue", 1)
    said = {"verdict": "not-ok", "reason": "carl was there"}
    assert "you are the requester" in refused(await people["ugo"].post(asked.id, "sign", said), 403)
    assert "it takes the role approver" in refused(await people["nina"].post(asked.id, "sign", said), 403)
    refused(await people["pia"].post(asked.id, "sign", {**said, "reason": ""}), 422)
    refused(await people["pia"].post(asked.id, "sign", {**said, "verdict": "fine"}), 422)
    for _ in range(2):
        card = card_of(await people["pia"].post(asked.id, "sign", said))
    assert card.review is not None
    assert (card.review.word, card.review.signed_by) == ("not-ok", "pia")
    words = refused(await people["carl"].post(asked.id, "sign", {**said, "verdict": "ok"}), 409)
    assert words == f"{asked.id} is signed already: not-ok by pia"
    page = await page_of(people["pia"], which="reviews")
    assert (page.requests, page.open_reviews) == ([], 0)


async def test_a_no_after_a_yes_names_how_to_revoke(asking: Askers, people: dict[str, Colleague]) -> None:
    asked = await asking.ask(scopes=("target 1h",))
    assert "nothing to revoke yet" in refused(
        await people["pia"].post(asked.id, "revoke", {"reason": "x"}), 409
    )
    await people["pia"].approve(asked.id, scope="target")
    await asked.waiting
    words = refused(await people["carl"].deny(asked.id), 409)
    assert words == (
        f"{asked.id} is decided already: approved by pia; to end what it covers, revoke {asked.id}"
    )
    assert "it takes the role approver" in refused(
        await people["nina"].post(asked.id, "revoke", {"reason": "x"}), 403
    )
    for _ in range(2):
        card = card_of(await people["carl"].post(asked.id, "revoke", {"reason": "enough"}))
    assert card.revoked is not None
    assert (card.state, card.revoked.by, card.revoked.reason) == ("approved", "carl", "enough")
    assert "revoked already" in refused(await people["ugo"].post(asked.id, "revoke", {"reason": "x"}), 409)


async def test_who_asked_may_revoke(asking: Askers, people: dict[str, Colleague]) -> None:
    asked = await asking.ask(mode="wait")
    await people["pia"].approve(asked.id)
    card = card_of(await people["ugo"].post(asked.id, "revoke", {"reason": "not needed"}))
    assert card.revoked is not None
    assert card.revoked.by == "ugo"


# Lists.


async def test_what_is_decided(asking: Askers, people: dict[str, Colleague]) -> None:
    yes, no, held = [await asking.ask(f"drop {n}") for n in range(3)]
    await people["pia"].approve(yes.id)
    await people["pia"].deny(no.id)
    page = await page_of(people["pia"], which="decided")
    assert {each.id for each in page.requests} == {yes.id, no.id}
    page = await page_of(people["pia"], which="decided", state="denied")
    assert [each.id for each in page.requests] == [no.id]
    refused(await people["pia"].get(which="decided", state="held"), 400)
    assert {each.id for each in (await page_of(people["ugo"], which="decided")).requests} == {yes.id, no.id}
    assert (await page_of(people["otto"], which="decided")).requests
    assert (await page_of(people["nina"], which="decided")).requests == []
    assert [each.id for each in (await page_of(people["nina"], which="all")).requests] == [held.id]


@pytest.mark.parametrize("which", ["asked", "all", "mine"])
async def test_pages_while_the_list_changes(
    asking: Askers, people: dict[str, Colleague], house: House, which: str
) -> None:
    """What was there all the time is seen once, whatever comes, goes and is decided between two pages."""
    who = people["ugo" if which == "mine" else "pia"]
    asked = []
    for n in range(9):
        asked.append(await asking.ask(f"drop {n}"))
        if n % 3:
            house.clock.move(timedelta(seconds=1))  # every third has the moment of the one before
    seen: list[str] = []
    cursor = ""
    for n in range(9):
        page = await page_of(who, which=which, limit=2, cursor=cursor)
        seen += [each.id for each in page.requests]
        cursor = page.cursor
        if n == 0:
            await people["carl"].deny(page.requests[0].id)  # seen
            await people["carl"].deny(page.requests[-1].id)  # where the cursor stands
            await asking.ask("new")
        if not cursor:
            break
    assert len(seen) == len(set(seen))
    assert {each.id for each in asked} <= set(seen)
    for wrong in ("x", "-", "12x-7QF", "\u0663-7QF-2KM", "9" * 30, f"-1-{asked[0].id}"):
        refused(await who.get(which=which, cursor=wrong), 400)


async def test_what_is_not_yours_to_decide_does_not_cut_the_list(
    asking: Askers, people: dict[str, Colleague], house: House
) -> None:
    """More than is looked at in one go stand in front of it."""
    ours = await asking.ask()
    first = await house.ledger.approval(ours.id)
    assert first is not None
    for n in range(120):
        other = replace(first, id=f"0{n:02X}-2KM4", then=((timedelta(minutes=9), frozenset({"sre"})),))
        early = first.expires_at - timedelta(seconds=1)
        held = replace(other, approvers=frozenset({"ops"}), expires_at=early)
        await house.ledger.open_approval(held, held_event(held))
    page = await page_of(people["pia"], limit=1)
    assert ([each.id for each in page.requests], page.cursor) == ([ours.id], "")


async def test_rows_say_how_many_are_alike(asking: Askers, people: dict[str, Colleague]) -> None:
    for _ in range(3):
        await asking.ask("drop it")
    once = await asking.ask("drop another")
    decided = await asking.ask("drop it")
    await people["pia"].approve(decided.id)
    for which in ("asked", "all"):
        page = await page_of(people["pia"], which=which, limit=2 if which == "asked" else 100)
        same = {each.id: each.same for each in page.requests}
        assert same.pop(once.id, 1) == same.pop(decided.id, 1) == 1
        assert set(same.values()) == {3}


async def test_the_past_is_counted_by_shape_and_person(
    asking: Askers, people: dict[str, Colleague], house: House
) -> None:
    for text, person, granted in (
        ("drop a", "ugo", True),
        ("drop a", "otto", False),
        ("drop b", "ugo", True),
    ):
        asked = await asking.ask(text, person)
        act = people["pia"].approve if granted else people["pia"].deny
        card_of(await act(asked.id))
        house.clock.move(timedelta(minutes=1))
    await broken(asking, people)
    asked = await asking.ask("drop a")
    past = (await people["pia"].card(asked.id)).past
    assert past.shape is not None
    assert past.person is not None
    assert (past.shape.approved, past.shape.denied, past.shape.last_by) == (1, 1, "pia")
    assert (past.person.approved, past.person.denied, past.person.last_by) == (3, 0, "ugo")
    assert (await people["ugo"].card(asked.id)).past.shape is None


# Nothing that is asked with GET changes anything.


async def test_a_get_changes_nothing_whatever_it_asks(
    asking: Askers, people: dict[str, Colleague], house: House, http: httpx2.AsyncClient
) -> None:
    held = await asking.ask(break_glass=GLASS, groups=frozenset({"oncall"}))
    done = await broken(asking, people, text="another")
    approved = await asking.ask("a third")
    await people["pia"].approve(approved.id)
    await approved.waiting
    before = await house.ledger.entries(limit=1000), await house.ledger.approvals()
    routers = requests.router, reviews.router, emergencies.router
    paths = {route.path for router in routers for route in router.routes if isinstance(route, APIRoute)}
    assert {"/requests", "/requests/{id}/approve", "/requests/{id}/break-glass"} <= paths
    for path in sorted(paths):
        for id in (held.id, done.id, approved.id):
            for name in ("ugo", "pia"):
                for method in ("GET", "HEAD", "OPTIONS"):
                    address = "/v1" + path.replace("{id}", id)
                    answer = await http.request(
                        method,
                        address,
                        headers={"Authorization": f"Bearer token-of-{name}"},
                        params={
                            "reason": "x",
                            "verdict": "ok",
                            "timeout": "0",
                            "sha256": "0" * 64,
                            "version": "1",
                        },
                    )
                    assert answer.status_code in (200, 405), (method, address)
    assert (await house.ledger.entries(limit=1000), await house.ledger.approvals()) == before
