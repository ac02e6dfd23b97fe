"""The short way for repeated statements does what the long way does, also where it turns out not to be one."""

import asyncio
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from gateway.adapters.postgres.express import Express
from gateway.core.frame import FrameKind
from tests.postgres.house import House

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres")]


@pytest.fixture(params=["short", "long"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was taken on the short way; `long`: it takes nothing."""
    taken: list[str] = []
    for name in ("asks", "answers"):
        real = getattr(Express, name)

        def spy(self: Express, data: bytes, real: Any = real, name: str = name) -> bool:
            if request.param == "long":
                return False
            took = bool(real(self, data))
            if took:
                taken.append(name)
            return took

        monkeypatch.setattr(Express, name, spy)
    taken.append(request.param)
    return taken


async def run(connection: psycopg.AsyncConnection[Any], query: bytes, *given: bytes) -> tuple[Any, ...]:
    """One execution of a statement that is prepared under the name `s`, as libpq does it."""
    result = await asyncio.to_thread(connection.pgconn.exec_prepared, b"s", list(given))
    message = result.error_message.decode().splitlines()
    rows = tuple(
        tuple(result.get_value(row, column) for column in range(result.nfields))
        for row in range(result.ntuples)
    )
    return result.status, rows, message[:1], connection.pgconn.transaction_status


async def talk(house: House, query: bytes, given: Sequence[tuple[bytes, ...]]) -> list[tuple[Any, ...]]:
    async with await house.connect() as connection:
        await connection.execute("create table t (a int, b text)")
        await connection.execute("insert into t select n, repeat('x', n) from generate_series(1, 100) n")
        await asyncio.to_thread(connection.pgconn.prepare, b"s", query)
        return [await run(connection, query, *values) for values in given]


async def test_rows_errors_and_emptiness_are_the_same(house: House, way: list[str]) -> None:
    given = [(b"1",), (b"2",), (b"0",), (b"3",), (b"100",), (b"1000",), (b"nonsense",), (b"4",)]
    seen = await talk(house, b"select a, b, 10 / $1::int from t where a <= $1::int order by a", given)
    assert [len(rows) for _, rows, _, _ in seen] == [1, 2, 0, 3, 100, 100, 0, 4]
    assert [message for *_, message, _ in seen if message] == [
        ["ERROR:  division by zero"],
        ['ERROR:  invalid input syntax for type integer: "nonsense"'],
    ]
    if way[0] == "short":
        assert way.count("asks") >= 5
    await house.over()
    marks = house.recording().facts_of(FrameKind.MARK)
    results = [each for each in marks if each["kind"] == "result" and each["n"] > 2]
    assert [each["rows"] for each in results] == [1, 2, 0, 3, 100, 100, 0, 4]
    codes = [each.get("error", {}).get("code") for each in results]
    assert codes == [None, None, "22012", None, None, None, "22P02", None]
    (repeated,) = await house.entries("operation.repeated")
    assert repeated.body["count"] == 7


async def test_another_shape_of_the_answer_is_seen(house: House, way: list[str]) -> None:
    async with await house.connect() as connection, await house.connect() as other:
        await other.execute("create table t (a int)")
        await other.execute("insert into t values (1)")
        await asyncio.to_thread(connection.pgconn.prepare, b"s", b"select * from t where a = $1")
        for _ in range(3):
            assert (await run(connection, b"", b"1"))[1] == ((b"1",),)
        await other.execute("alter table t add b text")
        _, rows, message, _ = await run(connection, b"", b"1")
        assert (rows, message) == ((), ["ERROR:  cached plan must not change result type"])


async def test_in_a_transaction(house: House, way: list[str]) -> None:
    async with await house.connect() as connection:
        await asyncio.to_thread(connection.pgconn.prepare, b"s", b"select $1::int")
        await run(connection, b"", b"1")
        await connection.execute("begin")
        seen = [await run(connection, b"", value) for value in (b"1", b"x", b"2")]
        assert [len(rows) for _, rows, _, _ in seen] == [1, 0, 0]
        assert seen[2][2][0].startswith("ERROR:  current transaction is aborted")
        await connection.execute("rollback")
        assert (await run(connection, b"", b"3"))[1] == ((b"3",),)
