"""psycopg 3 through the gateway: what each does is what it does without one."""

import asyncio
import threading
import time
import uuid
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.postgres.interop.gateway_process import PERSON
from tests.postgres.interop.suite_server import SuiteServer
from tests.postgres.interop.ways import DIRECT, WayIn

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres")]

PATIENCE = 60.0

VALUES: dict[str, Any] = {
    "int4": 42,
    "int8": 1 << 40,
    "numeric": Decimal("3.14159265358979"),
    "float8": 2.5,
    "bool": True,
    "text": "grüß \N{SNOWMAN} 'quoted' \\ and\nbroken",
    "bytea": bytes(range(256)),
    "date": date(2026, 11, 21),
    "timestamptz": datetime(2026, 11, 21, 17, 0, tzinfo=UTC),
    "uuid": uuid.UUID("12345678-1234-5678-1234-567812345678"),
    "int4[]": [1, None, 3],
    "text[]": ["a", 'b"c', "{}", ""],
}


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_every_type_there_and_back(way: WayIn, binary: bool) -> None:
    form = "%b" if binary else "%t"
    with way.connect("drivers") as connection:
        cursor = connection.cursor(binary=binary)
        for name, value in VALUES.items():
            shown = cursor.execute(f"SELECT {form}::{name}, NULL::{name}", (value,)).fetchone()
            assert shown == (value, None), name
        document = {"a": [1, {"b": None}], "c": "ü"}
        assert cursor.execute(f"SELECT {form}::jsonb", (Jsonb(document),)).fetchone() == (document,)


def test_prepared_statements(way: WayIn) -> None:
    """psycopg prepares what it has seen five times, and forgets it later."""
    with way.connect("drivers") as connection:
        question = "SELECT %s::int * 2, count(*) > 0 FROM pg_prepared_statements"
        rows = [connection.execute(question, (number,)).fetchone() for number in range(50)]
        assert rows[:2] == [(0, False), (2, False)]
        assert rows[10:] == [(number * 2, True) for number in range(10, 50)]
        connection.execute("SELECT 1", prepare=True)
        connection.execute("DEALLOCATE ALL")
        assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)


def test_a_pipeline(way: WayIn) -> None:
    with way.connect("drivers", autocommit=False) as connection:
        connection.execute("CREATE TEMP TABLE t (n int PRIMARY KEY)")
        connection.commit()
        with connection.pipeline() as pipeline:
            cursors = [connection.execute("INSERT INTO t VALUES (%s) RETURNING n", (n,)) for n in range(200)]
            pipeline.sync()
            assert [cursor.fetchone() for cursor in cursors] == [(n,) for n in range(200)]
            connection.execute("INSERT INTO t VALUES (0)")  # there already
            with pytest.raises(psycopg.errors.UniqueViolation):
                pipeline.sync()
            connection.execute("SELECT 1")
            with pytest.raises(psycopg.errors.InFailedSqlTransaction):
                pipeline.sync()
            connection.rollback()
            assert connection.execute("SELECT 7").fetchone() == (7,)


def test_a_pipeline_goes_on_after_a_sync(way: WayIn) -> None:
    """What came behind the error up to the sync is passed over, and nothing behind it."""
    with way.connect("drivers") as connection, connection.pipeline() as pipeline:
        first = connection.execute("SELECT 1")
        broken = connection.execute("SELECT 1/0")
        with pytest.raises(psycopg.errors.DivisionByZero):
            _sends_more(connection, pipeline)  # the error may be there already
        with suppress(psycopg.errors.PipelineAborted):  # then what was sent behind it says so here
            pipeline.sync()
        after = connection.execute("SELECT 4")
        pipeline.sync()
        assert first.fetchone() == (1,)
        assert after.fetchone() == (4,)
        assert broken.pgresult is None


def _sends_more(connection: psycopg.Connection[Any], pipeline: psycopg.Pipeline) -> None:
    connection.execute("SELECT 3")
    pipeline.sync()


def test_what_is_sent_after_an_error_is_passed_over(way: WayIn) -> None:
    """The client has seen the error, has sent no sync yet, and goes on."""
    with way.connect("drivers") as connection, connection.pipeline() as pipeline:
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT * FROM nowhere").fetchone()
        with pytest.raises(psycopg.errors.PipelineAborted):
            connection.execute("SELECT 'passed over'").fetchone()
        pipeline.sync()
        assert connection.execute("SELECT 'goes on'").fetchone() == ("goes on",)


def test_a_server_side_cursor(way: WayIn) -> None:
    with (
        way.connect("drivers", autocommit=False) as connection,
        connection.cursor("mine", scrollable=True) as cursor,
    ):
        cursor.itersize = 100
        cursor.execute("SELECT g FROM generate_series(1, 1000) g")
        assert sum(number for (number,) in cursor) == 500_500
        cursor.scroll(0, mode="absolute")
        assert cursor.fetchmany(3) == [(1,), (2,), (3,)]


def test_rows_one_at_a_time(way: WayIn) -> None:
    with way.connect("drivers") as connection:
        assert (
            sum(n for (n,) in connection.cursor().stream("SELECT generate_series(1, 20000)")) == 200_010_000
        )
        with pytest.raises(psycopg.errors.DivisionByZero):
            for _ in connection.cursor().stream("SELECT 1 / (5000 - g) FROM generate_series(1, 9000) g"):
                pass
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("form", ["text", "binary"])
def test_copy_both_ways(way: WayIn, form: str) -> None:
    with way.connect("drivers") as connection:
        connection.execute("CREATE TEMP TABLE t (n int, w text)")
        cursor = connection.cursor()
        with cursor.copy(f"COPY t FROM STDIN (FORMAT {form})") as copy:
            copy.set_types(["int4", "text"])
            for number in range(5000):
                copy.write_row((number, None if number % 7 == 0 else f"line\t{number}\n"))
        assert cursor.rowcount == 5000
        with cursor.copy(f"COPY (SELECT * FROM t ORDER BY n) TO STDOUT (FORMAT {form})") as copy:
            copy.set_types(["int4", "text"])
            rows = list(copy.rows())
        assert rows == [(n, None if n % 7 == 0 else f"line\t{n}\n") for n in range(5000)]


class OurOwn(Exception):
    pass


def give_up_copying(connection: psycopg.Connection[Any]) -> None:
    with connection.cursor().copy("COPY t FROM STDIN") as copy:
        copy.write("1\n")
        raise OurOwn


def test_a_copy_that_is_given_up(way: WayIn) -> None:
    with way.connect("drivers") as connection:
        connection.execute("CREATE TEMP TABLE t (n int)")
        with pytest.raises(OurOwn):
            give_up_copying(connection)
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
        with (
            pytest.raises(psycopg.errors.InvalidTextRepresentation),
            connection.cursor().copy("COPY t FROM STDIN") as copy,
        ):
            copy.write("nonsense\n")
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_an_error_is_the_server_s(way: WayIn) -> None:
    """Every field of it."""
    with way.connect("drivers") as connection:
        connection.execute("CREATE TEMP TABLE t (n int CONSTRAINT positive CHECK (n > 0))")
        with pytest.raises(psycopg.errors.CheckViolation) as raised:
            connection.execute("INSERT INTO t VALUES (0)")
        diag = raised.value.diag
        assert (diag.sqlstate, diag.severity, diag.table_name, diag.constraint_name) == (
            "23514",
            "ERROR",
            "t",
            "positive",
        )
        assert diag.message_detail == "Failing row contains (0)."
        assert diag.source_function == "ExecConstraints"
        with pytest.raises(psycopg.errors.UndefinedColumn) as raised_at:
            connection.execute("SELECT 1, nothing")
        assert raised_at.value.diag.statement_position == "11"
        assert connection.execute("SELECT 'goes on'").fetchone() == ("goes on",)


def insert_and_take_back(connection: psycopg.Connection[Any]) -> None:
    with connection.transaction() as outer:
        connection.execute("INSERT INTO t VALUES (1)")
        with connection.transaction():
            connection.execute("INSERT INTO t VALUES (2)")
        raise psycopg.Rollback(outer)


def test_transactions(way: WayIn) -> None:
    with way.connect("drivers", autocommit=False) as connection:
        assert connection.info.transaction_status.name == "IDLE"
        connection.execute("CREATE TEMP TABLE t (n int)")
        assert connection.info.transaction_status.name == "INTRANS"
        connection.commit()
        insert_and_take_back(connection)
        with connection.transaction(), pytest.raises(psycopg.errors.DivisionByZero), connection.transaction():
            connection.execute("SELECT 1/0")
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_two_phases(way: WayIn) -> None:
    with way.connect("drivers", autocommit=False) as connection:
        xid = connection.xid(1, f"gtrid-{uuid.uuid4()}", "bqual")
        connection.tpc_begin(xid)
        connection.execute("SELECT 1")
        connection.tpc_prepare()
        connection.tpc_rollback()


def test_listen_and_notify(way: WayIn, suite_server: SuiteServer) -> None:
    with way.connect("drivers") as connection, suite_server.way.connect("drivers") as other:
        connection.execute("LISTEN news")
        other.execute("SELECT pg_notify('news', %s)", ("x" * 7000,))
        heard = next(connection.notifies(timeout=PATIENCE, stop_after=1))
        assert (heard.channel, len(heard.payload), heard.pid) == ("news", 7000, other.info.backend_pid)
        connection.execute("NOTIFY news, 'mine'")
        heard = next(connection.notifies(timeout=PATIENCE, stop_after=1))
        assert (heard.payload, heard.pid) == ("mine", connection.info.backend_pid)


def test_its_process_is_the_server_s(way: WayIn) -> None:
    with way.connect("drivers") as connection:
        pid = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert pid == (connection.info.backend_pid,)
        assert connection.info.server_version >= 150_000
        assert connection.info.parameter_status("client_encoding") == "UTF8"


def test_its_own_name_is_reported_as_it_gave_it(way: WayIn) -> None:
    """Also where the server knows the person's behind it."""

    def reported() -> str | None:
        return connection.info.parameter_status("application_name")

    with way.connect("drivers", application_name="till") as connection:
        assert reported() == "till"
        connection.execute("SET application_name = 'another'")
        assert reported() == "another"
        connection.execute("RESET application_name")
        assert reported() == "till"
        known = connection.execute("SHOW application_name").fetchone()
        assert known == ("till" if way.name == DIRECT else f"till ({PERSON})",)


def test_a_password_that_libpq_hashes(way: WayIn, suite_server: SuiteServer) -> None:
    """PQchangePassword: what the server is told is no password, and what it keeps is good to sign in with."""
    with way.connect("drivers") as connection:
        connection.execute("DROP ROLE IF EXISTS changed")
        connection.execute("CREATE ROLE changed LOGIN PASSWORD 'before'")
        connection.pgconn.change_password(b"changed", b"behind")
        with psycopg.connect(**suite_server.way.options("drivers", user="changed", password="behind")) as it:
            assert it.execute("SELECT current_user").fetchone() == ("changed",)
        connection.execute("DROP ROLE changed")


def test_cancels(way: WayIn) -> None:
    with way.connect("drivers") as connection:
        for cancel in (connection.cancel, connection.cancel_safe):
            started = threading.Timer(0.3, cancel)
            started.start()
            with pytest.raises(psycopg.errors.QueryCanceled):
                connection.execute("SELECT pg_sleep(600)")
            started.join()
            assert connection.execute("SELECT 'lives on'").fetchone() == ("lives on",)


def test_a_large_value(way: WayIn) -> None:
    """50 MB in one row and in one value."""
    with way.connect("drivers") as connection:
        data = bytes(50_000_000)
        row = connection.execute("SELECT %b::bytea, length(%b::bytea)", (data, data), binary=True).fetchone()
        assert row == (data, len(data))


async def test_asynchronous(way: WayIn) -> None:
    connection = await psycopg.AsyncConnection.connect(**way.options("drivers"), autocommit=True)
    async with connection, connection.cursor() as cursor:
        await cursor.execute("SELECT generate_series(1, 1000)")
        assert len(await cursor.fetchall()) == 1000
        sleeping = asyncio.create_task(cursor.execute("SELECT pg_sleep(600)"))
        await asyncio.sleep(0.3)
        sleeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeping
        assert await (await cursor.execute("SELECT 'lives on'")).fetchone() == ("lives on",)


def test_many_at_once(way: WayIn) -> None:
    connections = [way.connect("drivers") for _ in range(20)]
    try:
        assert len({connection.info.backend_pid for connection in connections}) == 20
        for number, connection in enumerate(connections):
            assert connection.execute("SELECT %s::int", (number,)).fetchone() == (number,)
    finally:
        for connection in connections:
            connection.close()


def test_it_is_gone_when_it_is_closed(way: WayIn, suite_server: SuiteServer) -> None:
    connection = way.connect("drivers")
    pid = connection.info.backend_pid
    assert pid in suite_server.backends()
    connection.close()
    give_up_at = time.monotonic() + PATIENCE
    while pid in suite_server.backends():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)
