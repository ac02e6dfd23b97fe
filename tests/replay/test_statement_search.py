"""Finding words in statements, values and rows; and lines that fit."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from gateway.api.schema import FrameKind, WireFrame
from gateway.core.frame import Frame
from gateway.recording.exports import export
from gateway.recording.reader import RecordingReader
from gateway.recording.verify import verify
from hoop_tui.replay.statement_search import Found, StatementSearch
from hoop_tui.replay.statements import StatementIndex
from hoop_tui.safe_text import visible
from hoop_tui.wrapping import wrapped
from tests.recording.statement_frames import answered, number
from tests.replay.stage import make_recording

REPLAY = Path(__file__).parents[2] / "replays" / "orders-and-customers.hrec"


def indexed(frames: list[Frame]) -> StatementIndex:
    wired = [WireFrame(frame.at_us, FrameKind(frame.kind), frame.data) for frame in frames]
    index = StatementIndex(make_recording(wired))
    index.catch_up()
    return index


@pytest.fixture(scope="module")
def some() -> StatementIndex:
    return indexed(
        [
            *answered(1, "select ÄPFEL", [(number(77), b"Ana")]),
            *answered(2, "select $1 from t", values=["pear"]),
            *answered(3, "", [(number(5), b"Cherry")], of=2, values=["fig"]),
            *answered(4, "", of=2, values=[None]),
            *answered(5, "select 5"),
        ]
    )


def found(index: StatementIndex, text: str, place: int = 0, direction: int = 1) -> list[tuple[int, str]]:
    search = StatementSearch(index, text)
    return [
        (each.place, each.where) for each in search.from_place(place, direction) if isinstance(each, Found)
    ]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("äpfel", [(0, "statement")]),
        ("77", [(0, "row 1")]),
        ("PEAR", [(1, "$1")]),
        ("fig", [(2, "$1")]),
        ("cherry", [(2, "row 1")]),
        ("from t", [(1, "statement")]),
        ("5", [(2, "row 1"), (4, "statement")]),
        ("nothing", []),
    ],
)
def test_where_words_are_found(some: StatementIndex, text: str, places: list[tuple[int, str]]) -> None:
    assert found(some, text) == sorted(places, key=lambda each: (each[0] == 0, each))


def test_the_search_goes_both_ways_and_around(some: StatementIndex) -> None:
    assert [place for place, _ in found(some, "select", 1, 1)] == [4, 0, 1]
    assert [place for place, _ in found(some, "select", 1, -1)] == [0, 4, 1]
    assert found(indexed([]), "x") == []


def test_there_are_chances_to_stop() -> None:
    index = indexed([frame for n in range(1, 400) for frame in answered(n, f"select {n}")])
    steps = list(StatementSearch(index, "no such words").from_place(0, 1))
    assert set(steps) == {None}
    assert len(steps) > 5


def test_a_real_conversation_reads_as_it_was() -> None:
    """psql, a PostgreSQL and a gateway made this recording: `scripts/make_database_replay.py`."""
    data = REPLAY.read_bytes()
    assert verify([data]).ok
    reader, frames = RecordingReader(), []
    reader.receive(data)
    while (more := reader.next_frames()) is not None:
        frames += more
    index = indexed(frames)
    told = [index.statement(place) for place in range(len(index))]
    assert [each.state for each in told].count("blocked") == 2
    texts = [each.text.split("\n")[0] for each in told]
    people = texts.index("select id, name, email, ssn, born, joined")
    assert [column.masked for column in index.columns(people)] == [False, False, False, True, True, False]
    rows = list(index.rows(people))
    assert len(rows) == 8
    assert all(row[3] == "[masked:ssn]" and row[4] is None for row in rows)
    result = told[people].result
    assert result is not None
    assert result.sha256 != result.shown_sha256
    assert result.masked["ssn"] == 8
    assert b"078-05" not in b"".join(export("jsonl", [data]))
    joined = told[texts.index("select o.id, c.name, o.total, o.state")].result
    assert joined is not None
    assert (joined.rows, joined.kept) == (5000, 100)
    error = told[texts.index("select * from order_lines")].result
    assert error is not None
    assert error.error["code"] == "42P01"
    assert found(index, "returned")[0][1].startswith("row ")


anything = st.text(st.characters() | st.sampled_from("\t\r\n\u0301\u202e東👨\x1b"), max_size=60)


@settings(max_examples=300, deadline=None)
@given(anything, st.integers(10, 30))
def test_wrapped_lines_fit_and_lose_nothing(text: str, width: int) -> None:
    lines = list(wrapped(text, width))
    assert all(cell_len(visible(line)) <= width for line in lines)
    assert "".join(lines) == text.replace("\r\n", "\n").replace("\t", "    ").replace("\n", "")
