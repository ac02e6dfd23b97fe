"""Binary cells read as the server itself would write them; anything else is hex, and no bytes break anything."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.recording.cell_types import NAMES, READERS
from gateway.recording.cells import BINARY, hexed, rows, text_of, type_name
from tests.contracts.postgres_server import PostgresServer
from tests.recording.statement_frames import data_row

VALUES = {
    "bool": ["t", "f"],
    "int2": ["-32768", "0", "32767"],
    "int4": ["-2147483648", "0", "2147483647"],
    "int8": ["-9223372036854775808", "9223372036854775807"],
    "oid": ["0", "4294967295"],
    "float4": [
        "0",
        "-0",
        "1",
        "0.1",
        "-1e-5",
        "123456",
        "1234567",
        "1e20",
        "3.4028235e38",
        "1e-45",
        "NaN",
        "Infinity",
    ],
    "float8": [
        "0",
        "-0",
        "1",
        "-1.5",
        "0.1",
        "1e14",
        "123456789012345",
        "1e15",
        "0.0001",
        "0.00001234",
        "5e-324",
        "1.7976931348623157e308",
        "0.30000000000000004",
        "NaN",
        "Infinity",
        "-Infinity",
        "100",
        "1234.5678",
    ],
    "numeric": [
        "0",
        "0.00",
        "-1",
        "1.50",
        "12345678901234567890.123456789",
        "0.0001",
        "0.00000000012",
        "-10000",
        "1e100",
        "1e-50",
        "99999999.9999",
        "NaN",
        "Infinity",
        "-Infinity",
        "100000000",
        "0.10",
        "10000.0001",
    ],
    "text": ["", "abc", "Zürich 東京", "a'b\"c\\d"],
    "varchar": ["x y"],
    "char(5)": ["ab"],
    "name": ["pg_class"],
    "json": ['{"a": [1, 2]}'],
    "jsonb": ['{"a": [1, 2]}', "null"],
    "xml": ["<a>1</a>"],
    "bytea": ["", "\\x00ff10"],
    "uuid": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
    "date": [
        "2000-01-01",
        "1999-12-31",
        "2024-02-29",
        "0001-01-01",
        "0044-03-15 BC",
        "4713-01-01 BC",
        "99999-12-31",
        "infinity",
        "-infinity",
        "1900-03-01",
        "2100-02-28",
        "0001-12-31 BC",
    ],
    "time": ["00:00:00", "23:59:59.999999", "24:00:00", "04:05:06.5"],
    "timetz": ["04:05:06+00", "04:05:06.789-08", "04:05:06+05:30", "04:05:06+05:30:15"],
    "timestamp": [
        "2026-11-20 10:42:07",
        "1969-12-31 23:59:59.5",
        "0044-03-15 12:00:00 BC",
        "infinity",
        "-infinity",
    ],
    "timestamptz": [
        "2026-11-20 10:42:07+01",
        "294276-12-31 23:59:59+00",
        "0044-03-15 12:00:00+00 BC",
        "infinity",
    ],
    "interval": [
        "0",
        "1 year",
        "1 year 2 mons 3 days 04:05:06.789",
        "-1 day",
        "-1 mon +2 days -03:00:00",
        "26 hours",
        "-1 year -2 mons +3 days +04:05:06",
        "1 mon -1 day",
        "-00:00:01",
        "13 mons",
        "2 mons -1 day +00:00:01",
    ],
    "inet": ["10.0.0.7", "10.0.0.0/8", "::1", "fe80::1/64", "2001:db8::ff00:42:8329", "::ffff:1.2.3.4"],
    "cidr": ["10.0.0.0/8", "10.1.2.3/32", "2001:db8::/32"],
    "macaddr": ["08:00:2b:01:02:03"],
    "macaddr8": ["08:00:2b:01:02:03:04:05"],
    "bit(5)": ["10101"],
    "varbit": ["", "1", "101010101"],
    "int4[]": ["{}", "{1,2,NULL}", "{{1,2},{3,4}}", "[0:1]={7,8}"],
    "text[]": ['{a,"b c",NULL,"NULL","","q\\"uote","back\\\\slash","{x}","a,b"}', "{Zürich}"],
    "numeric[]": ["{1.50,NaN}"],
    "uuid[]": ["{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"],
    "timestamptz[]": ['{"2026-11-20 10:42:07+00"}'],
    "bool[]": ["{t,f}"],
    "jsonb[]": ['{"{\\"a\\": 1}"}'],
}
CASES = [(type_name, value) for type_name, values in VALUES.items() for value in values]


@pytest.mark.needs("postgres")
def test_what_the_server_says_of_them(postgres: PostgresServer) -> None:
    wrong: list[tuple[str, str, str, str]] = []
    with postgres.connect() as connection:
        connection.execute("SET timezone TO 'UTC'")
        for type_name, value in CASES:
            question = f"SELECT %s::{type_name} AS it"
            told, oid = cell_of(connection.cursor().execute(question, (value,)))
            cell, binary_oid = cell_of(connection.cursor(binary=True).execute(question, (value,)))
            assert oid == binary_oid
            read = text_of(cell, oid, BINARY)
            if read != told.decode() or text_of(told, oid, 0) != told.decode():
                wrong.append((type_name, value, told.decode(), read))
    assert wrong == []


def cell_of(cursor) -> tuple[bytes, int]:  # type: ignore[no-untyped-def]  # psycopg's cursors have many forms
    result = cursor.pgresult
    return result.get_value(0, 0), result.ftype(0)


@pytest.mark.needs("postgres")
def test_the_names_are_the_servers(postgres: PostgresServer) -> None:
    with postgres.connect() as connection:
        for oid, name in NAMES.items():
            (told,) = connection.execute("SELECT typname FROM pg_type WHERE oid = %s", (oid,)).fetchone() or (
                "",
            )
            assert name in (told, f"{told.removeprefix('_')}[]")


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(READERS)), st.binary(max_size=60))
def test_no_cell_breaks_anything(oid: int, cell: bytes) -> None:
    assert isinstance(text_of(cell, oid, BINARY), str)
    assert text_of(cell, oid, 0) == cell.decode("utf-8", "backslashreplace")


@given(st.binary(max_size=40))
def test_types_that_are_not_known_are_hex(cell: bytes) -> None:
    assert text_of(cell, 16_500, BINARY) == hexed(cell) == f"\\x{cell.hex()}"


@given(st.lists(st.lists(st.none() | st.binary(max_size=20), max_size=5), max_size=5), st.binary(max_size=8))
def test_rows_come_back_and_what_is_none_ends_them(told: list[list[bytes | None]], rest: bytes) -> None:
    data = b"".join(data_row(*cells) for cells in told)
    assert list(rows(data)) == [tuple(cells) for cells in told]
    assert list(rows(data + rest))[: len(told)] == [tuple(cells) for cells in told]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80))
def test_no_bytes_break_the_rows(data: bytes) -> None:
    for cells in rows(b"D" + data):
        assert isinstance(cells, tuple)


def test_a_line_of_a_copy_is_a_row_of_one_cell() -> None:
    assert list(rows(b"d\x00\x00\x00\x08a\tb\n")) == [(b"a\tb\n",)]


def test_types_have_names_where_they_are_known() -> None:
    told = [type_name(23), type_name(16_500, "mood"), type_name(16_500), type_name(0)]
    assert told == ["int4", "mood", "oid 16500", ""]
