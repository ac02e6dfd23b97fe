"""The small terminal: equal to a whole one on what it knows, and unharmed by everything else."""

import itertools
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.capture.canvas import MOST_COLS, MOST_ROWS
from gateway.capture.screen import Screen
from gateway.capture.tokens import LONGEST
from gateway.core.frame import FrameKind
from gateway.recording.reader import RecordingReader
from hoop_tui.replay.worker import WorkerEmulator

ROOT = Path(__file__).resolve().parents[2]
COLS, ROWS = 20, 6


def small(*numbers: int) -> st.SearchStrategy[int]:
    return st.one_of(st.integers(0, 8), st.sampled_from(numbers or (0, 25, 9999)))


def csi(finals: str) -> st.SearchStrategy[bytes]:
    return st.builds(lambda n, final: f"\x1b[{n or ''}{final}".encode(), small(), st.sampled_from(finals))


SUPPORTED = st.one_of(
    st.text("abcXYZ $~", min_size=1, max_size=25).map(str.encode),
    st.text("漢字é", min_size=1, max_size=4).map(str.encode),
    st.sampled_from(
        [b"\r\n", b"\r", b"\n", b"\b", b"\t", b"\x07", b"\x1b7", b"\x1b8", b"\x1bM", b"\x1bD", b"\x1bE"]
    ),
    csi("ABCDEFGdXPLM@`"),
    st.builds(lambda n, final: f"\x1b[{n}{final}".encode(), st.integers(0, 2), st.sampled_from("JK")),
    st.builds(lambda y, x: f"\x1b[{y};{x}H".encode(), small(), small()),
    st.builds(lambda a, b: f"\x1b[{a};{b}r".encode(), st.integers(1, 3), st.integers(4, ROWS)),
    st.sampled_from([b"\x1b[m", b"\x1b[1;31m", b"\x1b[38:2::1:2:3m", b"\x1b[?25l", b"\x1b[?2004h"]),
    st.sampled_from(
        [b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?7l", b"\x1b[?7h", b"\x1b[s", b"\x1b[u", b"\x1bc"]
    ),
    st.sampled_from(
        [b"\x1b]0;a title\x07", b"\x1b]2;other\x1b\\", b"\x1bPq#0\x1b\\", b"\x1b[2S", b"\x1b[T", b"\x1b[!p"]
    ),
)


def picture(screen: Screen) -> tuple[list[str], tuple[int, int], bool]:
    return [screen.row_text(y) for y in range(screen.rows)], (screen.x, screen.y), screen.alternate


def reference_picture(reference: WorkerEmulator) -> tuple[list[str], tuple[int, int], bool]:
    seen = reference.screen()
    return [row.text for row in seen.rows], (seen.cursor.x, seen.cursor.y), seen.alternate


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(pieces=st.lists(SUPPORTED, max_size=30))
def test_it_shows_what_a_whole_terminal_shows(reference: WorkerEmulator, pieces: list[bytes]) -> None:
    reference.clear()
    reference.resize(COLS, ROWS)
    screen = Screen(COLS, ROWS)
    reference.feed(b"".join(pieces))
    screen.feed(b"".join(pieces))
    assert picture(screen) == reference_picture(reference)


TERMINALS = [
    path for path in sorted((ROOT / "replays").glob("*.hrec")) if b'"kind":"ssh"' in path.read_bytes()[:4096]
]


@pytest.mark.parametrize("path", TERMINALS, ids=lambda path: path.stem)
def test_real_recordings(reference: WorkerEmulator, path: Path) -> None:
    reader = RecordingReader()
    reader.receive(path.read_bytes())
    frames = []
    while (more := reader.next_frames()) is not None:
        frames += more
    meta = reader.meta or {}
    cols, rows = int(meta.get("cols", 80)), int(meta.get("rows", 24))
    reference.clear()
    reference.resize(cols, rows)
    screen = Screen(cols, rows)
    compared = 0
    for frame in frames:
        if frame.kind in (FrameKind.OUTPUT, FrameKind.ERROR):
            reference.feed(frame.data)
            screen.feed(frame.data)
            compared += 1
            assert picture(screen) == reference_picture(reference), compared
    assert compared


HOSTILE = st.lists(
    st.one_of(
        SUPPORTED,
        st.binary(max_size=40),
        st.sampled_from(
            [b"\x1b[", b"\x1b]", b"\x1bP", b"\x9b", b"\xe6", b"\x1b[999999999999999999L", b"\x1b[9999b"]
        ),
        st.sampled_from(
            ["👨\u200d👩".encode(), "\u0301".encode() * 30, b"\x1b[4h", b"\x1b[?7l", b"\x1b[1;1r"]
        ),
    ),
    max_size=30,
).map(b"".join)


@settings(max_examples=300, deadline=None)
@given(data=HOSTILE, sizes=st.lists(st.tuples(st.integers(-5, 3000), st.integers(-5, 3000)), max_size=4))
def test_nothing_harms_it(data: bytes, sizes: list[tuple[int, int]]) -> None:
    screen = Screen(20, 6)
    for cols, rows in [*sizes, (20, 6)]:
        screen.feed(data)
        screen.resize(cols, rows)
        assert 2 <= screen.cols <= MOST_COLS
        assert 2 <= screen.rows <= MOST_ROWS
        assert len(screen.lines) == screen.rows
        assert 0 <= screen.x < screen.cols
        assert 0 <= screen.y < screen.rows
        assert all(len(row.cells) <= screen.cols for row in screen.lines)


@settings(max_examples=200, deadline=None)
@given(data=HOSTILE, cuts=st.lists(st.integers(0, 400), max_size=6))
def test_cuts_do_not_matter(data: bytes, cuts: list[int]) -> None:
    whole, pieces = Screen(20, 6), Screen(20, 6)
    whole.feed(data)
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    for start, end in itertools.pairwise(places):
        pieces.feed(data[start:end])
    assert picture(pieces) == picture(whole)


def test_insert_mode() -> None:
    screen = Screen(20, 6)
    screen.feed(b"one two\r\x1b[4hx\x1b[4ly")
    assert screen.row_text(0) == "xyne two"


def test_a_string_without_an_end_hides_nothing_for_ever() -> None:
    screen = Screen(20, 6)
    screen.feed(b"\x1b]0;" + b"t" * (3 * LONGEST))
    screen.feed(b"more\x07seen")
    assert screen.row_text(0) == "seen"
    assert len(screen._tokens._rest) <= LONGEST


def test_the_worst_input_is_bounded_in_time() -> None:
    worst = {
        "unfinished": b"\x1b]" + b"x" * 40_000,
        "lines": b"\x1b[L" * 13_000,
        "repeats": b"a\x1b[9999b" * 5_000,
        "inserts": b"\x1b[9999@" * 6_000,
        "escapes": b"\x1b" * 40_000,
    }
    for name, data in worst.items():
        screen = Screen(1000, 300)
        screen.feed(b"x" * 300_000)
        started = time.process_time()
        for at in range(0, len(data), 100):
            screen.feed(data[at : at + 100])
        assert time.process_time() - started < 5, name
