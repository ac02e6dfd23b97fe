"""Conversations through the gateway with stock clients and a real server: they notice nothing, all is recorded."""

import asyncio
from typing import Any

import psycopg
import pytest

from gateway.core.frame import FrameKind
from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.verdict import Allow, Deny, Verdict
from gateway.wire.postgres.messages import TERMINATE, make_query
from gateway.wire.postgres.startup import make_startup
from tests.postgres.house import House
from tests.postgres.servers import DatabaseServer

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres", "psql")]


def block(text: str, reason: str = "not on my watch") -> Any:
    def decide(operation: Operation, session: Session) -> Verdict:
        return Deny("no-such", reason) if text in operation.text else Allow("everything")

    return decide


def marks(house: House, kind: str) -> list[dict[str, Any]]:
    return [each for each in house.recording().facts_of(FrameKind.MARK) if each["kind"] == kind]


async def test_psql_sees_what_it_would_see_directly(house: House) -> None:
    code, out, err = await house.psql("-At", "-c", "select 1 as one, 'two' as two; select 3")
    assert (code, out, err.splitlines()[1:]) == (0, "1|two\n3\n", []), err
    assert err.startswith(
        "NOTICE:  hoop: you are alice@example.com on appdb (PROD) - this session is recorded"
    )


async def test_each_statement_is_in_the_ledger_and_in_the_recording(house: House) -> None:
    await house.psql("-At", "-c", "select generate_series(1, 3) as n", "-c", "create table t (a int)")
    await house.over()
    texts = [entry.body["text"] for entry in await house.entries("operation.admitted")]
    assert texts == ["select generate_series(1, 3) as n", "create table t (a int)"]
    assert [each["text"] for each in marks(house, "command")] == texts
    (columns,) = marks(house, "columns")
    assert [column["name"] for column in columns["columns"]] == ["n"]
    first, second = marks(house, "result")
    assert (first["tag"], first["rows"], first["kept"]) == ("SELECT 3", 3, 3)
    assert second["tag"] == "CREATE TABLE"
    rows = house.recording().bytes_of(FrameKind.ROWS)
    assert rows[4:] == b"".join(b"D\0\0\0\x0b\0\x01\0\0\0\x01%d" % n for n in (1, 2, 3))


async def test_the_servers_errors_arrive_as_they_are(house: House) -> None:
    code, _, err = await house.psql("-c", "select * from nowhere", "-c", "select 1/0", "-At")
    assert code == 1
    assert 'ERROR:  relation "nowhere" does not exist\nLINE 1: select * from nowhere' in err


async def test_prepared_statements_are_judged_once_and_recorded_each_time(house: House) -> None:
    async with await house.connect() as connection:
        for number in range(5):
            cursor = await connection.execute("select %s::int + 1", [number], prepare=True)
            assert await cursor.fetchone() == (number + 1,)
    await house.over()
    (admitted,) = await house.entries("operation.admitted")
    assert admitted.body["text"] == "select $1::int + 1\n-- $1 = '0'"
    (repeated,) = await house.entries("operation.repeated")
    assert repeated.body["count"] == 4
    assert [each["values"] for each in marks(house, "again")] == [["1"], ["2"], ["3"], ["4"]]
    assert len(marks(house, "result")) == 5


async def test_what_is_prepared_anew_each_time_is_judged_once(house: House) -> None:
    """Drivers that keep no statements send their text with every value."""
    async with await house.connect() as connection:
        for number in range(5):
            cursor = await connection.execute("select %s::int + 1 as next", [number], prepare=False)
            assert await cursor.fetchone() == (number + 1,)
    await house.over()
    (admitted,) = await house.entries("operation.admitted")
    assert admitted.body["text"] == "select $1::int + 1 as next\n-- $1 = '0'"
    assert [each.body["count"] for each in await house.entries("operation.repeated")] == [4]
    told = marks(house, "command")
    assert [each.get("like", 0) for each in told] == [0, 1, 1, 1, 1]
    assert [each.get("values") for each in told] == [["0"], ["1"], ["2"], ["3"], ["4"]]
    assert len(marks(house, "columns")) == len(marks(house, "result")) == 5


async def test_what_writes_is_news_each_time(house: House) -> None:
    async with await house.connect() as connection:
        await connection.execute("create table t (a int)")
        for number in range(3):
            await connection.execute("insert into t values (%s)", [number], prepare=False)
            await connection.execute(
                "select set_config('work_mem', %s, false)", [f"{number + 1}MB"], prepare=False
            )
    await house.over()
    told = [entry.body["text"].splitlines()[-1] for entry in await house.entries("operation.admitted")]
    assert told[1:] == [
        "-- $1 = '0'",
        "-- $1 = '1MB'",
        "-- $1 = '1'",
        "-- $1 = '2MB'",
        "-- $1 = '2'",
        "-- $1 = '3MB'",
    ]
    assert await house.entries("operation.repeated") == []


async def test_a_pipeline_keeps_its_order(house: House) -> None:
    async with await house.connect() as connection, connection.pipeline():
        cursors = [await connection.execute("select %s::int", [n]) for n in range(20)]
        assert [await cursor.fetchone() for cursor in cursors] == [(n,) for n in range(20)]


@pytest.mark.parametrize("prepare", [None, True])
async def test_what_is_blocked_leaves_the_connection_alive(house: House, prepare: bool | None) -> None:
    house.decide = block("forbidden")
    async with await house.connect() as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
            await connection.execute("select 'forbidden', %s", [1], prepare=prepare)
        assert caught.value.diag.message_primary == "hoop: blocked - not on my watch"
        assert caught.value.diag.message_detail == "rule no-such (policy rev rev); nothing was run"
        cursor = await connection.execute("select 1")
        assert await cursor.fetchone() == (1,)


async def test_a_block_inside_a_transaction_aborts_it_on_the_server(house: House) -> None:
    house.decide = block("forbidden")
    async with await house.connect() as connection:
        await connection.execute("create table t (a int)")
        await connection.execute("begin")
        await connection.execute("insert into t values (1)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute("select 'forbidden'")
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            await connection.execute("select 1")
        await connection.execute("commit")
        cursor = await connection.execute("select count(*) from t")
        assert await cursor.fetchone() == (0,)


async def test_none_of_several_statements_runs_where_one_is_blocked(house: House) -> None:
    house.decide = block("forbidden")
    code, _, err = await house.psql(
        "-c", "create table t (a int); select 'forbidden'", "-c", "select * from t"
    )
    assert code == 1
    assert "ERROR:  hoop: blocked - not on my watch" in err
    assert 'relation "t" does not exist' in err
    admitted = [entry.body["text"] for entry in await house.entries("operation.admitted")]
    assert admitted == ["select * from t"]


async def test_in_a_pipeline_everything_behind_a_refusal_is_skipped(house: House) -> None:
    house.decide = block("forbidden")
    async with await house.connect() as connection:
        await connection.execute("create table t (a int)")
        cursors: list[psycopg.AsyncCursor[Any]] = []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await _three(connection, cursors)
        assert await cursors[0].fetchone() == (1,)
        cursor = await connection.execute("select count(*) from t")
        assert await cursor.fetchone() == (0,)


async def _three(connection: psycopg.AsyncConnection[Any], cursors: list[psycopg.AsyncCursor[Any]]) -> None:
    async with connection.pipeline():
        cursors.append(await connection.execute("select %s::int", [1]))
        await connection.execute("select 'forbidden', %s", [1])
        await connection.execute("insert into t values (%s)", [1])


async def test_what_is_no_sql_is_told_as_the_server_would(house: House) -> None:
    house.decide = lambda operation, session: (
        Deny("known-only", "") if operation.verb == "unknown" else Allow("everything")
    )
    _, _, err = await house.psql("-c", "selec 1")
    assert 'ERROR:  syntax error at or near "selec"\nLINE 1: selec 1\n        ^' in err


async def test_copy_both_ways(house: House) -> None:
    async with await house.connect() as connection:
        await connection.execute("create table t (a int, b text)")
        cursor = connection.cursor()
        async with cursor.copy("copy t from stdin") as copy:
            for number in range(1000):
                await copy.write_row((number, "x" * 100))
        async with cursor.copy("copy t to stdout") as copy:
            rows = [row async for row in copy.rows()]
        assert len(rows) == 1000
    _, out, err = await house.psql("-c", "\\copy (select 1 union select 2 order by 1) to stdout")
    assert out == "1\n2\n", err
    typed = "1\ta\n2\tb\n\\.\n"
    _, out, err = await house.psql("-c", "copy t from stdin", "-Atc", "select count(*) from t", stdin=typed)
    assert out == "COPY 2\n1002\n", err


async def test_cancel_stops_the_statement_and_not_the_connection(house: House) -> None:
    async with await house.connect() as connection:
        running = asyncio.create_task(connection.execute("select pg_sleep(30)"))
        await asyncio.sleep(0.3)
        await connection.cancel_safe(timeout=5)
        with pytest.raises(psycopg.errors.QueryCanceled):
            await running
        cursor = await connection.execute("select 1")
        assert await cursor.fetchone() == (1,)


async def test_process_numbers_are_the_servers(house: House) -> None:
    async with await house.connect() as one, await house.connect() as other:
        cursor = await one.execute("select pg_backend_pid()")
        assert await cursor.fetchone() == (one.info.backend_pid,)
        await other.execute("select pg_terminate_backend(%s)", [one.info.backend_pid])
        with pytest.raises(psycopg.errors.AdminShutdown):
            await one.execute("select 1")


async def test_notifications_arrive(house: House) -> None:
    async with await house.connect() as one, await house.connect() as other:
        await one.execute("listen news")
        await other.execute("notify news, 'hello'")
        async for notice in one.notifies(timeout=5, stop_after=1):
            assert (notice.channel, notice.payload, notice.pid) == ("news", "hello", other.info.backend_pid)


async def test_large_rows_pass_in_pieces(house: House) -> None:
    async with await house.connect() as connection:
        cursor = await connection.execute("select repeat('x', 30000000), generate_series(1, 2)")
        rows = await cursor.fetchall()
        assert [len(row[0]) for row in rows] == [30_000_000, 30_000_000]
        cursor = await connection.execute("select length(%s)", ["y" * 20_000_000])
        assert await cursor.fetchone() == (20_000_000,)


async def test_server_side_cursors(house: House) -> None:
    async with (
        await house.connect() as connection,
        connection.transaction(),
        connection.cursor("mine") as cursor,
    ):
        await cursor.execute("select generate_series(1, 250)")
        assert [row[0] async for row in cursor] == list(range(1, 251))


async def test_what_is_no_sql_is_written_down_as_blocked(house: House) -> None:
    house.decide = lambda operation, session: (
        Deny("known-only", "") if operation.verb == "unknown" else Allow("everything")
    )
    async with await house.connect() as connection:
        for prepare in (None, True):
            with pytest.raises(psycopg.errors.SyntaxError, match="syntax error at or near"):
                await connection.execute("select * from order", prepare=prepare)
        assert await (await connection.execute("select 1")).fetchone() == (1,)
    assert [entry.body["text"] for entry in await house.entries("operation.denied")] == [
        "select * from order"
    ] * 2


async def test_each_statement_has_its_entry_where_the_target_says_so(
    house: House, postgres: DatabaseServer, database: str
) -> None:
    house.offer(postgres, database, each_statement=True)
    async with await house.connect() as connection:
        for number in range(3):
            await connection.execute("select %s::int", [number], prepare=True)
    await house.over()
    assert len(await house.entries("operation.admitted")) == 3
    assert await house.entries("operation.repeated") == []


async def test_who_says_goodbye_too_early_still_gets_the_answer(house: House) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(make_startup([("user", "alice"), ("database", "appdb")]))
    async with asyncio.timeout(20):
        await reader.readuntil(b"Z\0\0\0\x05I")
        writer.write(make_query("select pg_sleep(0.3), 'the answer'") + TERMINATE)
        assert b"the answer" in await reader.read()
    writer.close()


async def test_more_statements_in_one_query_than_are_read(house: House) -> None:
    async with await house.connect() as connection:
        cursor = connection.cursor()
        await cursor.execute(";".join(["select 1"] * 6000))
        count = 1
        while cursor.nextset():
            count += 1
        assert count == 6000
        assert await (await connection.execute("select 2")).fetchone() == (2,)


async def test_many_statements_in_one_query_share_their_entries_transactions(house: House) -> None:
    async with await house.connect() as connection:
        await connection.execute("create table t (a int)")
        async with asyncio.timeout(30):
            await connection.execute(";".join(f"insert into t values ({n})" for n in range(500)))
        assert await (await connection.execute("select count(*) from t")).fetchone() == (500,)
    await house.over()
    texts = [
        entry.body["text"]
        for entry in await house.ledger.entries(limit=1000)
        if entry.name == "operation.admitted"
    ]
    assert texts[1:501] == [f"insert into t values ({n})" for n in range(500)]
