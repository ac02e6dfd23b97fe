"""A reason and a ticket that are given in the session: `SET hoop.reason = '...'`."""

import asyncio
from typing import Any

import psycopg
import pytest

from gateway.adapters.postgres.greeting.turned_away import TurnedAway
from gateway.adapters.postgres.greeting.wishes import read_wishes
from gateway.adapters.postgres.in_band import InBand, why_not
from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.verdict import Allow, Hold, Verdict
from tests.postgres.house import ALICE, House
from tests.postgres.test_holds import decide, the_held

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres", "psql")]

ASKS = Hold("ask-first", "a colleague decides", frozenset({"sre"}), requires=frozenset({"reason", "ticket"}))


def hold(operation: Operation, session: Session) -> Verdict:
    return ASKS if "risky" in operation.text else Allow("everything")


async def answers(house: House, running: "asyncio.Task[Any]") -> dict[str, str]:
    """What came along with the request, which is then denied."""
    request = await the_held(house)
    await decide(house, granted=False)
    await asyncio.wait([running])
    running.exception()
    return dict(request.answers)


async def test_what_was_set_goes_along_with_requests(house: House) -> None:
    house.decide = hold
    async with await house.connect() as connection:
        await connection.execute("set hoop.reason = 'fix of invoice 88'")
        await connection.execute("set session hoop.ticket to 'OPS-4412'")
        assert await (await connection.execute("show hoop.reason")).fetchone() == ("fix of invoice 88",)
        running = asyncio.create_task(connection.execute("select 'risky'"))
        request = await the_held(house)
        assert request.answers == {"reason": "fix of invoice 88", "ticket": "OPS-4412"}
        await decide(house, granted=True)  # there is nothing left to be given
        assert await (await running).fetchone() == ("risky",)
    (entry,) = await house.entries("operation.held")
    assert entry.body["answers"] == {"reason": "fix of invoice 88", "ticket": "OPS-4412"}


async def test_the_last_word_counts_however_it_was_set(house: House) -> None:
    house.decide = hold
    async with await house.connect(options="-c hoop.ticket=OPS-1") as connection:
        for statement in ("set hoop.reason = 'one'", "set hoop.reason = 'two'"):
            await connection.execute(statement)
        running = asyncio.create_task(connection.execute("select 'risky'"))
        assert await answers(house, running) == {"reason": "two", "ticket": "OPS-1"}
        await connection.execute("select set_config('hoop.reason', 'three', false)")
        await connection.execute("set hoop.reason = 'four'", prepare=True)
        await connection.execute("set hoop.reason = 'five'", prepare=True)
        await connection.execute("set hoop.reason = 'four'", prepare=True)
        running = asyncio.create_task(connection.execute("select 'risky'"))
        assert await answers(house, running) == {"reason": "four", "ticket": "OPS-1"}


async def test_a_rollback_does_not_take_it_back_and_reset_does(house: House) -> None:
    house.decide = hold
    async with await house.connect(options="-c hoop.reason=first") as connection:
        await connection.execute("begin")
        await connection.execute("set local hoop.reason = 'second'")
        await connection.execute("rollback")
        running = asyncio.create_task(connection.execute("select 'risky'"))
        assert await answers(house, running) == {"reason": "second"}
        await connection.execute("set hoop.ticket = 'OPS-1'")
        await connection.execute("reset hoop.reason")
        running = asyncio.create_task(connection.execute("select 'risky'"))
        assert await answers(house, running) == {"reason": "first", "ticket": "OPS-1"}
        await connection.execute("discard all")
        running = asyncio.create_task(connection.execute("select 'risky'"))
        assert await answers(house, running) == {"reason": "first"}


async def test_it_can_stand_before_the_statement_in_one_query(house: House) -> None:
    house.decide = hold
    running = asyncio.create_task(house.psql("-c", "set hoop.reason = 'x'; select 'risky'"))
    assert await answers(house, running) == {"reason": "x"}


async def test_whoever_is_held_without_a_reason_is_told_how_to_set_it(house: House) -> None:
    house.decide = hold
    running = asyncio.create_task(house.psql("-c", "select 'risky'"))
    request = await the_held(house)
    await house.approvals.withdraw(request.id, ALICE)
    _, _, err = await running
    assert f"hoop: held {request.id} - a colleague decides (give a reason and ticket first; " in err
    assert (
        f"HINT:  Ctrl-C withdraws it. Give a reason and ticket: hoop-tui request reply {request.id} " in err
    )
    assert "Or: Ctrl-C, SET hoop.reason = '...'; SET hoop.ticket = '...'; and run it again\n" in err


async def test_who_may_only_read_may_say_why_they_ask(house: House) -> None:
    house.rules(
        """
        [[rule]]
        id = "readers"
        match = { target = "appdb", effect = ["read"] }
        do = "allow"

        [[rule]]
        id = "risky"
        match = { target = "appdb", table = "pg_class" }
        do = "hold"
        ask = { group = "sre" }
        require = ["reason"]
        """
    )
    async with await house.connect() as connection:
        await connection.execute("set hoop.reason = 'because'")
        running = asyncio.create_task(connection.execute("select count(*) from pg_class"))
        assert await answers(house, running) == {"reason": "because"}


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("set hoop.reason = '" + "x" * 2001 + "'", "a reason has 2000 letters at most"),
        ("set hoop.reasn = 'x'", r"there is no setting hoop\.reasn: there are hoop\.hold, hoop\.reason"),
        ("select set_config('hoop.hold', 'soon', true)", r"hoop\.hold is wait or fail"),
    ],
)
async def test_what_can_not_be_set(house: House, statement: str, why: str) -> None:
    async with await house.connect() as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=why):
            await connection.execute(statement)


def test_as_somebody_connects() -> None:
    asked = read_wishes(
        [("user", "alice"), ("options", r"-c hoop.reason=a\ b --hoop.hold=fail"), ("HOOP.ticket", "T")]
    )
    assert asked.in_band == {"hoop.reason": "a b", "hoop.hold": "fail", "hoop.ticket": "T"}
    assert asked.settings == {}
    for options in ("-c hoop.hold=later", "-c hoop.reason=" + "x" * 2001, "-c hoop.resaon=x"):
        with pytest.raises(TurnedAway):
            read_wishes([("user", "alice"), ("options", options)])


def test_what_is_empty_is_not_given() -> None:
    said = InBand({"hoop.reason": "  "}.items())
    assert said.answers({"reason", "ticket"}) == {}
    assert said.waits
    said.take([("hoop.ticket", "T"), ("search_path", "x")])
    assert said.answers({"ticket"}) == {"ticket": "T"}
    assert said.answers({"reason"}) == {}
    assert why_not([("search_path", "x"), ("hoop.reason", "")]) == ""
