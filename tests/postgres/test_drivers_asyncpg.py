"""asyncpg through the gateway: it shares nothing with libpq, prepares everything and speaks binary only."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from tests.postgres.interop.suite_server import SuiteServer
from tests.postgres.interop.ways import WayIn

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres")]


def options(way: WayIn) -> dict[str, Any]:
    context: ssl.SSLContext | bool = False
    if way.tls:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return {
        "host": way.host,
        "port": way.port,
        "user": way.user,
        "password": way.password("drivers"),
        "database": "drivers",
        "ssl": context,
        "timeout": 20,
    }


@asynccontextmanager
async def connected(way: WayIn) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(**options(way))
    try:
        yield connection
    finally:
        await connection.close()


async def test_types_and_values(way: WayIn) -> None:
    async with connected(way) as connection:
        row = await connection.fetchrow(
            "SELECT $1::int8 AS n, $2::text AS t, $3::numeric AS d, $4::bytea AS b, $5::int[] AS a, NULL AS nothing",
            *(1 << 50, "grüß", Decimal("1.50"), b"\0\xff", [1, None, 3]),
        )
        assert dict(row) == {
            "n": 1 << 50,
            "t": "grüß",
            "d": Decimal("1.50"),
            "b": b"\0\xff",
            "a": [1, None, 3],
            "nothing": None,
        }
        composite = await connection.fetchval("SELECT ROW(1, 'two', ROW(3.5))")
        assert composite[1] == "two"


async def test_statements_that_are_kept(way: WayIn) -> None:
    async with connected(way) as connection:
        statement = await connection.prepare("SELECT $1::int + $2::int")
        assert [each.name for each in statement.get_parameters()] == ["int4", "int4"]
        for number in range(100):
            assert await statement.fetchval(number, 1) == number + 1
        await connection.execute("CREATE TEMP TABLE t AS SELECT 1 AS n")
        assert await connection.fetchval("SELECT n FROM t") == 1
        await connection.execute("ALTER TABLE t ALTER n TYPE text")
        assert await connection.fetchval("SELECT n FROM t") == "1"


async def test_many_rows_and_cursors(way: WayIn) -> None:
    async with connected(way) as connection:
        rows = await connection.fetch("SELECT g, repeat('x', 100) FROM generate_series(1, 50000) g")
        assert len(rows) == 50_000
        async with connection.transaction():
            total = 0
            async for record in connection.cursor("SELECT generate_series(1, 5000)", prefetch=77):
                total += record[0]
            assert total == 12_502_500
            cursor = await connection.cursor("SELECT generate_series(1, 100)")
            assert await cursor.forward(50) == 50
            assert (await cursor.fetchrow())[0] == 51


async def test_many_in_one_go(way: WayIn) -> None:
    async with connected(way) as connection:
        await connection.execute("CREATE TEMP TABLE t (n int PRIMARY KEY, w text)")
        await connection.executemany("INSERT INTO t VALUES ($1, $2)", [(n, f"w{n}") for n in range(200)])
        assert await connection.fetchval("SELECT count(*) FROM t") == 200
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.executemany("INSERT INTO t VALUES ($1, $2)", [(5000, "new"), (1, "there")])
        assert await connection.fetchval("SELECT count(*) FROM t") == 200


async def test_copies(way: WayIn) -> None:
    async with connected(way) as connection:
        await connection.execute("CREATE TEMP TABLE t (n int, w text)")
        records = [(n, f"w{n}") for n in range(10_000)]
        assert await connection.copy_records_to_table("t", records=records) == "COPY 10000"
        pieces: list[bytes] = []

        async def take(data: bytes) -> None:
            pieces.append(bytes(data))

        said = await connection.copy_from_query("SELECT * FROM t ORDER BY n", output=take, format="csv")
        assert said == "COPY 10000"
        assert b"".join(pieces).decode().splitlines() == [f"{n},{w}" for n, w in records]


async def test_errors_and_savepoints(way: WayIn) -> None:
    async with connected(way) as connection:
        async with connection.transaction():
            with pytest.raises(asyncpg.DivisionByZeroError):
                async with connection.transaction():
                    await connection.fetch("SELECT 1/0")
            assert await connection.fetchval("SELECT 'goes on'") == "goes on"
        with pytest.raises(asyncpg.PostgresSyntaxError) as raised:
            await connection.execute("SELEC 1")
        assert raised.value.position == "1"


async def test_listeners(way: WayIn, suite_server: SuiteServer) -> None:
    heard: asyncio.Queue[tuple[int, str]] = asyncio.Queue()
    notices: asyncio.Queue[str] = asyncio.Queue()
    async with connected(way) as connection, connected(suite_server.way) as other:
        await connection.add_listener("news", lambda _, pid, __, payload: heard.put_nowait((pid, payload)))
        connection.add_log_listener(lambda _, message: notices.put_nowait(message.message))
        await other.execute("NOTIFY news, 'paper'")
        async with asyncio.timeout(30):
            assert await heard.get() == (other.get_server_pid(), "paper")
            await connection.execute("DO $$ BEGIN RAISE NOTICE 'mind the step'; END $$")
            assert await notices.get() == "mind the step"
        await connection.remove_listener("news", lambda *_: None)
        connection._listeners.clear()


async def test_cancels_and_times_out(way: WayIn) -> None:
    async with connected(way) as connection:
        with pytest.raises(asyncio.TimeoutError):
            await connection.fetch("SELECT pg_sleep(600)", timeout=0.3)
        assert await connection.fetchval("SELECT 'lives on'") == "lives on"
        sleeping = asyncio.create_task(connection.fetch("SELECT pg_sleep(600)"))
        await asyncio.sleep(0.3)
        sleeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeping
        assert await connection.fetchval("SELECT 'lives on'") == "lives on"


async def test_a_pool(way: WayIn) -> None:
    async with asyncpg.create_pool(**options(way), min_size=2, max_size=8) as pool:
        answers = await asyncio.gather(*(pool.fetchval("SELECT $1::int", number) for number in range(200)))
        assert answers == list(range(200))
