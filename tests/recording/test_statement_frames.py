"""The marks of a database session say what was put in, whatever it was, and fit into a frame."""

import json
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.frame import Frame, FrameKind
from gateway.recording.statements import (
    VALUES_MOST,
    mark_again,
    mark_columns,
    mark_command,
    mark_copy,
    mark_result,
    mark_said,
    rows_frame,
)
from gateway.recording.verify import verify
from gateway.recording.writer import MAX_PIECE, RecordingWriter

numbers = st.integers(0, 1 << 63)
values = st.lists(st.none() | st.text(), max_size=5)
words = st.dictionaries(st.text(), st.text(), max_size=4)


@settings(max_examples=100, deadline=None)
@given(numbers, st.text(), st.text(), values, st.text(), st.text(), st.text())
def test_a_command_says_all_of_it(
    n: int, text: str, verb: str, bound: Sequence[str | None], state: str, rule: str, request: str
) -> None:
    told = {"kind": "command", "n": n, "text": text, "verb": verb, "state": state}
    told |= {"rule": rule} if rule else {}
    told |= {"request": request} if request else {}
    told |= {"values": bound} if bound else {}
    assert json.loads(mark_command(n, text, verb, bound, state, rule, request)) == told


def test_a_command_may_be_like_another() -> None:
    assert json.loads(mark_command(9, "select 9", "select", like=4))["like"] == 4


@settings(max_examples=50, deadline=None)
@given(numbers, numbers, values)
def test_a_repeat_names_what_it_repeats(n: int, of: int, bound: Sequence[str | None]) -> None:
    told = {"kind": "again", "n": n, "of": of} | ({"values": bound} if bound else {})
    assert json.loads(mark_again(n, of, bound)) == told


@settings(max_examples=50, deadline=None)
@given(numbers, st.text(), numbers, words, st.dictionaries(st.text(), numbers, max_size=3))
def test_a_result_says_all_of_it(
    n: int, tag: str, count: int, error: dict[str, str], masked: dict[str, int]
) -> None:
    mark = mark_result(n, tag, count, 412, "ab" * 32, 812, kept=3, masked=masked, error=error)
    told = {"kind": "result", "n": n, "tag": tag, "rows": count, "bytes": 412, "sha256": "ab" * 32}
    told |= {"us": 812, "kept": 3}
    told |= {"masked": masked} if masked else {}
    assert json.loads(mark) == told | ({"error": error} if error else {})


def test_what_was_shown_is_told_where_it_differs() -> None:
    mark = json.loads(mark_result(1, "SELECT 1", 1, 40, "aa", 9, shown_size=38, shown_sha256="bb"))
    assert (mark["shown_bytes"], mark["shown_sha256"]) == (38, "bb")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.text(), numbers, st.integers(0, 1), st.booleans(), st.text()), max_size=5))
def test_columns_say_all_of_it(columns: list[tuple[str, int, int, bool, str]]) -> None:
    named = ("name", "oid", "format", "masked", "type")
    told = [dict(zip(named, column, strict=True)) for column in columns]
    assert json.loads(mark_columns(4, columns)) == {"kind": "columns", "n": 4, "columns": told}


def test_copies_and_what_the_server_said_besides() -> None:
    copy = {"kind": "copy", "n": 2, "way": "in", "format": 0, "columns": 3}
    assert json.loads(mark_copy(2, "in", 0, 3)) == copy
    notice = {"kind": "notice", "text": 'so "it" is', "n": 2}
    assert json.loads(mark_said("notice", 'so "it" is', 2)) == notice
    assert json.loads(mark_said("notification", "\ud800")) == {"kind": "notification", "text": "\ud800"}


def test_more_values_than_fit_are_counted() -> None:
    many = ["\x00" * 1000] * 65_535
    mark = mark_command(1, "insert into t values ($1)", "insert", many)
    told = json.loads(mark)
    assert len(mark) < VALUES_MOST + 1000 < MAX_PIECE
    assert len(told["values"]) + told["values_left_out"] == 65_535
    assert len(told["values"]) > 900


def test_a_recording_with_rows_is_whole() -> None:
    writer = RecordingWriter({"session": "s-2B8CK4TQ", "kind": "postgres", "pty": False})
    frames = [
        Frame(10, FrameKind.MARK, mark_command(1, "select 1", "select")),
        Frame(20, FrameKind.ROWS, rows_frame(1, b"D\x00\x00\x00\x06\x00\x00")),
        Frame(30, FrameKind.MARK, mark_result(1, "SELECT 1", 1, 7, "ab", 9, kept=1)),
        Frame(40, FrameKind.EXIT, b'{"reason":"left"}'),
    ]
    for frame in frames:
        writer.add(frame)
    found = verify([writer.head(), writer.seal()])
    assert (found.ok, found.frames, found.problem) == (True, 4, "")
    assert rows_frame(1, b"x")[:4] == b"\x00\x00\x00\x01"
