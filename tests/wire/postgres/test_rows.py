"""Walks through runs of rows: where they begin, how many fit, what is in them; and never beyond their end."""

from contextlib import suppress
from itertools import pairwise
from struct import pack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import Malformed
from gateway.wire.postgres.frames import frame
from gateway.wire.postgres.messages import make_copy_data
from gateway.wire.postgres.rows import cells, make_row, payloads, rows, starts_of, take
from gateway.wire.postgres.tables import ByServer

Row = list[bytes | None]

row_lists = st.lists(st.lists(st.none() | st.binary(max_size=12), max_size=4), max_size=6)


@settings(max_examples=50)
@given(row_lists)
def test_rows_survive_the_way_there_and_back(found: list[Row]) -> None:
    run = b"".join(map(make_row, found))
    assert [[None if cell is None else bytes(cell) for cell in row] for row in rows(run)] == found
    starts = starts_of(run)
    assert starts[-1] == len(run)
    assert [run[a:b] for a, b in pairwise(starts)] == [make_row(row) for row in found]
    for start, row in zip(starts, found, strict=False):
        assert [None if cell is None else bytes(cell) for cell in cells(run, start)] == row


@settings(max_examples=50)
@given(row_lists, st.integers(0, 8), st.integers(0, 120))
def test_as_many_rows_are_taken_as_fit(found: list[Row], most: int, most_bytes: int) -> None:
    messages = [make_row(row) for row in found]
    count, end = take(b"".join(messages), most, most_bytes)
    assert end == len(b"".join(messages[:count]))
    assert count <= most
    assert end <= most_bytes
    if count < min(most, len(messages)):
        assert len(b"".join(messages[: count + 1])) > most_bytes


@given(st.lists(st.binary(max_size=12), max_size=6))
def test_what_is_in_copy_data_is_had(found: list[bytes]) -> None:
    assert payloads(b"".join(map(make_copy_data, found))) == found


def test_every_row_has_as_many_cells_as_there_are_columns() -> None:
    run = make_row([b"a", b"b"]) + make_row([b"a"])
    walk = rows(run, 2)
    assert [bytes(cell or b"") for cell in next(walk)] == [b"a", b"b"]
    with pytest.raises(Malformed, match="1 cells for 2 columns"):
        next(walk)


def row(body: bytes) -> bytes:
    return frame(ByServer.DATA_ROW, body)


BAD = [
    ("a negative length", row(pack(">Hi", 1, -2))),
    ("the most negative length", row(pack(">Hi", 1, -(2**31)))),
    ("a cell that leads back into another", row(pack(">HiiIi", 3, 8, 8, 0, -12))),
    ("a cell as long as can be", row(pack(">Hi", 1, 2**31 - 1))),
    ("a cell that reaches into the next row", row(pack(">Hi", 1, 5) + b"a") + make_row([b"x" * 20])),
    ("a length that is in the next row", row(pack(">H", 1)) + make_row([b"x" * 20])),
    ("more cells than there are", row(pack(">Hi", 2, -1))),
    ("65,535 cells that are not there", row(b"\xff\xff")),
    ("fewer cells than there are", row(pack(">Hii", 1, -1, -1))),
    ("no count", row(b"")),
    ("half a count", row(b"\0")),
    ("a row that ends behind its run", make_row([b"abc"])[:-1]),
    ("half a head", make_row([b"abc"]) + b"D\0\0"),
    ("an impossible length of a row", pack(">BiH", ByServer.DATA_ROW, 0, 0)),
    ("a negative length of a row", pack(">BiH", ByServer.DATA_ROW, -5, 0)),
]


@pytest.mark.parametrize("run", [pytest.param(run, id=name) for name, run in BAD])
def test_rows_that_do_not_add_up_are_refused(run: bytes) -> None:
    with pytest.raises(Malformed):
        list(rows(run))


@pytest.mark.parametrize(
    "run", [b"D", make_row([b"abc"])[:-1], make_row([]) + b"D\0\0", b"D\0\0\0\3", b"D\xff\xff\xff\xfb"]
)
def test_runs_that_do_not_add_up_are_refused(run: bytes) -> None:
    with pytest.raises(Malformed):
        starts_of(run)
    with pytest.raises(Malformed):
        payloads(run)


@settings(max_examples=200)
@given(st.binary(max_size=40), st.integers(0, 5), st.integers(0, 50))
def test_garbage_is_rows_or_malformed(run: bytes, most: int, most_bytes: int) -> None:
    with suppress(Malformed):
        list(rows(run))
    with suppress(Malformed):
        list(rows(b"D" + run))
    with suppress(Malformed):
        assert len(b"".join(payloads(run))) <= len(run)
    count, end = take(run, most, most_bytes)
    assert count <= most
    assert end <= min(len(run), most_bytes)
