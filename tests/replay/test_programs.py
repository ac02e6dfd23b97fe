"""Recordings of real programs on a real terminal: jumps show what playing shows."""

import time
from collections.abc import Callable

import pytest

from gateway.api.schema import WireFrame
from hoop_tui.replay.player import Player
from hoop_tui.replay.worker import WorkerEmulator
from tests.replay.stage import Script, linear_screen, make_recording, now, seen, settle

Record = Callable[[list[str], Script], list[WireFrame]]


def shows_the_same_everywhere(frames: list[WireFrame], shared_worker: WorkerEmulator) -> str:
    """Seek to and fro; return the text at the end."""
    recording = make_recording(frames)
    player = Player(recording, shared_worker, time.monotonic)
    settle(player)
    for percent in (100, 20, 70, 45, 100):
        player.seek_percent(percent)
        settle(player)
        assert seen(player) == linear_screen(recording, now(player).frame)
    assert now(player).notice == ""
    return seen(player).text


def test_vim(record_program: Record, shared_worker: WorkerEmulator) -> None:
    keys: Script = [(b"~", b"ihello from vim\x1b"), (b"vim", b"yy20p:set number\r"), (b" 21 ", b":q!\r")]
    frames = record_program(["vim", "-u", "NONE", "-i", "NONE"], keys)
    recording = make_recording(frames)
    shows_the_same_everywhere(frames, shared_worker)
    player = Player(recording, shared_worker, time.monotonic)
    middle = next(
        n for n in range(len(recording), 0, -1) if "hello from vim" in linear_screen(recording, n).text
    )
    player.seek_to(recording.at_us(middle - 1))
    settle(player)
    assert seen(player).alternate
    player.seek_percent(100)
    settle(player)
    assert not seen(player).alternate
    assert "hello" not in seen(player).text


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["top", "-b", "-n1"], ""),
        (["top", "-n1"], ""),
        (["ls", "--color=always", "-la", "/"], "usr"),
        (["printf", "\\033[1;31mred\\033[0m \\346\\274\\242 \\033]0;title\\007end\\n"], "red 漢 end"),
        (
            ["sh", "-c", "for i in $(seq 300); do echo line $i; done; tput smcup; echo x; tput rmcup"],
            "line 300",
        ),
    ],
)
def test_programs(
    record_program: Record, shared_worker: WorkerEmulator, command: list[str], expected: str
) -> None:
    frames = record_program(command, [])
    assert expected in shows_the_same_everywhere(frames, shared_worker)
