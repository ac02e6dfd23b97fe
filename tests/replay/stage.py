"""What the tests of the replay are made of: recordings, a clock to turn by hand, hostile bytes, the measure."""

import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime

from hypothesis import strategies as st

from gateway.api.schema import FrameKind, RecordingInfo, RecordingState, WireFrame
from hoop_tui.replay.emulator import Screen
from hoop_tui.replay.ghostty import GhosttyEmulator
from hoop_tui.replay.player import Player, PlayerState
from hoop_tui.replay.recording import Recording

PIECES = [
    b"plain text ",
    b"\r\n",
    b"\x1b[31;1m",
    b"\x1b[30;42m",
    b"\x1b[38;2;1;2;3m",
    b"\x1b[48;5;200m\x1b[K",
    b"\x1b[m",
    b"\x1b[2J",
    b"\x1b[5;7H",
    b"\x1b[?1049h",
    b"\x1b[?1049l",
    b"\x1b[3;8r",
    b"\x1b[L",
    b"\x1b[4h",
    b"\x1bM",
    b"\x1b7",
    b"\x1b8",
    b"\x1b#8",
    b"\x1bc",
    b"\x1b]0;title",
    b"\x07",
    b"\x1b\\",
    b"\x1b[",
    b"\xe6",
    b"\xbc\xa2",
    "漢字".encode(),
    "e\u0301".encode(),
    "👨\u200d👩".encode(),
    "a\u202e".encode(),
    b"\x9b31m",
    b"\x1b[?2027h",
    b"\x1b[40b",
    b"\x1bP$q",
    b"\x1b(0lqk\x1b(B",
    b"\t",
    b"\x08",
]
"""What terminals are fed, and what attackers feed them, cut so that joins make new sequences."""

terminal_bytes = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join), st.binary(max_size=200)
)
sizes = st.tuples(st.integers(-5, 200), st.integers(-5, 80))


Script = list[tuple[bytes, bytes]]
"""What the program must have written since the last keys, and which keys are typed then."""


class HandClock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def make_recording(
    frames: Iterable[WireFrame],
    state: RecordingState = RecordingState.WHOLE,
    *,
    size: tuple[int, int] = (80, 24),
    command: str = "",
    duration_us: int = 0,
    pty: bool | None = None,
) -> Recording:
    info = RecordingInfo(
        session="s-2B8CK4TQ",
        person="erin",
        target="web-1",
        command=command,
        started_at=datetime(2026, 11, 20, tzinfo=UTC),
        cols=size[0],
        rows=size[1],
        state=state,
        duration_us=duration_us,
        frames=0,
    )
    recording = Recording(info, pty)
    recording.extend(frames)
    recording.caught_up(state)
    return recording


def output(at_s: float, data: bytes) -> WireFrame:
    return WireFrame(int(at_s * 1e6), FrameKind.OUTPUT, data)


def resize(at_s: float, cols: object, rows: object) -> WireFrame:
    return WireFrame(int(at_s * 1e6), FrameKind.RESIZE, json.dumps({"cols": cols, "rows": rows}).encode())


def mark(at_s: float, kind: str, text: str) -> WireFrame:
    return WireFrame(int(at_s * 1e6), FrameKind.MARK, json.dumps({"kind": kind, "text": text}).encode())


def linear_screen(recording: Recording, until_frame: int) -> Screen:
    """What a plain emulator shows that is fed frame after frame: the measure for every jump."""
    emulator = GhosttyEmulator()
    try:
        emulator.resize(recording.info.cols, recording.info.rows)
        for number in range(until_frame):
            frame = recording.frame(number)
            if frame.kind is FrameKind.RESIZE:
                for claimed in recording.resizes:
                    if claimed.frame == number:
                        emulator.resize(claimed.cols, claimed.rows)
            elif frame.kind in (FrameKind.OUTPUT, FrameKind.ERROR):
                emulator.feed(recording.screen_bytes(number, number + 1))
        return emulator.screen()
    finally:
        emulator.close()


def settle(player: Player, seconds: float = 30.0) -> None:
    """Tick until nothing is under way any more (for emulators in a process, with a real clock)."""
    deadline = time.monotonic() + seconds
    player.tick()
    while player.state.seeking:
        assert time.monotonic() < deadline, "the player does not arrive"
        player.tick()


def now(player: Player) -> PlayerState:
    """The state at this moment (a call, so that a type checker does not take it for the one before)."""
    return player.state


def seen(player: Player) -> Screen:
    """The screen at this moment."""
    return player.screen
