"""What a client was shown is what the recording says: text, values, rows in both formats, repeats, copies, errors."""

import asyncio

import psycopg
import pytest

from gateway.adapters.postgres.express import Express
from gateway.recording.exports import export
from gateway.recording.statement_list import Statement, statements
from gateway.wire.postgres.messages import make_query
from tests.postgres.by_hand import by_hand
from tests.postgres.house import House

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres")]

EVERY_TYPE = """
select n, n::int8 * 5000000000, n / 7.0, (n / 3.0)::float8, 'Zürich ' || n, n % 2 = 0, date '2026-11-20' + n,
       timestamptz '2026-11-20 10:42:07.5+00' + n * interval '1 day', md5(n::text)::uuid, jsonb_build_object('n', n),
       decode('00ff', 'hex'), array[n, null], inet '10.0.0.7', null::text
  from generate_series(1, 3) n
"""


def recorded(house: House) -> list[Statement]:
    return list(statements(house.recording().frames))


async def test_rows_in_binary_read_as_the_rows_in_text(house: House) -> None:
    async with await house.connect() as connection:
        await connection.execute("set timezone to 'UTC'")
        for binary in (False, True):
            cursor = connection.cursor(binary=binary)
            await cursor.execute(EVERY_TYPE)
    await house.over()
    text, binary_rows = [each for each in recorded(house) if "generate_series" in each.text]
    assert {column.format for column in text.columns} == {0}
    assert {column.format for column in binary_rows.columns} == {1}
    assert list(binary_rows.rows()) == list(text.rows())
    assert len(list(text.rows())) == 3
    assert next(iter(text.rows()))[:3] == ("1", "5000000000", "0.14285714285714285714")


async def test_repeats_have_their_values_and_rows(house: House) -> None:
    async with await house.connect(prepare_threshold=0) as connection:
        for number in range(4):
            await connection.execute("select %s::int + 1 as next", (number,))
    await house.over()
    told = [each for each in recorded(house) if "as next" in each.text]
    assert [each.values for each in told] == [(str(number),) for number in range(4)]
    assert [list(each.rows()) for each in told] == [[(str(number + 1),)] for number in range(4)]
    assert [bool(each.of) for each in told] == [False, True, True, True]
    assert all(each.result is not None and each.result.tag == "SELECT 1" for each in told)


@pytest.mark.parametrize("short", [False, True])
async def test_repeats_in_another_format(house: House, monkeypatch: pytest.MonkeyPatch, short: bool) -> None:
    """The rows are the same to whoever reads the recording, in whichever format they came, by whichever way."""
    if not short:
        monkeypatch.setattr(Express, "asks", lambda self, data: False)
    formats = [0, 1, 1, 0, 0, 1, 0]
    async with await house.connect() as connection:
        await asyncio.to_thread(
            connection.pgconn.prepare, b"s", b"select $1::int8 * 5 as n, date '2026-11-20' as day"
        )
        for number, format in enumerate(formats):
            value = str(number).encode()
            await asyncio.to_thread(connection.pgconn.exec_prepared, b"s", [value], result_format=format)
    await house.over()
    told = [each for each in recorded(house) if "as day" in each.text]
    assert [bool(each.of) for each in told] == [False] + [True] * 6
    assert [{column.format for column in each.columns} for each in told] == [{format} for format in formats]
    assert [list(each.rows()) for each in told] == [[(str(n * 5), "2026-11-20")] for n in range(7)]


async def test_the_first_had_no_rows(house: House) -> None:
    """It is known nevertheless what its columns are, and those of its repeats."""
    async with await house.connect() as connection:
        await asyncio.to_thread(
            connection.pgconn.prepare, b"s", b"select 1 / $1::int as n where $1::int <> 7"
        )
        for value in (b"7", b"0", b"1"):
            await asyncio.to_thread(connection.pgconn.exec_prepared, b"s", [value], result_format=1)
        await asyncio.to_thread(connection.pgconn.prepare, b"t", b"select 2 / $1::int as n")
        for value in (b"0", b"2", b"1"):
            await asyncio.to_thread(connection.pgconn.exec_prepared, b"t", [value], result_format=1)
    await house.over()
    for text, rows in (("1 / $1", [[], [], [("1",)]]), ("2 / $1", [[], [("1",)], [("2",)]])):
        told = [each for each in recorded(house) if text in each.text]
        assert [list(each.rows()) for each in told] == rows
        assert [column.name for column in told[2].columns] == ["n"]


async def test_copies_and_errors(house: House) -> None:
    async with await house.connect() as connection:
        async with connection.cursor().copy(
            "copy (select n, null from generate_series(1, 2) n) to stdout"
        ) as copy:
            shown = b"".join([bytes(piece) async for piece in copy])
        with pytest.raises(psycopg.errors.DivisionByZero):
            await connection.execute("select 1 / 0")
    await house.over()
    copied, failed = [
        each for each in recorded(house) if "generate_series" in each.text or "1 / 0" in each.text
    ]
    assert copied.copy is not None
    assert "".join(row[0] or "" for row in copied.rows()).encode() == shown == b"1\t\\N\n2\t\\N\n"
    assert failed.result is not None
    assert failed.result.error["code"] == "22012"
    lines = b"".join(export("txt", [house.recording().path.read_bytes()])).decode()
    assert "1\t\\N\n2\t\\N\n" in lines
    assert "-- error 22012: division by zero" in lines


LONG = make_query("select n, repeat('x', 500) from generate_series(1, 2000000) n")
BREAKS = ["the person hangs up", "the connection is cut", "staff end it", "the gateway stops"]


@pytest.mark.parametrize("how", BREAKS)
async def test_what_is_broken_off(house: House, how: str) -> None:
    """Whatever ends it: what was shown until then is in the recording, and that it was not all."""
    async with by_hand(house.port) as hand:
        await hand.say(make_query("select 'before'"))
        hand.writer.write(LONG + make_query("select 'never begun'"))
        shown = await hand.reader.readexactly(100_000)
        if how == "the person hangs up":
            hand.writer.close()
        elif how == "the connection is cut":
            hand.writer.transport.abort()
        elif how == "staff end it":
            house.live.end_all("by bob")
        else:
            for task in house._tasks:
                task.cancel()
        async with asyncio.timeout(20):
            while house._tasks:
                await asyncio.sleep(0.02)
    before, *cut = recorded(house)
    assert before.result is not None
    assert not before.result.error
    assert len(cut) in (1, 2), "the second may not have been looked at"
    for each in cut:
        assert each.result is not None
        if how == "staff end it" and each.result.error["code"] == "57014":
            continue  # the server was told to stop, and has said so in time
        assert each.result.error == {"code": "", "message": "broken off"}
    kept = list(cut[0].rows())
    assert cut[0].result is not None
    assert len(kept) == cut[0].result.kept >= min(1000, shown.count(b"x" * 500))
    assert [row[0] for row in kept] == [str(n + 1) for n in range(len(kept))]
    said = "-- error 57014:" if cut[0].result.error["code"] else "-- error: broken off"
    assert said in b"".join(export("txt", [house.recording().path.read_bytes()])).decode()


async def test_what_waits_while_it_is_cut(house: House) -> None:
    """Nothing has come of it yet."""
    async with by_hand(house.port) as hand:
        hand.writer.write(make_query("select pg_sleep(20)"))
        async with asyncio.timeout(20):
            while not [
                each for each in await house.entries("operation.admitted") if "pg_sleep" in str(each.body)
            ]:
                await asyncio.sleep(0.02)
        hand.writer.transport.abort()
        await house.over()
    (asleep,) = recorded(house)
    assert asleep.result is not None
    assert asleep.result.error["message"] == "broken off"
