"""The statements of a recording as the app knows them, and how repeats fold into one line."""

import json
import time
from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api.schema import FrameKind, WireFrame
from gateway.core.frame import Frame
from gateway.core.frame import FrameKind as Kind
from gateway.recording.statement_list import statements
from gateway.recording.statements import (
    mark_again,
    mark_command,
    mark_copy,
    mark_result,
    mark_said,
    rows_frame,
)
from hoop_tui.replay.folds import Folds, Line
from hoop_tui.replay.recording import Recording
from hoop_tui.replay.statements import StatementIndex
from tests.recording.statement_frames import SHA, answered, mark, message, number
from tests.replay.stage import make_recording


def wired(frames: Iterable[Frame]) -> list[WireFrame]:
    return [WireFrame(frame.at_us, FrameKind(frame.kind), frame.data) for frame in frames]


def indexed(frames: Iterable[Frame]) -> StatementIndex:
    index = StatementIndex(make_recording(wired(frames)))
    index.catch_up()
    return index


def repeated(texts: str) -> list[Frame]:
    """A statement for each letter; letters that came before are repeats."""
    first: dict[str, int] = {}
    frames: list[Frame] = []
    for n, letter in enumerate(texts, 1):
        frames += answered(n, f"select {letter}", of=first.get(letter, 0))
        first.setdefault(letter, n)
    return frames


def test_a_statement_and_its_rows() -> None:
    index = indexed(answered(7, "select 1", [(number(1), b"Ana"), (None, None)], values=["a", None]))
    found = index.statement(0)
    assert (found.n, found.at_us, found.text, found.verb, found.values) == (
        7,
        7000,
        "select 1",
        "select",
        ("a", None),
    )
    assert (found.state, found.rule, found.is_refused, found.of) == ("admitted", "reads", False, 0)
    assert found.result is not None
    assert (found.result.tag, found.result.rows) == ("SELECT 2", 2)
    assert list(index.rows(0)) == [("1", "Ana"), (None, None)]
    assert [column.name for column in index.columns(0)] == ["id", "name"]


def test_repeats_know_their_text_and_columns() -> None:
    frames = [*answered(1, "select $1"), *answered(2, "", [(number(5), b"x")], of=1, values=["v"])]
    index = indexed(frames)
    again = index.statement(1)
    assert (again.text, again.verb, again.of, again.values) == ("select $1", "select", 0, ("v",))
    assert list(index.rows(1)) == [("5", "x")]
    assert indexed([mark(1, mark_again(9, 4))]).statement(0).text == "-- statement 4 once more"


def test_what_comes_later_is_found() -> None:
    frames = wired([*answered(1, "one"), *answered(2, "two")])
    recording = make_recording(frames[:1])
    index = StatementIndex(recording)
    assert index.catch_up()
    assert not index.catch_up()
    assert index.statement(0).result is None
    recording.extend(frames[1:])
    assert index.catch_up()
    result = index.statement(0).result
    assert result is not None
    assert result.tag == "SELECT 0"
    assert [index.place_at(at) for at in (0, 1000, 1999, 2000, 10**9)] == [0, 0, 0, 1, 1]


def test_what_came_of_a_held_statement() -> None:
    told = [mark_command(1, "delete from t", "delete", state=state) for state in ("held", "admitted")]
    index = indexed([mark(1, told[0])])
    assert (index.statement(0).state, index.statement(0).is_refused) == ("held", False)
    index = indexed([mark(1, told[0]), mark(9, told[1]), mark(10, mark_result(1, "DELETE 1", 1, 0, SHA, 5))])
    assert len(index) == 1
    found = index.statement(0)
    assert (found.at_us, found.state, found.result is not None) == (1, "admitted", True)


def test_copies_and_what_the_server_said() -> None:
    frames = [mark(1, mark_command(1, "copy t to stdout", "copy")), mark(2, mark_copy(1, "out", 0, 2))]
    frames += [Frame(3, Kind.ROWS, rows_frame(1, message(b"d", b"1\tAna\n")))]
    frames += [mark(4, mark_said("notice", "done", 1)), mark(5, mark_said("notice", "of nobody"))]
    index = indexed(frames)
    copy = index.copy(0)
    assert copy is not None
    assert copy.way == "out"
    assert index.said(0) == ["done"]
    assert list(index.rows(0)) == [("1\tAna\n",)]


def test_only_statements_are_chapters() -> None:
    recording = make_recording(wired(repeated("aab")))
    assert [(chapter.kind, chapter.text) for chapter in recording.chapters] == [
        ("command", "select a"),
        ("command", "select b"),
    ]


any_frames = st.lists(
    st.builds(
        Frame,
        st.just(0),
        st.sampled_from([Kind.MARK, Kind.ROWS]),
        st.binary(max_size=30)
        | st.builds(rows_frame, st.integers(0, 3), st.binary(max_size=30))
        | st.sampled_from(
            [
                b'{"kind":"again","n":2,"of":1,',
                b'{"kind":"again","n":1}',
                b'{"kind":"result","n":2,"x',
                b'{"kind":"command","n":2,"like":1,',
            ]
        )
        | st.builds(
            lambda kind, told: json.dumps({**told, "kind": kind}).encode(),
            st.sampled_from(["command", "again", "columns", "result", "copy", "notice"]),
            st.dictionaries(
                st.sampled_from(["n", "of", "text", "values", "columns", "rows", "error"]),
                st.none()
                | st.integers(0, 3)
                | st.text(max_size=4)
                | st.lists(st.text(max_size=3), max_size=2),
            ),
        ),
    ),
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@given(any_frames)
def test_any_frames_give_statements_or_nothing(frames: list[Frame]) -> None:
    index = indexed(frames)
    folds = Folds(index)
    folds.catch_up()
    for place in range(len(index)):
        found = index.statement(place)
        assert found.of <= place
        index.columns(place), index.copy(place), index.said(place), list(index.rows(place))
    assert sum(folds.line(key).count for key in folds) == len(index)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=12).map("".join))
def test_the_gateway_and_the_app_agree(texts: str) -> None:
    frames = repeated(texts)
    index = indexed(frames)
    mine = [index.statement(place) for place in range(len(index))]
    told = list(statements(frames))
    assert [(each.n, each.text, each.verb, each.result) for each in mine] == [
        (each.n, each.text, each.verb, each.result) for each in told
    ]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from("aab"), min_size=1, max_size=12).map("".join),
    st.lists(st.integers(0, 11), max_size=4),
)
def test_folding_keeps_every_statement_in_one_line(texts: str, toggled: list[int]) -> None:
    index = indexed(repeated(texts))
    folds = Folds(index)
    folds.catch_up()
    for place in toggled:
        folds.toggle(place % len(texts))
    keys = list(folds)
    assert [folds.index(key) for key in keys] == list(range(len(folds)))
    covered = [place for key in keys for place in range(int(key), int(key) + folds.line(key).count)]
    assert covered == list(range(len(texts)))
    for place in range(len(texts)):
        key = folds.key_of(place)
        assert int(key) <= place < int(key) + folds.line(key).count
    absent = [str(place) for place in range(-1, len(texts) + 2) if str(place) not in keys]
    assert not any(key in folds for key in [*absent, "", "x", "²"])


def test_statements_that_differ_in_constants_fold() -> None:
    marks = [mark_command(n, f"select {n}", "select", like=1 if n > 1 else 0) for n in range(1, 5)]
    marks += [
        mark_command(5, "select now()", "select", like=99),
        mark_again(6, 5),
        mark_command(7, "x", "x", like=6),
    ]
    index = indexed([mark(n, each) for n, each in enumerate(marks)])
    folds = Folds(index)
    folds.catch_up()
    assert [(int(key), folds.line(key).count) for key in folds] == [(0, 4), (4, 3)]
    folds.toggle(2)
    assert [index.statement(int(key)).text for key in folds][:4] == [f"select {n}" for n in range(1, 5)]


def test_a_fold_opens_and_grows() -> None:
    frames = wired(repeated("abbbb"))
    recording = make_recording(frames[:10])
    index = StatementIndex(recording)
    folds = Folds(index)
    for end in (10, len(frames)):
        recording.extend(frames[len(recording) : end])
        index.catch_up()
        folds.catch_up()
    assert list(folds) == ["0", "1"]
    assert folds.line("1") == Line(1, 4, unfolded=False)
    assert not folds.toggle(0)
    assert folds.toggle(3)
    assert list(folds) == ["0", "1", "2", "3", "4"]
    assert folds.line("3") == Line(3, 1, unfolded=True)
    assert folds.toggle(4)
    assert folds.key_of(4) == "1"


def test_a_hundred_thousand_statements_stay_quick() -> None:
    recording: Recording = make_recording([])
    frames = [mark(1, mark_command(1, "select abalance from accounts where aid = $1", "select", ["1"]))]
    for n in range(2, 100_001):
        frames.append(mark(n, mark_again(n, 1, [str(n)])))
        frames.append(mark(n, mark_result(n, "SELECT 1", 1, 30, SHA, 90)))
    recording.extend(wired(frames))
    index = StatementIndex(recording)
    folds = Folds(index)
    begun = time.process_time()
    index.catch_up()
    folds.catch_up()
    assert time.process_time() - begun < 20
    assert (len(folds), folds.line("0").count) == (1, 100_000)
    begun = time.process_time()
    folds.toggle(0)
    assert folds[99_999] == "99999"
    assert folds.index("50000") == 50_000
    for place in range(50_000, 50_050):
        assert index.statement(place).values == (str(place + 1),)
    assert time.process_time() - begun < 1
