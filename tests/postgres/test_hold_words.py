"""What people and programs learn about holds in PostgreSQL's own words: codes, details, hints; and that a script of
which a statement was stopped commits nothing."""

import asyncio
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from gateway.adapters.postgres import refusals
from gateway.core.errors import Denied
from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.verdict import Allow, Deny, Hold, Verdict
from tests.postgres.house import ALICE, BOB, House
from tests.postgres.test_holds import decide, the_held

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres", "psql")]

HELD = Hold("ask-first", "DDL needs a DBA", frozenset({"sre"}))


def by(verdict: Verdict) -> Any:
    def judge(operation: Operation, session: Session) -> Verdict:
        return verdict if "risky" in operation.text else Allow("everything")

    return judge


@dataclass(frozen=True)
class Heard:
    """A notice. psycopg's own is gone once its handler has returned."""

    sqlstate: str | None
    message_primary: str | None
    message_detail: str | None
    message_hint: str | None


def heard(connection: psycopg.AsyncConnection[Any]) -> list[Heard]:
    """What it hears from now on."""
    said: list[Heard] = []
    connection.add_notice_handler(
        lambda each: said.append(
            Heard(each.sqlstate, each.message_primary, each.message_detail, each.message_hint)
        )
    )
    return said


async def test_notices_have_codes_by_which_programs_know_them(house: House) -> None:
    house.decide = by(HELD)
    async with await house.connect() as connection:
        said = heard(connection)
        running = asyncio.create_task(connection.execute("select 'risky'"))
        request = await the_held(house)
        await house.approvals.claim(request.id, BOB)
        async with asyncio.timeout(5):
            while len(said) < 2:
                await asyncio.sleep(0.02)
        await decide(house, granted=True, reason="ok")
        await running
    assert [each.sqlstate for each in said] == ["01Z01", "01Z02", "01Z03"]
    held, looking, approved = said
    assert held.message_primary == f"hoop: held {request.id} - DDL needs a DBA (expires in 10 min)"
    assert held.message_detail == "rule ask-first; asked: sre"
    assert held.message_hint == (
        f'Ctrl-C withdraws it. Add a reason: hoop-tui request reply {request.id} "..."'
    )
    assert looking.message_primary == f"hoop: {request.id} - bob@example.com is looking"
    assert re.fullmatch(
        rf'hoop: approved {request.id} by bob@example\.com after \d s: "ok" - running',
        approved.message_primary or "",
    )


async def stopped(house: House, verdict: Verdict, settle: Any) -> psycopg.Error:
    """How a statement ends that is stopped in a transaction, which nothing is left of."""
    house.decide = by(verdict)
    async with await house.connect() as connection:
        await connection.execute("create table kept (a int)")
        await connection.execute("begin")
        await connection.execute("insert into kept values (1)")
        running = asyncio.create_task(connection.execute("create table risky ()"))
        await settle(house)
        with pytest.raises(psycopg.Error) as caught:
            await running
        assert connection.info.transaction_status is psycopg.pq.TransactionStatus.INERROR
        assert (await connection.execute("commit")).statusmessage == "ROLLBACK"
        assert await (await connection.execute("select * from kept")).fetchall() == []
    return caught.value


async def nothing(house: House) -> None:
    return None


async def denied(house: House) -> None:
    await decide(house, granted=False, reason='use the "archive" job')


async def withdrawn(house: House) -> None:
    await house.approvals.withdraw((await the_held(house)).id, ALICE)


async def test_denied(house: House) -> None:
    problem = await stopped(house, HELD, denied)
    (request,) = await house.ledger.approvals()
    assert problem.sqlstate == "42501"
    assert str(problem.diag.message_primary) == (
        f"hoop: denied {request.id} by bob@example.com: \"use the 'archive' job\""
    )
    assert problem.diag.message_detail == "rule ask-first (policy rev rev); nothing was run"
    assert problem.diag.message_hint == f"hoop-tui request show {request.id}"


async def test_expired(house: House) -> None:
    brief = Hold("ask-first", "", frozenset({"sre"}), timeout=timedelta(seconds=0.3))
    problem = await stopped(house, brief, nothing)
    (request,) = await house.ledger.approvals()
    assert problem.sqlstate == "57014"
    assert problem.diag.message_primary == (
        f"hoop: expired {request.id} - nobody decided within 0 s, nothing was run"
    )
    assert problem.diag.message_hint == (
        'run it again to ask again, or: hoop-tui request create --target appdb --for 1h --reason "..."'
    )


async def test_withdrawn_by_a_command(house: House) -> None:
    problem = await stopped(house, HELD, withdrawn)
    (request,) = await house.ledger.approvals()
    assert problem.sqlstate == "57014"
    assert problem.diag.message_primary == f"hoop: ended {request.id} - withdrawn, nothing was run"
    assert problem.diag.message_hint == "run it again to ask again"


async def test_blocked(house: House) -> None:
    problem = await stopped(house, Deny("no-ddl", "no DDL by hand"), nothing)
    assert problem.sqlstate == "42501"
    assert problem.diag.message_primary == "hoop: blocked - no DDL by hand"
    assert problem.diag.message_detail == "rule no-ddl (policy rev rev); nothing was run"


async def test_a_script_that_was_cancelled_commits_nothing(house: House) -> None:
    house.decide = by(HELD)
    async with await house.connect() as connection:
        await connection.execute("begin")
        await connection.execute("create table kept (a int)")
        running = asyncio.create_task(connection.execute("create table risky ()"))
        await the_held(house)
        await connection.cancel_safe(timeout=5)
        with pytest.raises(psycopg.errors.QueryCanceled):
            await running
        assert (await connection.execute("commit")).statusmessage == "ROLLBACK"
        assert await (await connection.execute("select to_regclass('kept')")).fetchone() == (None,)


async def test_a_client_that_can_not_wait_is_refused_at_once_and_passes_later(house: House) -> None:
    house.decide = by(HELD)
    async with await house.connect(options="-c hoop.hold=fail") as connection:
        for _ in range(2):  # asking again is no second request
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
                await connection.execute("select 'risky'")
        request = await the_held(house)
        diag = caught.value.diag
        assert diag.message_primary == (
            f"hoop: held {request.id} - run the same statement again once approved"
        )
        assert diag.message_hint == f"hoop-tui request wait {request.id}"
        await decide(house, granted=True)
        assert await (await connection.execute("select 'risky'")).fetchone() == ("risky",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="held"):
            await connection.execute("select 'risky'")


async def test_a_target_whose_clients_can_not_wait(house: House, postgres: Any, database: str) -> None:
    house.offer(postgres, database, hold="fail")
    house.decide = by(HELD)
    async with await house.connect() as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="run the same statement again"):
            await connection.execute("select 'risky'")
        await connection.execute("set hoop.hold = 'wait'")
        running = asyncio.create_task(connection.execute("select 'risky', 2"))
        async with asyncio.timeout(5):
            while not (waiting := await house.ledger.approvals(state="held")) or waiting[0].mode != "wait":
                await asyncio.sleep(0.02)
        await house.approvals.settle(waiting[0].id, BOB, True, waiting[0].sha256)
        assert await (await running).fetchone() == ("risky", 2)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"hoop\.hold is wait or fail"):
            await connection.execute("set hoop.hold = 'perhaps'")


async def test_staff_speak_to_somebody_who_is_idle_and_end_them(house: House) -> None:
    async with await house.connect() as connection:
        said = heard(connection)
        (gate,) = house.live
        await gate.steering.message(BOB, "your access ends in 5 min")
        async with asyncio.timeout(5):
            while not said:
                await connection.execute("select 1")
        assert said[0].message_primary == 'hoop: message from bob@example.com: "your access ends in 5 min"'
        gate.end("your access is over")
        await house.over()
        with pytest.raises(psycopg.OperationalError) as caught:
            await connection.execute("select 1")
    assert caught.value.sqlstate == "57P01"
    assert caught.value.diag.message_primary == "hoop: ended - your access is over"


async def test_a_masked_result_says_so_by_its_code(house: House) -> None:
    house.rules(
        """
        [[rule]]
        id = "all"
        match = { target = "appdb" }
        do = "allow"

        [[rule]]
        id = "pii"
        match = { target = "appdb" }
        do = "mask"
        mask = { email = "redact" }
        """
    )
    async with await house.connect(application_name="psql") as connection:
        said = heard(connection)
        await connection.execute("select 'alice@example.com'")
    assert [(each.sqlstate, each.message_primary) for each in said] == [
        ("01Z04", "hoop: masked 1 value in 1 row (email)")
    ]


def test_a_denial_without_a_rule_says_that_nothing_was_run() -> None:
    message = refusals.denied(Denied("hoop: blocked - no", state="blocked", rule="", reason="no"))
    assert b"Mhoop: blocked - no\0Dnothing was run\0\0" in message
