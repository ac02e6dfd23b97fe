"""The codec of scp's old protocol: every cut of the bytes reads the same, and what is not scp does not pass."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import Malformed
from gateway.wire.scp import (
    LINE_MOST,
    NAME_MOST,
    OK,
    Answers,
    Complaint,
    Contents,
    Directory,
    Done,
    Event,
    File,
    Leave,
    Source,
    Times,
    is_file_name,
)

MODES = st.integers(0, 0o7777)
NAMES = st.binary(min_size=1, max_size=60).filter(lambda name: b"\n" not in name)
TEXTS = st.binary(max_size=60).filter(lambda text: b"\n" not in text)
COMPLAINTS = st.builds(Complaint, TEXTS, st.booleans())
STAMPS = st.integers(0, 1 << 40)
CONTENTS = st.binary(max_size=400)

SAID = st.one_of(
    st.builds(Times, STAMPS, STAMPS),
    st.builds(Directory, MODES, NAMES),
    st.just(Leave()),
    COMPLAINTS,
    st.tuples(MODES, NAMES, CONTENTS, st.one_of(st.none(), COMPLAINTS)),
)
"""What a source may say; a file comes with its contents and their status."""


def heard(source: Source, pieces: list[bytes], *, wanted: bool = True) -> list[Event]:
    """All events of these pieces, contents joined."""
    events: list[Event] = []
    for piece in pieces:
        source.feed(piece)
        while (event := source.next()) is not None:
            if isinstance(event, File) and wanted:
                source.want(event)
            if isinstance(event, Contents) and events and isinstance(events[-1], Contents):
                event = Contents(events.pop().data + event.data)  # type: ignore[union-attr]  # seen the line before
            events.append(event)
    return events


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@settings(max_examples=80, deadline=None)
@given(st.lists(SAID, max_size=6), st.lists(st.integers(0, 5000), max_size=8))
def test_what_was_written_is_read_however_it_is_cut(said: list[object], places: list[int]) -> None:
    data = b""
    meant: list[Event] = []
    for each in said:
        if isinstance(each, tuple):
            mode, name, contents, complaint = each
            meant.append(File(mode, len(contents), name))
            meant += [Contents(contents)] if contents else []
            meant.append(Done(complaint))
            data += File(mode, len(contents), name).line() + contents + Done(complaint).line()
        else:
            assert isinstance(each, Times | Directory | Leave | Complaint)
            meant.append(each)
            data += each.line()
    assert heard(Source(), cut(data, places)) == meant


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200), st.from_regex(rb"[CDTE\x00-\x02][0-9 ]{0,12}.{0,9}\n.*", fullmatch=True)
    )
)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        events = heard(Source(), [data])
    except Malformed:
        return
    for event in events:
        if isinstance(event, File | Directory):
            assert event.name
            assert b"\n" not in event.name


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.just(OK), COMPLAINTS), max_size=6), st.lists(st.integers(0, 500), max_size=6))
def test_answers_read_the_same_however_they_are_cut(said: list[bytes | Complaint], places: list[int]) -> None:
    answers = Answers()
    got: list[bytes | Complaint] = []
    for piece in cut(b"".join(each if isinstance(each, bytes) else each.line() for each in said), places):
        answers.feed(piece)
        while (answer := answers.next()) is not None:
            got.append(answer)
    assert got == said


def test_a_shell_that_says_something_else_is_a_fatal_complaint() -> None:
    answers = Answers()
    answers.feed(b"bash: scp: command not found\n\0")
    assert answers.next() == Complaint(b"bash: scp: command not found", fatal=True)
    assert answers.next() == OK


def test_an_unwanted_file_is_followed_by_the_next_line() -> None:
    assert heard(Source(), [b"C0644 5 a\nC0644 6 b\n"], wanted=False) == [
        File(0o644, 5, b"a"),
        File(0o644, 6, b"b"),
    ]


def test_contents_pass_in_the_pieces_they_came_in_without_a_copy() -> None:
    source = Source()
    source.feed(File(0o644, 3 << 18, b"big").line())
    file = source.next()
    assert isinstance(file, File)
    source.want(file)
    for _ in range(3):
        piece = bytes(1 << 18)
        source.feed(piece)
        event = source.next()
        assert isinstance(event, Contents)
        assert event.data is piece
        assert source.next() is None


@pytest.mark.parametrize(
    "line",
    [
        b"C644 5 a",
        b"C0844 5 a",
        b"C00644 5 a",
        b"C0644 -5 a",
        b"C0644 5",
        b"C0644 5 ",
        b"C0644  5 a",
        b"C0644 99999999999999999999 a",
        b"C0644 9223372036854775808 a",
        b"D0755 0",
        b"T1 0 2",
        b"T-1 0 2 0",
        b"T1 0 2 0 ",
        b"EE",
        b"E ",
        b"e",
        b"",
        b"No match.",
        b"\x03what",
        b"\0C0644 5 a",
    ],
)
def test_lines_are_read_strictly(line: bytes) -> None:
    with pytest.raises(Malformed):
        heard(Source(), [line + b"\n"])


def test_a_name_of_one_space() -> None:
    assert heard(Source(), [b"C0644 5  \n"]) == [File(0o644, 5, b" ")]


def test_the_largest_size_and_all_modes() -> None:
    assert heard(Source(), [b"C7777 9223372036854775807 a\n"]) == [File(0o7777, (1 << 63) - 1, b"a")]


@pytest.mark.parametrize("codec", [Source, Answers])
def test_a_line_without_an_end_is_refused(codec: type[Source] | type[Answers]) -> None:
    reader = codec()
    reader.feed(b"\1" + b"x" * (LINE_MOST - 10))
    assert reader.next() is None
    reader.feed(b"x" * 20)
    with pytest.raises(Malformed):
        reader.next()


def test_after_contents_only_a_status() -> None:
    source = Source()
    with pytest.raises(Malformed):
        heard(source, [b"C0644 2 a\nxxC0644 2 b\n"])


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        (b"a", True),
        (b"a b", True),
        (b" ", True),
        (b"-rf", True),
        (b"...", True),
        (b"a\\b", True),
        ("ä ☃".encode(), True),
        (b"\xff\xfe", True),
        (b"n" * NAME_MOST, True),
        (b"", False),
        (b".", False),
        (b"..", False),
        (b"../x", False),
        (b"/etc/passwd", False),
        (b"a/", False),
        (b"a\0b", False),
        (b"a\x1b[2J", False),
        (b"a\rb", False),
        (b"a\x7f", False),
        (b"n" * (NAME_MOST + 1), False),
    ],
)
def test_names(name: bytes, is_one: bool) -> None:
    assert is_file_name(name) is is_one
