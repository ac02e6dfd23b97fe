"""What waits for people, inside a live session; and what staff and faults do to one."""

import asyncio
import re
from typing import Any

import psycopg
import pytest

from gateway.core.errors import Fault
from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.ports import Approval
from gateway.core.verdict import Allow, Hold, Verdict
from tests.postgres.house import BOB, House

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres", "psql")]


def hold(operation: Operation, session: Session) -> Verdict:
    if "risky" in operation.text:
        return Hold("ask-first", "a colleague decides", frozenset({"sre"}))
    return Allow("everything")


async def the_held(house: House) -> Approval:
    async with asyncio.timeout(10):
        while not (found := await house.ledger.approvals(state="held")):
            await asyncio.sleep(0.02)
    return found[0]


async def decide(house: House, granted: bool, reason: str = "fine") -> None:
    approval = await the_held(house)
    await house.approvals.settle(approval.id, BOB, granted, approval.sha256, reason)


async def test_a_held_statement_waits_in_psql_and_runs_once_approved(house: House) -> None:
    house.decide = hold
    running = asyncio.create_task(house.psql("-At", "-c", "select 'risky'", "-c", "select 2"))
    approval = await the_held(house)
    assert approval.text == "select 'risky'"
    await decide(house, granted=True)
    code, out, err = await running
    assert (code, out) == (0, "risky\n2\n")
    assert (
        f"NOTICE:  hoop: held {approval.id} - a colleague decides (expires in 10 min)\n"
        "DETAIL:  rule ask-first; asked: sre\n"
        f'HINT:  Ctrl-C withdraws it. Add a reason: hoop-tui request reply {approval.id} "..."\n'
    ) in err
    assert re.search(
        rf'NOTICE:  hoop: approved {approval.id} by bob@example\.com after \d+ s: "fine" - running\n', err
    )


async def test_values_are_part_of_what_is_approved(house: House) -> None:
    house.decide = hold
    async with await house.connect() as connection:
        running = asyncio.create_task(connection.execute("select 'risky', %s::text", ["O'Hara"]))
        approval = await the_held(house)
        assert approval.text == "select 'risky', $1::text\n-- $1 = 'O''Hara'"
        await decide(house, granted=True)
        assert await (await running).fetchone() == ("risky", "O'Hara")


async def test_a_denied_statement_never_runs(house: House) -> None:
    house.decide = hold
    async with await house.connect() as connection:
        running = asyncio.create_task(connection.execute("create table risky ()"))
        await decide(house, granted=False, reason="not today")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"denied .* by bob@example\.com"):
            await running
        house.decide = lambda operation, session: Allow("everything")
        assert await (await connection.execute("select to_regclass('risky')")).fetchone() == (None,)


async def test_cancelling_withdraws(house: House) -> None:
    house.decide = hold
    async with await house.connect() as connection:
        running = asyncio.create_task(connection.execute("select 'risky'"))
        approval = await the_held(house)
        await connection.cancel_safe(timeout=5)
        with pytest.raises(psycopg.errors.QueryCanceled, match="canceling statement due to user request"):
            await running
        assert await (await connection.execute("select 1")).fetchone() == (1,)
    settled = await house.ledger.approval(approval.id)
    assert settled is not None
    assert settled.state == "withdrawn"


async def test_hanging_up_withdraws(house: House) -> None:
    house.decide = hold
    connection = await house.connect()
    running = asyncio.create_task(connection.execute("select 'risky'"))
    approval = await the_held(house)
    running.cancel()
    connection.pgconn.finish()
    await house.over()
    settled = await house.ledger.approval(approval.id)
    assert settled is not None
    assert settled.state == "withdrawn"


async def test_staff_ends_a_session(house: House) -> None:
    async with await house.connect() as connection:
        await connection.execute("begin")
        await connection.execute("create table t (a int)")
        running = asyncio.create_task(connection.execute("select pg_sleep(30)"))
        await asyncio.sleep(0.2)
        (gate,) = house.live
        await gate.steering.end(BOB, "incident 4411")
        with pytest.raises(psycopg.errors.AdminShutdown, match=r'ended by bob@example\.com: "incident 4411"'):
            await running
    await house.over()
    assert [entry.body["outcome"] for entry in await house.entries("session.ended")] == ["ended"]


async def test_staff_pauses_a_session(house: House) -> None:
    async with await house.connect() as connection:
        (gate,) = house.live
        await gate.steering.pause(BOB)
        running = asyncio.create_task(connection.execute("select 1"))
        await asyncio.sleep(0.3)
        assert not running.done()
        await gate.steering.resume(BOB)
        assert await (await running).fetchone() == (1,)


async def test_a_server_that_dies_in_the_middle_of_a_result(house: House) -> None:
    async with await house.connect() as connection, await house.connect() as other:
        running = asyncio.create_task(
            connection.execute("select repeat('x', 1000) from generate_series(1, 100000000)")
        )
        await asyncio.sleep(0.5)
        await other.execute("select pg_terminate_backend(%s)", [connection.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            await running
        assert await (await other.execute("select 1")).fetchone() == (1,)


async def test_nothing_passes_once_it_can_not_be_recorded(house: House, monkeypatch: Any) -> None:
    async with await house.connect() as connection:
        (gate,) = house.live

        def full(frames: object) -> bool:
            raise Fault("the disk is full")

        monkeypatch.setattr(gate._recorder, "write_at_once", full)
        with pytest.raises(psycopg.OperationalError, match="can not be recorded any more"):
            await connection.execute("select 1")


async def test_what_runs_is_stopped_on_the_server_when_staff_ends_a_session(house: House) -> None:
    async with await house.connect() as connection, await house.connect() as other:
        await connection.execute("create table t (a int)")
        running = asyncio.create_task(
            connection.execute("insert into t select 1 from generate_series(1, 100000000)")
        )
        await asyncio.sleep(0.3)
        first = min(house.live, key=lambda gate: gate.session.started_at)
        await first.steering.end(BOB, "incident 4411")
        with pytest.raises(psycopg.OperationalError):
            await running
        async with asyncio.timeout(5):
            while True:
                cursor = await other.execute(
                    "select count(*) from pg_stat_activity where query like 'insert into t%'"
                )
                if await cursor.fetchone() == (0,):
                    break
                await asyncio.sleep(0.05)
        assert await (await other.execute("select count(*) from t")).fetchone() == (0,)
