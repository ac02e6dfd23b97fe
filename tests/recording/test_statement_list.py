"""Statements come out as they went in, in whatever order frames come; any bytes give statements or nothing."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.frame import Frame, FrameKind
from gateway.recording import statement_list
from gateway.recording.exports import export
from gateway.recording.statement_list import Statement, Statements, statements
from gateway.recording.statement_marks import read_mark, read_rows
from gateway.recording.statements import (
    mark_again,
    mark_command,
    mark_copy,
    mark_result,
    mark_said,
    rows_frame,
)
from gateway.recording.writer import RecordingWriter
from tests.recording.statement_frames import SHA, answered, mark, message, number

ROWS = [(number(1), b"Ana"), (number(-2), None), (None, b"")]


def test_a_statement_with_its_rows() -> None:
    (found,) = statements(answered(7, "select id, name from people where id < $1", ROWS, values=["9", None]))
    assert (found.n, found.at_us, found.verb, found.state, found.rule) == (
        7,
        7000,
        "select",
        "admitted",
        "reads",
    )
    assert found.values == ("9", None)
    assert [column.name for column in found.columns] == ["id", "name"]
    assert [column.masked for column in found.columns] == [False, True]
    assert list(found.rows()) == [("1", "Ana"), ("-2", None), (None, "")]
    assert found.result is not None
    assert (found.result.tag, found.result.rows, found.result.us, found.result.kept) == (
        "SELECT 3",
        3,
        812,
        3,
    )
    assert (found.result.shown_bytes, found.result.shown_sha256) == (found.result.bytes, SHA)


def test_a_repeat_has_the_text_and_the_columns_of_the_first() -> None:
    frames = [*answered(1, "select $1", ROWS[:1]), *answered(2, "", ROWS[1:2], of=1, values=["x"])]
    first, again = statements(frames)
    assert (again.of, again.text, again.verb, again.values) == (1, first.text, "select", ("x",))
    assert again.columns == first.columns
    assert list(again.rows()) == [("-2", None)]


def test_a_repeat_of_what_is_not_there_says_so() -> None:
    (found,) = statements([mark(5, mark_again(2, 1))])
    assert found.text == "-- statement 1 once more"
    assert found.result is None


def test_refused_statements_have_no_end_to_wait_for() -> None:
    reader = Statements()
    done = reader.take(mark(3, mark_command(4, "drop table t", "drop", state="blocked", rule="no-ddl")))
    assert done is not None
    assert [(each.n, each.state, each.is_refused) for each in done] == [(4, "blocked", True)]
    assert reader.rest() == []


def test_what_came_of_a_held_statement_is_told_once() -> None:
    states = ("held", "admitted")
    frames = [
        mark(n, mark_command(1, "delete from t", "delete", state=state)) for n, state in enumerate(states)
    ]
    frames += [mark(5, mark_result(1, "DELETE 1", 1, 0, SHA, 5))]
    told = [(each.at_us, each.state, each.result is not None) for each in statements(frames)]
    assert told == [(0, "admitted", True)]
    frames[1] = mark(9, mark_command(1, "delete from t", "delete", state="expired"))
    assert [(each.at_us, each.state) for each in statements(frames)] == [(0, "expired")]
    assert [each.state for each in statements(frames[:1])] == ["held"]


def test_overlapping_statements_and_what_the_server_said() -> None:
    reader = Statements()
    begun = [mark(n, mark_command(n, f"select {n}", "select")) for n in (1, 2)]
    said = [mark(4, mark_said("notice", "slow", 1)), mark(4, mark_said("notification", "of nobody"))]
    rows = [Frame(5, FrameKind.ROWS, rows_frame(n, message(b"D", b"\0\1\0\0\0\1%d" % n))) for n in (2, 1)]
    assert [reader.take(frame) for frame in (*begun, *said, *rows)] == [[], [], [], None, [], []]
    ended = [reader.take(mark(6, mark_result(n, "SELECT 1", 1, 7, SHA, 5))) for n in (2, 1)]
    assert [[(each.n, list(each.rows())) for each in done or []] for done in ended] == [
        [(2, [("2",)])],
        [(1, [("1",)])],
    ]


def test_a_copy_is_lines() -> None:
    frames = [mark(1, mark_command(1, "copy t to stdout", "copy")), mark(2, mark_copy(1, "out", 0, 2))]
    frames += [
        Frame(3, FrameKind.ROWS, rows_frame(1, message(b"d", b"1\tAna\n") + message(b"d", b"2\t\\N\n")))
    ]
    (found,) = statements(frames)
    assert found.copy is not None
    assert list(found.rows()) == [("1\tAna\n",), ("2\t\\N\n",)]


def test_what_is_open_takes_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement_list, "_MOST_OPEN_BYTES", 1000)
    reader, given_out = Statements(), []
    for n in range(1, 21):
        given_out += reader.take(mark(n, mark_command(n, "x" * 90, "select"))) or []
    assert [each.n for each in given_out] == list(range(1, 10))
    for _ in range(100):
        given_out += reader.take(Frame(30, FrameKind.ROWS, rows_frame(20, b"y" * 100))) or []
    rest = reader.rest()
    assert [each.n for each in [*given_out, *rest]] == list(range(1, 21))
    assert rest[-1].kept_bytes <= 1000


def test_texts_that_repeats_may_need_take_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement_list, "_MOST_TEXT_BYTES", 100)
    frames = [frame for n in range(1, 11) for frame in answered(n, str(n) * 30)]
    frames += [mark(99_000, mark_again(11, 10)), mark(99_000, mark_again(12, 1))]
    assert [each.text for each in statements(frames)][10:] == ["10" * 30, "-- statement 1 once more"]


def test_a_number_that_is_used_twice_loses_nothing() -> None:
    frames = [mark(1, mark_command(1, "one", "select")), mark(2, mark_command(1, "two", "select"))]
    assert [each.text for each in statements(frames)] == ["one", "two"]


kinds = st.sampled_from(["command", "again", "columns", "result", "copy", "notice", "notification", "else"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 1 << 70) | st.floats() | st.text(max_size=8),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=8,
)
fields = [
    "n",
    "of",
    "text",
    "verb",
    "values",
    "state",
    "columns",
    "rows",
    "bytes",
    "tag",
    "masked",
    "error",
    "us",
    "way",
]
marks = st.builds(
    lambda kind, n, told: json.dumps({**told, "kind": kind, **({"n": n} if n is not None else {})}).encode(),
    kinds,
    st.none() | st.integers(0, 3),
    st.dictionaries(st.sampled_from(fields), anything, max_size=6),
)
frames_of_any_kind = st.lists(
    st.builds(
        Frame,
        st.just(0),
        st.sampled_from([FrameKind.MARK, FrameKind.ROWS, FrameKind.EXIT, FrameKind.OUTPUT]),
        marks | st.binary(max_size=40) | st.builds(rows_frame, st.integers(0, 3), st.binary(max_size=40)),
    ),
    max_size=12,
)


@settings(max_examples=250, deadline=None)
@given(frames_of_any_kind)
def test_any_frames_give_statements_or_nothing(frames: list[Frame]) -> None:
    for statement in statements(frames):
        assert isinstance(statement, Statement)
        assert all(isinstance(cell, str | None) for row in statement.rows() for cell in row)
    writer = RecordingWriter({})
    for frame in frames:
        writer.add(frame)
    data = writer.head() + writer.seal()
    for name in ("txt", "jsonl"):
        b"".join(export(name, [data])).decode()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_mark_or_none(data: bytes) -> None:
    read_mark(data)
    n, rest = read_rows(data)
    assert len(rest) == max(0, len(data) - 4)
    assert n >= 0


def test_a_deeply_nested_mark_is_none() -> None:
    assert read_mark(b"[" * 200_000) is None


def text_of(frames: list[Frame]) -> list[str]:
    return exported("txt", frames).decode().splitlines()[1:]


def exported(form: str, frames: list[Frame]) -> bytes:
    writer = RecordingWriter({"session": "s-2B8CK4TQ", "kind": "postgres", "database": "app"})
    for frame in [*frames, Frame(10**9, FrameKind.EXIT, b'{"reason": "left"}')]:
        writer.add(frame)
    return b"".join(export(form, [writer.head(), writer.seal()]))


def test_a_transcript_reads_as_a_client_shows_it() -> None:
    frames = [
        *answered(1, "select id, name\nfrom people;\n", [(number(1), b"Ana"), (number(22), None)], values=["it's"]),
        mark(9000, mark_command(2, "drop table people", "drop", state="blocked", rule="no-ddl")),
        mark(9100, mark_command(3, "select \x1b[2J", "select")),
        mark(
            9200,
            mark_result(
                3, "", 0, 9, "cd", 1500, shown_size=8, shown_sha256="ef", masked={"email": 2},
                error={"code": "42P01", "message": "no such thing", "hint": "look again"},
            ),
        ),
    ]  # fmt: skip
    assert text_of(frames) == [
        "-- 00:00:00.001 1 admitted reads",
        "select id, name",
        "from people;",
        "-- $1 = 'it''s'",
        "id | name (masked)",
        "---+--------------",
        "1  | Ana",
        "22 | (null)",
        f"-- SELECT 2, 0.812 ms, 41 bytes, sha256 {SHA}",
        "-- 00:00:00.009 2 blocked no-ddl",
        "drop table people",
        "-- 00:00:00.009 3 admitted",
        "select <U+001B>[2J",
        "-- error 42P01: no such thing",
        "-- hint: look again",
        "-- 1.500 ms, 9 bytes, sha256 cd",
        "-- shown: 8 bytes, sha256 ef",
        "-- masked: email 2",
        "-- 00:16:40.000 end: reason left",
    ]


def test_json_lines_have_one_object_for_each_statement() -> None:
    lines = [
        json.loads(line)
        for line in exported("jsonl", answered(1, "select 1", ROWS, values=["a"])).splitlines()
    ]
    assert [line["kind"] for line in lines] == ["session", "statement", "exit"]
    assert (lines[0]["database"], lines[0]["protocol"]) == ("app", "postgres")
    told = lines[1]
    assert told["shown_rows"] == [["1", "Ana"], ["-2", None], [None, ""]]
    assert told["columns"][1] == {"name": "name", "type": "text", "masked": True}
    assert (told["text"], told["values"], told["rows"], told["sha256"]) == ("select 1", ["a"], 3, SHA)


def test_where_an_export_is_cut_makes_no_difference() -> None:
    frames = [frame for n in range(1, 30) for frame in answered(n, f"select {n}", ROWS)]
    writer = RecordingWriter({})
    for frame in frames:
        writer.add(frame)
    data = writer.head() + writer.seal()
    cut = random.Random(3).randrange(len(data))
    for form in ("txt", "jsonl"):
        assert b"".join(export(form, [data])) == b"".join(export(form, [data[:cut], data[cut:]]))
