"""The emulator: right pictures, safe cells, sizes, snapshots."""

import base64
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hoop_tui.replay.emulator import (
    MAX_COLS,
    MAX_ROWS,
    PLAIN,
    UNFINISHED_LIMIT,
    Cursor,
    EmulatorFailed,
    Run,
    Screen,
    Style,
)
from hoop_tui.replay.ghostty import GhosttyEmulator
from hoop_tui.replay.visible import REPLACEMENT, is_safe
from tests.replay.stage import sizes, terminal_bytes


def row(emulator: GhosttyEmulator, number: int = 0) -> tuple[Run, ...]:
    return emulator.screen().rows[number].runs


def test_styles_are_told_as_runs(emulator: GhosttyEmulator) -> None:
    emulator.resize(12, 3)
    emulator.feed(b"\x1b[1;4;38;2;1;2;3;44mred\x1b[0;2;3;7;9;8;31mx\x1b[m\x1b[48;5;200m\x1b[K")
    fancy = Style(fg="#010203", bg=4, bold=True, underline=True)
    other = Style(fg=1, dim=True, italic=True, reverse=True, strike=True, conceal=True)
    assert row(emulator) == (Run("red", 3, fancy), Run("x", 1, other), Run(" " * 8, 8, Style(bg=200)))
    assert row(emulator, 1) == (Run(" " * 12, 12, PLAIN),)


def test_wide_characters_and_clusters_take_their_cells(emulator: GhosttyEmulator) -> None:
    emulator.resize(10, 2)
    emulator.feed("漢e\u0301字|".encode())
    assert row(emulator) == (
        Run("漢", 2),
        Run("e\u0301", 1),
        Run("字|" + " " * 4, 7),
    )
    assert emulator.screen().cursor == Cursor(6, 0)


def test_half_a_wide_character_can_not_widen_the_row(emulator: GhosttyEmulator) -> None:
    emulator.resize(12, 3)
    emulator.feed("\x1b[?7l\x1b[?1049h\x1b[1;6H漢".encode())
    emulator.resize(6, 3)
    screen = emulator.screen()
    assert all(sum(run.cells for run in line.runs) == 6 for line in screen.rows)
    assert "漢" not in screen.text


def test_long_clusters_are_cut_and_do_not_overrun_memory(emulator: GhosttyEmulator) -> None:
    emulator.feed(("a" + "\u0301" * 3000 + "|").encode())
    first = row(emulator)[0]
    assert first.cells == 1
    assert len(first.text) <= 32


def test_hidden_characters_leave_the_letter_and_a_flag(emulator: GhosttyEmulator) -> None:
    emulator.feed("rm\u202e \u200bx\u00ad".encode())
    runs = row(emulator)
    assert all(is_safe(run.text) for run in runs)
    assert "".join(run.text for run in runs).startswith("rm x" + REPLACEMENT)
    assert runs[1] == Run("m", 1, Style(reverse=True, flagged=True))


def test_titles_and_links_and_clipboard_leave_no_trace(emulator: GhosttyEmulator) -> None:
    emulator.feed(
        b"\x1b]0;title\x07\x1b]52;c;ZXZpbA==\x07\x1b]8;;http://x\x07link\x1b]8;;\x07\x1b]9;note\x07"
    )
    assert emulator.screen().text.strip() == "link"


def test_a_recording_can_not_touch_the_readers_files(emulator: GhosttyEmulator) -> None:
    with tempfile.NamedTemporaryFile(prefix="tty-graphics-protocol-", delete=False) as bait:
        bait.write(b"\xff" * 12)
    path = base64.b64encode(bait.name.encode())
    try:
        for medium in (b"t", b"f"):
            emulator.feed(b"\x1b_Gf=24,s=2,v=2,a=T,t=" + medium + b";" + path + b"\x1b\\")
        assert Path(bait.name).exists()
        assert emulator.screen().text.strip() == ""
    finally:
        Path(bait.name).unlink(missing_ok=True)


def test_cursor_and_alternate_screen_are_told(emulator: GhosttyEmulator) -> None:
    emulator.feed(b"shell\x1b[?1049h\x1b[?25l\x1b[3;5Hvi")
    inside = emulator.screen()
    assert (inside.alternate, inside.cursor, inside.rows[2].text) == (True, Cursor(6, 2, False), "    vi")
    emulator.feed(b"\x1b[?1049l\x1b[?25h")
    assert emulator.screen().rows[0].text == "shell"
    assert not emulator.screen().alternate


@pytest.mark.parametrize("size", [(0, 0), (1, 1), (1, 500), (1000, 1), (10**6, 10**6), (-3, 2**70)])
def test_hostile_sizes_are_clamped(emulator: GhosttyEmulator, size: tuple[int, int]) -> None:
    emulator.resize(*size)
    emulator.feed("x漢\u0301y\r\n".encode() * 5)
    screen = emulator.screen()
    assert 2 <= screen.cols <= MAX_COLS
    assert 2 <= len(screen.rows) <= MAX_ROWS
    assert emulator.snapshot() is not None


def test_only_changed_rows_are_named(emulator: GhosttyEmulator) -> None:
    assert len(emulator.screen().changed) == 24
    assert emulator.screen().changed == frozenset()
    emulator.feed(b"\x1b[7;1Hx")
    assert 6 in emulator.screen().changed
    assert len(emulator.screen().changed) == 0


def test_an_accent_that_comes_late_is_seen(emulator: GhosttyEmulator) -> None:
    """The library does not mark the row in this case."""
    for fed, expected in (
        (b"e\xcc", "e"),
        (b"\x81\x1b[9;9H", "e\u0301"),
        (b"\x1b[1;2H\xcc\x80\x1b[9;9H", "e\u0301\u0300"),
    ):
        emulator.feed(fed)
        assert emulator.screen().rows[0].text == expected
    assert emulator.screen().changed == frozenset()


def test_an_unfinished_sequence_is_counted(emulator: GhosttyEmulator) -> None:
    emulator.feed(b"before\x1b]0;" + b"swallowed" * 100)
    assert emulator.screen().unfinished == 904
    snapshot = emulator.snapshot()
    assert snapshot is not None
    emulator.feed(b"x" * UNFINISHED_LIMIT)
    assert emulator.screen().unfinished == UNFINISHED_LIMIT
    assert emulator.snapshot() is None
    emulator.restore(snapshot)
    assert emulator.screen().unfinished == 904
    emulator.feed(b"\x07after")
    assert emulator.screen().unfinished == 0
    assert emulator.screen().rows[0].text == "beforeafter"


@pytest.mark.parametrize("garbage", [b"", b"x", b"x\x9cK\x04\x00", random.Random(1).randbytes(300)])
def test_a_broken_snapshot_is_refused(emulator: GhosttyEmulator, garbage: bytes) -> None:
    good = emulator.snapshot()
    assert good is not None
    for broken in (garbage, good[:-3], good[: len(good) // 2]):
        with pytest.raises(EmulatorFailed):
            emulator.restore(broken)
    emulator.restore(good)


@given(st.lists(st.one_of(terminal_bytes, sizes), max_size=12), st.lists(terminal_bytes, max_size=4))
@settings(max_examples=80, deadline=None)
def test_a_restored_terminal_goes_on_like_the_first(
    before: list[bytes | tuple[int, int]], after: list[bytes]
) -> None:
    first, second = GhosttyEmulator(), GhosttyEmulator()
    for act in before:
        if isinstance(act, bytes):
            first.feed(act)
        else:
            first.resize(*act)
    snapshot = first.snapshot()
    if snapshot is not None:
        second.restore(snapshot)
        assert second.screen() == first.screen()
        for data in after:
            first.feed(data)
            second.feed(data)
            assert second.screen() == first.screen()
        for emulator in (first, second):
            emulator.resize(40, 30)
        assert second.screen() == first.screen()
    first.close()
    second.close()


@given(st.lists(st.one_of(terminal_bytes, sizes), max_size=12))
@settings(max_examples=80, deadline=None)
def test_cells_are_safe_rows_are_full_and_changes_are_complete(acts: list[bytes | tuple[int, int]]) -> None:
    emulator = GhosttyEmulator()
    seen: Screen | None = None
    for act in acts:
        if isinstance(act, bytes):
            emulator.feed(act)
        else:
            emulator.resize(*act)
        screen = emulator.screen()
        for line in screen.rows:
            assert sum(run.cells for run in line.runs) == screen.cols
            assert all(is_safe(run.text) and run.text for run in line.runs)
        assert screen.cursor.x < screen.cols
        assert screen.cursor.y < len(screen.rows)
        if seen is not None and seen.cols == screen.cols and len(seen.rows) == len(screen.rows):
            differ = {
                y for y, pair in enumerate(zip(seen.rows, screen.rows, strict=True)) if pair[0] != pair[1]
            }
            assert differ <= screen.changed
        seen = screen
    whole = _read_afresh(emulator)
    if whole is not None and seen is not None:
        assert whole == seen
    emulator.close()


def _read_afresh(emulator: GhosttyEmulator) -> Screen | None:
    """The same state read by a new reader, which can not have missed a change."""
    snapshot = emulator.snapshot()
    if snapshot is None:
        return None
    other = GhosttyEmulator()
    other.restore(snapshot)
    screen = other.screen()
    other.close()
    return screen
