"""Routes by which people decide: whose word counts, about exactly what, once, and what is answered to whom."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from gateway.api.app import build_api
from gateway.api.once import KeysUsed
from gateway.core.errors import Fault
from gateway.core.verdict import Quorum
from tests.api.asking import Askers, Colleague, askers, card_of, refused
from tests.api.house import House

NO_ROLE = "it takes the role approver, which you do not have here"


@pytest.fixture
async def asking(house: House) -> AsyncIterator[Askers]:
    house.groups |= {"pia": {"dba", "sre"}, "carl": {"dba"}, "nina": {"dba"}, "adam": {"dba"}}
    async with askers(house) as asking:
        yield asking


@pytest.fixture
def people(http: httpx2.AsyncClient) -> dict[str, Colleague]:
    return {name: Colleague(http, name) for name in ("ugo", "nina", "pia", "carl", "alba", "adam", "otto")}


async def names(house: House, name: str) -> list[dict[str, Any]]:
    return [
        {**entry.body, "actor": entry.actor} for entry in await house.ledger.entries() if entry.name == name
    ]


# Yes and no.


async def test_a_yes_lets_it_go_on(asking: Askers, people: dict[str, Colleague], house: House) -> None:
    asked = await asking.ask()
    card = card_of(await people["pia"].approve(asked.id, reason="ok per OPS-4412"))
    assert (card.state, card.decisions[0].by, card.scope) == ("approved", "pia", "once")
    assert card.may_decide == "it is approved already"
    given = await names(house, "approval.given")
    assert [(each["actor"], each["granted"], each["reason"]) for each in given] == [
        ("id-pia", True, "ok per OPS-4412")
    ]
    settled = await asked.waiting
    assert settled.state == "approved"


async def test_a_no_says_why(asking: Askers, people: dict[str, Colleague]) -> None:
    asked = await asking.ask()
    for reason in ("", "  ", "two\nlines"):
        refused(await people["pia"].deny(asked.id, reason), 422)
    card = card_of(await people["pia"].deny(asked.id, "use the archive job instead"))
    assert (card.state, card.decisions[0].reason) == ("denied", "use the archive job instead")
    assert (await asked.waiting).state == "denied"


async def test_whose_word_counts(asking: Askers, people: dict[str, Colleague], house: House) -> None:
    house.groups["ugo"] = {"dba"}
    asked = await asking.ask()
    cannot = f"you can not decide about {asked.id}"
    for name, status, words in (
        ("ugo", 403, f"{cannot}: you are the requester"),
        ("nina", 403, f"{cannot}: {NO_ROLE}"),
        ("adam", 403, f"{cannot}: {NO_ROLE}"),
        ("alba", 403, f"{cannot}: {NO_ROLE}"),
        ("otto", 403, f"{cannot}: {NO_ROLE}"),
    ):
        for what in ("approve", "deny", "claim", "unclaim", "comment"):
            body = {"sha256": "0" * 64, "version": 1, "reason": "x", "text": "x"}
            assert refused(await people[name].post(asked.id, what, body), status) == words
    house.groups["carl"] = {"dev"}
    assert (await people["carl"].card(asked.id)).may_decide == "it asks dba"
    assert "it asks dba" in refused(await people["carl"].approve(asked.id), 403)
    house.groups["carl"] = {"dba"}
    assert card_of(await people["carl"].approve(asked.id)).state == "approved"


async def test_what_is_not_there_for_somebody(
    asking: Askers, people: dict[str, Colleague], house: House
) -> None:
    house.groups["nina"] = set()
    asked = await asking.ask()
    for id in (asked.id, "000-0000", "nothing"):
        for what in ("approve", "deny", "claim", "unclaim", "comment", "reply", "cancel"):
            body = {"sha256": "0" * 64, "version": 1, "reason": "x", "text": "x"}
            words = refused(await people["nina"].post(id, what, body), 404)
            assert words == "there is no such request for you"


async def test_only_what_was_shown(asking: Askers, people: dict[str, Colleague]) -> None:
    asked = await asking.ask()
    statement = (await people["pia"].card(asked.id)).statement
    for wrong in ({"sha256": "0" * 64}, {"version": 2}):
        words = refused(await people["pia"].approve(asked.id, **wrong), 409)
        assert words == f"{asked.id} is not what you were shown: look again"
    for senseless in (
        {"sha256": statement.sha256[:12]},
        {"sha256": ""},
        {"version": 0},
        {"scope": "for ever"},
    ):
        refused(await people["pia"].approve(asked.id, **senseless), 422)
    refused(await people["pia"].post(asked.id, "approve", {}), 422)
    assert (await people["pia"].card(asked.id)).state == "held"


async def test_too_late(asking: Askers, people: dict[str, Colleague], house: House) -> None:
    decided = await asking.ask()
    await people["carl"].deny(decided.id)
    assert (
        refused(await people["pia"].approve(decided.id), 409)
        == f"{decided.id} is decided already: denied by carl"
    )
    expired = await asking.ask()
    house.clock.move(timedelta(minutes=10))
    assert refused(await people["pia"].approve(expired.id), 410) == f"{expired.id} is over: it expired"
    assert (await people["pia"].card(expired.id)).may_decide in ("its time is over", "it is expired already")


async def test_of_two_at_once_one_is_first(
    asking: Askers, people: dict[str, Colleague], house: House
) -> None:
    for _ in range(5):
        asked = await asking.ask()
        answers = await asyncio.gather(people["pia"].approve(asked.id), people["carl"].deny(asked.id))
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        settled = await asked.waiting
        assert settled.state == ("approved" if answers[0].status_code == 200 else "denied")
        assert len(settled.decisions) == 1


async def test_of_two_groups(asking: Askers, people: dict[str, Colleague]) -> None:
    asked = await asking.ask(also=(Quorum(frozenset({"sre"})),))
    first = card_of(await people["pia"].approve(asked.id))
    assert (first.state, len(first.decisions)) == ("held", 1)
    assert first.may_decide == "you have decided already"
    again = card_of(await people["pia"].approve(asked.id))
    assert len(again.decisions) == 1
    assert refused(await people["pia"].deny(asked.id), 403)
    assert not asked.waiting.done()
    assert card_of(await people["carl"].approve(asked.id)).state == "approved"
    assert (await asked.waiting).state == "approved"


async def test_what_a_yes_covers(asking: Askers, people: dict[str, Colleague]) -> None:
    asked = await asking.ask(scopes=("once", "target 1h"))
    refused(await people["pia"].approve(asked.id, scope="session"), 422)
    card = card_of(await people["pia"].approve(asked.id, scope="target"))
    assert (card.state, card.scope) == ("approved", "target 1h")
    again = card_of(await people["pia"].approve(asked.id, scope="target"))
    assert len(again.decisions) == 1
    refused(await people["pia"].approve(asked.id, scope="once"), 409)


# Looking at it, and talking.


async def test_claims(asking: Askers, people: dict[str, Colleague]) -> None:
    asked = await asking.ask()
    for _ in range(2):
        assert card_of(await people["pia"].post(asked.id, "claim")).claimed_by == "pia"
    assert "pia is looking" in refused(await people["carl"].post(asked.id, "claim"), 409)
    refused(await people["carl"].post(asked.id, "unclaim"), 409)
    for _ in range(2):
        assert card_of(await people["pia"].post(asked.id, "unclaim")).claimed_by == ""
    assert card_of(await people["carl"].post(asked.id, "claim")).claimed_by == "carl"
    kinds = [(each.by, each.kind) for each in (await people["alba"].card(asked.id)).remarks]
    assert kinds == [("pia", "claim"), ("pia", "unclaim"), ("carl", "claim")]


async def test_comments_are_said_to_who_waits(asking: Askers, people: dict[str, Colleague]) -> None:
    asked = await asking.ask()
    card_of(await people["pia"].post(asked.id, "comment", {"text": "which replica?"}))
    async with asyncio.timeout(5):
        while not any("which replica?" in said for said in asked.told):
            await asyncio.sleep(0.01)
    for text in ("", " ", "x" * 301, "a\x1b[2J"):
        refused(await people["pia"].post(asked.id, "comment", {"text": text}), 422)


# Twice is once.


async def test_the_same_yes_again_is_the_same_yes(
    asking: Askers, people: dict[str, Colleague], house: House
) -> None:
    asked = await asking.ask()
    first = card_of(await people["pia"].approve(asked.id, reason="ok"))
    for key in ("", "k-1"):
        again = card_of(await people["pia"].approve(asked.id, key, reason="ok"))
        assert again.decisions == first.decisions
    assert "decided already" in refused(await people["pia"].approve(asked.id, reason="other words"), 409)
    assert len(await names(house, "approval.given")) == 1


async def test_a_key_does_a_thing_once(asking: Askers, people: dict[str, Colleague], house: House) -> None:
    asked = await asking.ask()
    body = {"text": "which replica?"}
    answers = await asyncio.gather(*(people["pia"].post(asked.id, "comment", body, "k-1") for _ in range(5)))
    assert {len(card_of(answer).remarks) for answer in answers} == {1}
    assert len(card_of(await people["carl"].post(asked.id, "comment", body, "k-1")).remarks) == 2
    assert len(card_of(await people["pia"].post(asked.id, "comment", body)).remarks) == 3
    assert len(await names(house, "approval.remarked")) == 3


async def test_a_key_is_for_one_thing(asking: Askers, people: dict[str, Colleague]) -> None:
    asked, other = await asking.ask(), await asking.ask()
    card_of(await people["pia"].post(asked.id, "comment", {"text": "a"}, "k-1"))
    words = "this Idempotency-Key was sent for something else: take a new one"
    assert refused(await people["pia"].post(asked.id, "comment", {"text": "b"}, "k-1"), 422) == words
    assert refused(await people["pia"].post(other.id, "comment", {"text": "a"}, "k-1"), 422) == words
    assert refused(await people["pia"].post(asked.id, "claim", None, "k-1"), 422) == words
    for key in ("x" * 256, "two words"):
        refused(await people["pia"].post(asked.id, "claim", None, key), 422)
    assert (await people["pia"].card(asked.id)).claimed_by == ""


async def test_after_a_restart_and_elsewhere_it_is_done_too(
    asking: Askers, people: dict[str, Colleague], house: House
) -> None:
    """The ledger knows what was done, not the gateway that was asked."""
    asked = await asking.ask()
    transport = httpx2.ASGITransport(app=build_api(house.services()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://other.example") as http:
        for pia, ugo in ((people["pia"], people["ugo"]), (Colleague(http, "pia"), Colleague(http, "ugo"))):
            await pia.post(asked.id, "claim", None, "k-1")
            await pia.post(asked.id, "comment", {"text": "why?"}, "k-2")
            await ugo.post(asked.id, "reply", {"text": "OPS-4412", "reason": "clean-up"}, "k-3")
            card = card_of(await pia.approve(asked.id, "k-4"))
    assert [each.kind for each in card.remarks] == ["claim", "comment", "reply"]
    assert (len(card.decisions), card.why.reason) == (1, "clean-up")


async def test_what_was_refused_is_asked_anew_with_its_key(
    asking: Askers, people: dict[str, Colleague]
) -> None:
    asked = await asking.ask()
    await people["carl"].post(asked.id, "claim")
    refused(await people["pia"].post(asked.id, "claim", None, "k-1"), 409)
    await people["carl"].post(asked.id, "unclaim")
    assert card_of(await people["pia"].post(asked.id, "claim", None, "k-1")).claimed_by == "pia"


async def test_old_keys_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.api.once.MOST_REMEMBERED", 2)
    keys = KeysUsed()
    for key in ("a", "b", "c"):
        async with keys.turn("pia", key, "x") as again:
            assert not again
    async with keys.turn("pia", "c", "x") as again:
        assert again
    async with keys.turn("pia", "a", "y") as again:
        assert not again


async def test_what_can_not_be_written_down_is_not_done(
    asking: Askers, people: dict[str, Colleague], house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is answered with a yes before it is in the ledger."""
    asked = await asking.ask()

    async def gone(*args: object, **kwargs: object) -> bool:
        raise Fault("the audit log can not be reached")

    for method in ("settle_approval", "remark_approval", "answer_approval", "close_approval"):
        with monkeypatch.context() as broken:
            broken.setattr(house.ledger, method, gone)
            what, body = {
                "remark_approval": ("comment", {"text": "x"}),
                "answer_approval": ("reply", {"reason": "x"}),
                "close_approval": ("cancel", None),
            }.get(method, ("", None))
            who = people["pia" if method in ("settle_approval", "remark_approval") else "ugo"]
            for _ in range(2):
                answer = await (
                    who.post(asked.id, what, body, method) if what else who.approve(asked.id, method)
                )
                assert refused(answer, 503) == "the audit log can not be reached"
        card = await people["pia"].card(asked.id)
        assert (card.state, card.decisions, card.remarks, card.why.reason) == ("held", [], [], "")
        house.clock.move(timedelta(seconds=1))
    assert not asked.waiting.done()
