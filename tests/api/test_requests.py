"""Routes about what is held: who sees what, the card, waiting for it, and what its person says."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from gateway.api.app import build_api
from gateway.api.cards import link_of
from gateway.core.events import TokenCreated
from gateway.core.operation import Effect
from gateway.core.ports import TokenRow
from gateway.core.verdict import Quorum
from tests.api.asking import DROP, Askers, Colleague, askers, card_of, refused
from tests.api.house import NOON, House


@pytest.fixture
async def asking(house: House) -> AsyncIterator[Askers]:
    house.groups |= {"pia": {"dba", "sre"}, "carl": {"dba"}, "nina": {"dba"}}
    async with askers(house) as asking:
        yield asking


@pytest.fixture
def people(http: httpx2.AsyncClient) -> dict[str, Colleague]:
    return {name: Colleague(http, name) for name in ("ugo", "nina", "pia", "carl", "alba", "adam", "otto")}


async def ids(colleague: Colleague, **asked: Any) -> list[str]:
    response = await colleague.get(**asked)
    assert response.status_code == 200, response.text
    return [row["id"] for row in response.json()["requests"]]


# Who sees what.


async def test_each_sees_what_is_theirs_and_what_asks_them(
    asking: Askers, people: dict[str, Colleague]
) -> None:
    ugos = await asking.ask("drop table a", "ugo")
    pias = await asking.ask("drop table b", "pia")
    assert await ids(people["ugo"], which="mine") == [ugos.id]
    assert await ids(people["ugo"], which="asked") == []
    assert await ids(people["ugo"], which="all") == [ugos.id]
    assert await ids(people["pia"]) == [ugos.id]
    assert await ids(people["pia"], which="mine") == [pias.id]
    assert set(await ids(people["nina"], which="all")) == {ugos.id, pias.id}
    assert set(await ids(people["alba"], which="all")) == {ugos.id, pias.id}
    assert await ids(people["alba"], which="asked") == []
    for nobody in (await people["ugo"].get(f"/{pias.id}"), await people["ugo"].get("/0000000")):
        assert refused(nobody, 404) == "there is no such request for you"
    assert refused(await people["ugo"].get("/not-an-id"), 404) == "there is no such request for you"
    assert (await people["ugo"].card(ugos.id.replace("-", "").lower())).id == ugos.id


async def test_a_row(asking: Askers, people: dict[str, Colleague]) -> None:
    asked = await asking.ask("drop table a" + " " * 300, also=(Quorum(frozenset({"sec"}), 2),), risk="high")
    asking.house.clock.move(timedelta(seconds=48))
    (row,) = (await people["pia"].get()).json()["requests"]
    assert row["what"] == "drop table a"
    assert (row["id"], row["state"], row["person"], row["target"]) == (asked.id, "held", "ugo", "appdb")
    assert (row["kind"], row["env"], row["risk"], row["left"]) == ("postgres", "prod", "high", 552)
    assert (row["granted"], row["needed"], row["may_decide"]) == (0, 3, "")
    (row,) = (await people["nina"].get()).json()["requests"]
    assert row["may_decide"] == "it takes the role approver, which you do not have here"


@pytest.mark.parametrize("between", [" " * 150, " " * 5000, "\n" * 500_000, " ".join(["--"] * 100)])
async def test_a_row_does_not_hide_that_there_is_more(
    asking: Askers, people: dict[str, Colleague], between: str
) -> None:
    await asking.ask(f"delete from a where id = 1 {between} or true")
    (row,) = (await people["pia"].get()).json()["requests"]
    assert row["what"].startswith("delete from a where id = 1")
    assert row["what"].endswith(("1 or true", " ..."))
    assert len(row["what"]) <= 200


async def test_what_ends_first_comes_first_and_pages_follow(
    asking: Askers, people: dict[str, Colleague]
) -> None:
    made = [
        (await asking.ask(f"drop table t{number}", timeout=timedelta(minutes=30 - number))).id
        for number in range(5)
    ]
    assert await ids(people["pia"]) == made[::-1]
    seen, cursor = [], ""
    for _ in range(3):
        page = (await people["pia"].get(limit=2, cursor=cursor)).json()
        seen += [row["id"] for row in page["requests"]]
        cursor = page["cursor"]
    assert (seen, cursor) == (made[::-1], "")


async def test_a_page_follows_though_what_stood_at_its_end_is_gone(
    asking: Askers, people: dict[str, Colleague]
) -> None:
    made = []
    for number in range(4):
        made.append((await asking.ask(f"drop table t{number}", timeout=timedelta(minutes=5 + number))).id)
        asking.house.clock.move(timedelta(seconds=1))
    first = (await people["pia"].get(limit=2)).json()
    await people["pia"].deny(made[1])
    following = (await people["pia"].get(limit=2, cursor=first["cursor"])).json()
    assert [row["id"] for row in following["requests"]] == made[2:]
    newest = (await people["pia"].get(which="all", limit=2)).json()
    rest = (await people["pia"].get(which="all", limit=2, cursor=newest["cursor"])).json()
    assert [row["id"] for page in (newest, rest) for row in page["requests"]] == made[::-1]


async def test_what_one_has_decided_is_not_asked_again_and_hides_nothing(
    asking: Askers, people: dict[str, Colleague]
) -> None:
    made = [
        (await asking.ask(f"drop table t{number}", count=2, timeout=timedelta(minutes=5 + number))).id
        for number in range(4)
    ]
    for id in made[:2]:
        await people["pia"].approve(id)
    page = (await people["pia"].get(limit=1)).json()
    assert [row["id"] for row in page["requests"]] == [made[2]]
    assert page["cursor"]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"cursor": "nonsense"}, 400),
        ({"cursor": "²-7QF"}, 400),
        ({"which": "asked", "state": "denied"}, 400),
        ({"which": "others"}, 422),
        ({"state": "gone"}, 422),
        ({"limit": 0}, 422),
        ({"limit": 100_000}, 422),
    ],
)
async def test_what_makes_no_sense(
    asking: Askers, people: dict[str, Colleague], asked: dict[str, Any], status: int
) -> None:
    refused(await people["pia"].get(**asked), status)


# The card.


async def test_the_card(asking: Askers, people: dict[str, Colleague]) -> None:
    house = asking.house
    token = TokenRow("t-7QF2KM", "0" * 64, "id-ugo", frozenset(), NOON - timedelta(hours=3), None)
    await house.ledger.add_token(token, TokenCreated(token="t-7QF2KM", person="id-ugo", roles=[]))
    asked = await asking.ask(risk="high", requires=frozenset({"ticket"}), scopes=("once", "target 1h"))
    house.clock.move(timedelta(seconds=60))
    card = await people["pia"].card(asked.id)
    assert (card.id, card.state, card.left, card.now) == (asked.id, "held", 540, house.clock.now())
    who = card.who
    assert (who.person, who.groups, who.method) == ("ugo", ["dev"], "token t-7QF2KM")
    assert (who.since, who.address, who.client) == (token.created_at, "192.0.2.7", "psql")
    where = card.where
    assert (where.target, where.kind, where.labels, where.login) == (
        "appdb",
        "postgres",
        {"env": "prod"},
        "app_rw",
    )
    assert (card.why.reason, card.why.ticket, card.why.missing) == ("", "", ["ticket"])
    rule = card.rule
    assert (rule.id, rule.message, rule.revision) == ("ddl", "DDL needs a DBA", "rev-42")
    assert (rule.asked, rule.needed, rule.scopes) == (["dba"], 1, ["once", "target 1h"])
    assert [(each.groups, each.missing) for each in rule.missing] == [(["dba"], 1)]
    assert card.risk.word == "high"
    assert [(line.sign, line.text) for line in card.risk.lines] == [
        ("+", "changes how things are defined"),
        ("+", "production (env=prod)"),
    ]
    statement = card.statement
    assert (statement.text, statement.size, statement.lines, statement.version) == (DROP, len(DROP), 1, 1)
    assert (statement.raw, statement.hidden_count, statement.blanks_count) == ("", 0, 0)
    assert card.may_decide == ""


async def test_what_only_reads_elsewhere_speaks_for_it(asking: Askers, people: dict[str, Colleague]) -> None:
    asked = await asking.ask("select 1", effects=frozenset({Effect.READ}), labels={"env": "stage"})
    card = await people["pia"].card(asked.id)
    assert [(line.sign, line.text) for line in card.risk.lines] == [
        ("-", "only reads"),
        ("-", "not production (env=stage)"),
    ]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (20_000, ("+", "about 20,000 rows, as the server guesses")),
        (1, ("-", "about 1 row, as the server guesses")),
    ],
)
async def test_about_how_many_rows_it_is(
    asking: Askers, people: dict[str, Colleague], rows: int, said: tuple[str, str]
) -> None:
    asked = await asking.ask(
        "delete from payments", effects=frozenset({Effect.WRITE}), details={"rows": rows}
    )
    card = await people["pia"].card(asked.id)
    assert said in [(line.sign, line.text) for line in card.risk.lines]
    assert card.facts["rows"] == rows


async def test_what_came_before(asking: Askers, people: dict[str, Colleague]) -> None:
    for reason in ("", "", "no"):
        earlier = await asking.ask()
        done = people["carl"].deny(earlier.id, reason) if reason else people["carl"].approve(earlier.id)
        card_of(await done)
        asking.house.clock.move(timedelta(minutes=1))
    card_of(await people["carl"].approve((await asking.ask("drop table other", "nina")).id))
    asked = await asking.ask()
    shape, person = (past := (await people["pia"].card(asked.id)).past).shape, past.person
    assert shape is not None
    assert person is not None
    assert (shape.approved, shape.denied, shape.last_by) == (2, 1, "carl")
    assert shape.last_at == NOON + timedelta(minutes=2)
    assert (person.approved, person.denied) == (2, 1)
    assert ("+", "the same shape was denied once") in [
        (line.sign, line.text) for line in (await people["pia"].card(asked.id)).risk.lines
    ]


async def test_what_of_the_same_shape_was_approved_last_can_be_read_by_whoever_may(
    asking: Askers, people: dict[str, Colleague]
) -> None:
    first = await asking.ask("drop table a", "nina")
    card_of(await people["carl"].approve(first.id))
    asking.house.clock.move(timedelta(minutes=1))
    denied = await asking.ask("drop table a")
    card_of(await people["carl"].deny(denied.id, "no"))
    shape = (await people["pia"].card((await asking.ask("drop table a")).id)).past.shape
    assert shape is not None
    assert shape.last_approved == first.id
    assert (await people["pia"].card(first.id)).statement.text == "drop table a"
    assert refused(await people["ugo"].get(f"/{first.id}"), 404) == "there is no such request for you"


async def test_what_a_rule_points_at_is_in_the_statement_and_not_among_facts(
    asking: Askers, people: dict[str, Colleague]
) -> None:
    asked = await asking.ask(matched=((0, 4), (11, 23)))
    card = await people["pia"].card(asked.id)
    assert [DROP[each.offset : each.offset + each.length] for each in card.statement.matched] == [
        "drop",
        "payments_old",
    ]
    assert "matched" not in card.facts


async def test_the_number_of_the_policy(asking: Askers, people: dict[str, Colleague]) -> None:
    asked = await asking.ask()
    assert (await people["pia"].card(asked.id)).rule.number == 0
    await asking.house.ledger.keep_policy("rev-41", "41" * 32, (), 1)
    await asking.house.ledger.keep_policy("rev-42", "42" * 32, (), 1)
    assert (await people["pia"].card(asked.id)).rule.number == 2


async def test_whether_the_person_is_still_there(asking: Askers, people: dict[str, Colleague]) -> None:
    house = asking.house
    asked = await asking.ask()
    assert (await people["pia"].card(asked.id)).where.connected is None
    await house.begin("s-2B8CK4TQ")
    assert (await people["pia"].card(asked.id)).where.connected is True
    house.live.clear()
    house.clock.move(timedelta(seconds=40))
    assert (await people["pia"].card(asked.id)).where.connected is False
    card_of(await people["pia"].deny(asked.id, "no"))
    assert (await people["pia"].card(asked.id)).where.connected is None


@pytest.mark.parametrize(
    ("ticket", "template", "link"),
    [
        ("OPS-1", "https://t.example/browse/{ticket}", "https://t.example/browse/OPS-1"),
        ("../a?b#c&d=e f", "https://t.example/{ticket}", "https://t.example/..%2Fa%3Fb%23c%26d%3De%20f"),
        ("\u202e\x1b]8;;\n@evil/", "https://t.example/?q={ticket}",
         "https://t.example/?q=%E2%80%AE%1B%5D8%3B%3B%0A%40evil%2F"),
        ("\udcff", "https://t.example/{ticket}", "https://t.example/%EF%BF%BD"),
        ("..", "https://t.example/{ticket}", ""),
        ("", "https://t.example/{ticket}", ""),
        ("OPS-1", "", ""),
        ("OPS-1", "http://t.example/{ticket}", ""),
        ("OPS-1", "javascript:{ticket}", ""),
    ],
)  # fmt: skip
def test_a_ticket_leads_nowhere_else(ticket: str, template: str, link: str) -> None:
    assert link_of(ticket, template) == link


async def test_the_person_is_not_told_what_others_asked_for(
    asking: Askers, people: dict[str, Colleague]
) -> None:
    await people["carl"].approve((await asking.ask(person="nina")).id)
    past = (await people["ugo"].card((await asking.ask()).id)).past
    assert past.shape is None
    assert past.person is not None
    assert past.person.approved == 0


async def test_what_is_hidden_is_named_and_nothing_is_left_out(
    asking: Askers, people: dict[str, Colleague]
) -> None:
    text = "select 1 \u202e--\u200b\r\n\x1b[2J" + " " * 5000 + "; drop table x" + "\n" * 3000 + "\udcff;"
    asked = await asking.ask(text)
    statement = (await people["pia"].card(asked.id)).statement
    assert statement.text == text.replace("\udcff", "\ufffd")
    assert base64.b64decode(statement.raw) == text.encode("utf-8", "surrogateescape")
    assert (statement.characters, statement.size) == (len(text), len(base64.b64decode(statement.raw)))
    assert [(each.offset, each.codepoint, each.name) for each in statement.hidden] == [
        (9, "U+202E", "RIGHT-TO-LEFT OVERRIDE"),
        (12, "U+200B", "ZERO WIDTH SPACE"),
        (15, "U+001B", "ESCAPE"),
        (len(text) - 2, "0xFF", "a byte that is no UTF-8"),
    ]
    assert [(each.length, each.what) for each in statement.blanks] == [(5000, "blanks"), (3000, "breaks")]
    asked = await asking.ask("x" * 5_000_000 + "\u200b")
    statement = (await people["pia"].card(asked.id)).statement
    assert statement.text == "x" * 5_000_000 + "\u200b"
    assert statement.hidden_count == 1


# Waiting.


async def test_waiting_ends_with_the_decision(asking: Askers, people: dict[str, Colleague]) -> None:
    asked = await asking.ask()
    mark = (await people["ugo"].card(asked.id)).mark
    waiting = asyncio.create_task(people["ugo"].get(f"/{asked.id}/wait", mark=mark, timeout=20))
    while asking.house.bus.listeners < 2:
        await asyncio.sleep(0.01)
    await people["pia"].deny(asked.id, "use the replica")
    async with asyncio.timeout(5):
        card = card_of(await waiting)
    assert (card.state, card.decisions[0].by, card.decisions[0].reason) == (
        "denied",
        "pia",
        "use the replica",
    )
    again = card_of(await people["ugo"].get(f"/{asked.id}/wait", mark=card.mark, timeout=20))
    assert again.mark == card.mark


async def test_waiting_ends_with_its_time_and_with_an_old_mark(
    asking: Askers, people: dict[str, Colleague], house: House
) -> None:
    asked = await asking.ask()
    card = card_of(await people["ugo"].get(f"/{asked.id}/wait", timeout=20))
    assert card.state == "held"
    assert (
        card_of(await people["ugo"].get(f"/{asked.id}/wait", mark=card.mark, timeout=0.05)).mark == card.mark
    )
    await people["pia"].post(asked.id, "claim")
    after = card_of(await people["ugo"].get(f"/{asked.id}/wait", mark=card.mark, timeout=20))
    assert (after.mark != card.mark, after.claimed_by) == (True, "pia")
    house.clock.move(timedelta(minutes=10))
    over = card_of(await people["ugo"].get(f"/{asked.id}/wait", mark=after.mark, timeout=20))
    assert (over.state, over.left) == ("expired", 0)
    refused(await people["ugo"].get("/0000000/wait"), 404)


async def test_a_stopping_gateway_lets_nobody_wait(
    asking: Askers, people: dict[str, Colleague], api: FastAPI
) -> None:
    asked = await asking.ask()
    mark = (await people["ugo"].card(asked.id)).mark
    waiting = asyncio.create_task(people["ugo"].get(f"/{asked.id}/wait", mark=mark, timeout=60))
    while asking.house.bus.listeners < 2:
        await asyncio.sleep(0.01)
    api.state.services.stopping.set()
    async with asyncio.timeout(5):
        assert card_of(await waiting).state == "held"


# What its person says.


async def test_a_reason_that_is_asked_for(asking: Askers, people: dict[str, Colleague]) -> None:
    asked = await asking.ask(requires=frozenset({"reason", "ticket"}))
    before = await people["pia"].card(asked.id)
    words = refused(await people["pia"].approve(asked.id), 422)
    assert words == f"{asked.id} can not be granted yet: a reason and a ticket has to be given first"
    after = card_of(await people["ugo"].post(asked.id, "reply", {"reason": "clean-up", "ticket": "OPS-4412"}))
    assert (after.why.reason, after.why.ticket, after.why.missing) == ("clean-up", "OPS-4412", [])
    old = {"sha256": before.statement.sha256, "version": before.statement.version}
    assert "look again" in refused(await people["pia"].post(asked.id, "approve", old), 409)
    again = card_of(await people["ugo"].post(asked.id, "reply", {"reason": "clean-up"}))
    assert again.statement.version == after.statement.version
    refused(await people["ugo"].post(asked.id, "reply", {"reason": "another"}), 409)
    assert card_of(await people["pia"].approve(asked.id)).state == "approved"


async def test_a_reply_is_heard_by_those_who_decide(asking: Askers, people: dict[str, Colleague]) -> None:
    asked = await asking.ask()
    await people["pia"].post(asked.id, "comment", {"text": "which replica?"})
    card_of(await people["ugo"].post(asked.id, "reply", {"text": "db-2"}))
    remarks = (await people["carl"].card(asked.id)).remarks
    assert [(each.by, each.kind, each.text) for each in remarks] == [
        ("pia", "comment", "which replica?"),
        ("ugo", "reply", "db-2"),
    ]
    refused(await people["pia"].post(asked.id, "reply", {"text": "db-2"}), 403)
    refused(await people["ugo"].post(asked.id, "reply", {}), 422)
    refused(await people["ugo"].post(asked.id, "reply", {"text": "two\nlines"}), 422)
    refused(await people["ugo"].post(asked.id, "reply", {"text": "x" * 301}), 422)


async def test_taking_it_back(asking: Askers, people: dict[str, Colleague]) -> None:
    asked = await asking.ask()
    assert "not yours" in refused(await people["pia"].post(asked.id, "cancel"), 403)
    refused(await people["otto"].post(asked.id, "cancel"), 403)
    for _ in range(2):
        assert card_of(await people["ugo"].post(asked.id, "cancel")).state == "withdrawn"
    assert (await asked.waiting).state == "withdrawn"
    assert "it was withdrawn" in refused(await people["pia"].approve(asked.id), 410)
    settled = await asking.ask()
    await people["pia"].approve(settled.id)
    assert "approved by pia" in refused(await people["ugo"].post(settled.id, "cancel"), 409)


# Looking changes nothing.


async def test_nothing_that_is_asked_with_get_changes_anything(
    asking: Askers, people: dict[str, Colleague], house: House
) -> None:
    asked = await asking.ask()
    before = len(await house.ledger.entries())
    for path in ("", f"/{asked.id}", f"/{asked.id}/wait"):
        for name in people:
            await people[name].get(path)
    for what in ("approve", "deny", "claim", "unclaim", "comment", "reply", "cancel"):
        response = await people["pia"].get(f"/{asked.id}/{what}", sha256="x", reason="y")
        assert response.status_code == 405
    approval = await house.ledger.approval(asked.id)
    assert approval is not None
    assert (approval.state, approval.remarks, approval.decisions) == ("held", (), ())
    assert len(await house.ledger.entries()) == before


def test_no_get_route_has_a_word_that_changes_anything(api: FastAPI) -> None:
    paths = build_api(api.state.services).openapi()["paths"]
    found = {path: set(methods) for path, methods in paths.items() if path.startswith("/v1/requests")}
    assert {path for path, methods in found.items() if "get" in methods} == {
        "/v1/requests",
        "/v1/requests/{id}",
        "/v1/requests/{id}/wait",
    }
    assert found.pop("/v1/requests") == {"get", "post"}
    assert all(len(methods) == 1 for methods in found.values())
