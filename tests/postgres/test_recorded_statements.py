"""What a client was shown is what the recording says: text, values, rows in both formats, repeats, copies, errors."""

import psycopg
import pytest

from gateway.recording.exports import export
from gateway.recording.statement_list import Statement, statements
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
