"""Whoever needs people's consent to come in: what clients hear meanwhile, and that nothing is dialled before."""

import asyncio
import socket
from dataclasses import replace
from typing import Any

import asyncpg
import psycopg
import pytest

from gateway.adapters.postgres.greeting.door import PostgresDoor
from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.ports import Approval
from gateway.core.verdict import Allow, Deny, Hold, Verdict
from gateway.wire.postgres.frames import frame
from gateway.wire.postgres.startup import make_startup
from tests.postgres.house import ALICE, BOB, House
from tests.postgres.test_hold_words import Heard, heard
from tests.postgres.test_holds import decide, the_held

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres", "psql")]

ASKS = Hold("access", "access to production needs sre", frozenset({"sre"}))


def at_the_door(verdict: Verdict) -> Any:
    def judge(operation: Operation, session: Session) -> Verdict:
        return verdict if operation.verb == "connect" else Allow("everything")

    return judge


@pytest.fixture
def asking(house: House) -> House:
    house.decide = at_the_door(ASKS)
    return house


async def outcome(house: House) -> list[str]:
    await house.over()
    return [entry.body["outcome"] for entry in await house.entries("session.ended")]


async def settled(house: House) -> Approval:
    async with asyncio.timeout(10):
        while (found := await house.ledger.approvals()) and found[0].state == "held":
            await asyncio.sleep(0.02)
    (approval,) = found
    return approval


async def test_psql_waits_and_comes_in(asking: House, postgres: Any) -> None:
    running = asyncio.create_task(asking.psql("-At", "-c", "select 1"))
    request = await the_held(asking)
    assert request.verb == "connect"
    assert request.text.startswith("access to appdb")
    with postgres.connect("postgres") as connection:
        found = connection.execute(
            "select count(*) from pg_stat_activity where application_name like 'psql%'"
        ).fetchone()
    assert found == (0,), "nothing is dialled before"
    await decide(asking, granted=True, reason="go on")
    code, out, err = await running
    assert (code, out) == (0, "1\n")
    assert (
        f"NOTICE:  hoop: held {request.id} - access to production needs sre (expires in 10 min)\n"
        "DETAIL:  rule access; asked: sre\n"
    ) in err
    assert f"NOTICE:  hoop: approved {request.id} by bob@example.com after" in err
    assert err.index("approved") < err.index("you are alice@example.com")


async def test_psql_is_told_why_it_may_not_come_in(asking: House) -> None:
    running = asyncio.create_task(asking.psql("-c", "select 1"))
    request = await the_held(asking)
    await decide(asking, granted=False, reason="use the replica")
    code, out, err = await running
    assert (code, out) == (2, "")
    assert f'failed: FATAL:  hoop: denied {request.id} by bob@example.com: "use the replica"\n' in err
    assert "DETAIL:  rule access (policy rev rev); nothing was run\n" in err
    assert f"HINT:  hoop-tui request show {request.id}\n" in err
    assert await outcome(asking) == ["blocked"]


async def test_psql_gives_up_after_its_own_time_and_takes_it_back(asking: House) -> None:
    code, _, err = await asking.psql("-c", "select 1", PGCONNECT_TIMEOUT="2")
    assert code == 2
    assert "timeout expired" in err
    assert (await settled(asking)).state == "withdrawn"
    assert await outcome(asking) == ["disconnected"]


@pytest.mark.parametrize("granted", [True, False])
async def test_psycopg_only_waits(asking: House, granted: bool) -> None:
    running = asyncio.create_task(asking.connect())
    await the_held(asking)
    await decide(asking, granted=granted, reason="because")
    if granted:
        async with await running as connection:
            assert await (await connection.execute("select 1")).fetchone() == (1,)
    else:
        with pytest.raises(psycopg.OperationalError, match="hoop: denied") as caught:
            await running
        assert "HINT:  hoop-tui request show" in str(caught.value)


@pytest.mark.parametrize("granted", [True, False])
async def test_asyncpg_only_waits(asking: House, granted: bool) -> None:
    running = asyncio.create_task(
        asyncpg.connect(host="127.0.0.1", port=asking.port, user="alice", database="appdb", ssl=False)
    )
    await the_held(asking)
    await decide(asking, granted=granted, reason="because")
    if granted:
        connection = await running
        assert await connection.fetchval("select 1") == 1
        await connection.close()
    else:
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match="hoop: denied"):
            await running


async def test_what_a_client_sends_ahead_is_answered_once_it_is_in(asking: House) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", asking.port)
    start = make_startup([("user", "alice"), ("database", "appdb")])
    writer.write(start)
    request = await the_held(asking)
    writer.write(frame(ord("Q"), b"select 'sent ahead'\0"))
    await writer.drain()
    await asking.approvals.settle(request.id, BOB, True, request.sha256)
    async with asyncio.timeout(10):
        seen = await reader.readuntil(b"SELECT 1\0")
    assert (
        seen.index(b"01Z01")
        < seen.index(b"01Z03")
        < seen.index(b"server_version")
        < seen.index(b"sent ahead")
    )
    writer.close()


async def test_who_sends_too_much_ahead_is_closed(asking: House) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", asking.port)
    writer.write(make_startup([("user", "alice"), ("database", "appdb")]))
    await the_held(asking)
    writer.write(bytes(100_000))
    assert (await settled(asking)).state == "withdrawn"
    assert await outcome(asking) == ["disconnected"]
    writer.close()


async def test_hanging_up_takes_it_back(asking: House) -> None:
    with socket.create_connection(("127.0.0.1", asking.port)) as client:
        client.sendall(make_startup([("user", "alice"), ("database", "appdb")]))
        await the_held(asking)
    assert (await settled(asking)).state == "withdrawn"
    assert await outcome(asking) == ["disconnected"]


async def test_it_is_taken_back_by_a_command(asking: House) -> None:
    running = asyncio.create_task(asking.connect())
    await asking.approvals.withdraw((await the_held(asking)).id, ALICE)
    with pytest.raises(psycopg.OperationalError, match="withdrawn, nothing was run"):
        await running


async def test_staff_end_somebody_who_waits(asking: House) -> None:
    running = asyncio.create_task(asking.connect())
    await the_held(asking)
    (gate,) = asking.live
    await gate.steering.end(BOB, "incident 4411")
    with pytest.raises(psycopg.OperationalError, match=r'ended by bob@example\.com: "incident 4411"'):
        await running
    assert (await settled(asking)).state == "withdrawn"
    assert await outcome(asking) == ["ended"]


async def test_the_time_to_sign_in_is_not_the_time_to_wait(asking: House) -> None:
    asking.adapter._door = replace(asking.adapter._door, settings=PostgresDoor(login_grace=0.3))
    idle = socket.create_connection(("127.0.0.1", asking.port))
    running = asyncio.create_task(asking.connect())
    request = await the_held(asking)
    async with asyncio.timeout(5):
        assert await asyncio.get_running_loop().run_in_executor(None, idle.recv, 1) == b""
    idle.close()
    assert not running.done()
    await asking.approvals.settle(request.id, BOB, True, request.sha256)
    async with await running as connection:
        assert await (await connection.execute("select 1")).fetchone() == (1,)


async def test_a_client_that_can_not_wait_comes_in_the_next_time(asking: House) -> None:
    with pytest.raises(psycopg.OperationalError, match="run the same statement again once approved"):
        await asking.connect(options="-c hoop.hold=fail")
    await decide(asking, granted=True)
    async with await asking.connect(options="-c hoop.hold=fail") as connection:
        assert await (await connection.execute("select 1")).fetchone() == (1,)


async def test_a_reason_can_come_with_the_connection(asking: House) -> None:
    asking.decide = at_the_door(replace(ASKS, requires=frozenset({"reason", "ticket"})))
    running = asyncio.create_task(
        asking.psql("-c", "select 1", PGOPTIONS=r"-c hoop.reason=fix\ of\ 88 -c hoop.ticket=OPS-4412")
    )
    request = await the_held(asking)
    assert request.answers == {"reason": "fix of 88", "ticket": "OPS-4412"}
    await decide(asking, granted=True)
    code, _, _ = await running
    assert code == 0


async def test_who_gave_none_is_told_how(asking: House) -> None:
    asking.decide = at_the_door(replace(ASKS, requires=frozenset({"reason"})))
    running = asyncio.create_task(asking.psql("-c", "select 1"))
    request = await the_held(asking)
    await decide_after_reply(asking, request)
    _, _, err = await running
    assert "(give a reason first; expires in 10 min)" in err
    assert f'Give a reason: hoop-tui request reply {request.id} "..."' in err
    assert "connect with PGOPTIONS='-c hoop.reason=...'" in err


async def decide_after_reply(house: House, request: Approval) -> None:
    answered = await house.approvals.reply(request.id, ALICE, reason="because")
    await house.approvals.settle(request.id, BOB, True, request.sha256, version=answered.version)


async def test_a_rule_may_keep_somebody_out(house: House) -> None:
    house.decide = at_the_door(Deny("office-hours", "come back in the morning"))
    code, _, err = await house.psql("-c", "select 1")
    assert code == 2
    assert "FATAL:  hoop: blocked - come back in the morning\nDETAIL:  rule office-hours" in err


async def test_nobody_is_asked_and_nothing_is_written_where_no_rule_asks(house: House) -> None:
    async with await house.connect() as connection:
        said: list[Heard] = heard(connection)
        await connection.execute("select 1")
    assert said == []
    await house.over()
    assert {entry.name for entry in await house.entries()} == {
        "session.opened",
        "operation.admitted",
        "session.ended",
    }
    assert [entry.body["verb"] for entry in await house.entries("operation.admitted")] == ["select"]
