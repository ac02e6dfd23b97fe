"""The recording as the app holds it."""

import json
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.schema import FrameKind, RecordingState, WireFrame
from hoop_tui.replay.recording import Gap
from hoop_tui.replay.visible import is_safe
from tests.replay.stage import make_recording, mark, output, resize

any_frame = st.builds(
    WireFrame,
    st.integers(0, 10**9),
    st.sampled_from(FrameKind),
    st.one_of(st.binary(max_size=30), st.just(b"{}")),
)


@given(st.lists(any_frame))
def test_frames_come_back_as_they_were(frames: list[WireFrame]) -> None:
    recording = make_recording(frames)
    kept = [recording.frame(number) for number in range(len(recording))]
    assert [(frame.kind, frame.data) for frame in kept] == [(frame.kind, frame.data) for frame in frames]
    assert all(before.at_us <= after.at_us for before, after in pairwise(kept))
    for number, frame in enumerate(kept):
        assert recording.frames_before(frame.at_us) <= number < recording.frames_until(frame.at_us)
    shown = b"".join(f.data for f in frames if f.kind in (FrameKind.OUTPUT, FrameKind.ERROR))
    typed = b"".join(f.data for f in frames if f.kind is FrameKind.INPUT)
    assert recording.output_bytes(len(frames)) == len(shown)
    assert recording.input_bytes(len(frames)) == len(typed)
    assert recording.input_bytes(0) == 0
    assert all(is_safe(chapter.text + chapter.kind) for chapter in recording.chapters)


def test_times_never_run_backwards() -> None:
    recording = make_recording([output(2, b"a"), output(1, b"b")])
    assert recording.at_us(1) == 2_000_000
    assert recording.duration_us == 2_000_000


def test_chapters_come_from_marks_and_the_end() -> None:
    frames = [
        mark(1, "command", "rm\x1b[31m -rf\n/"),
        WireFrame(2_000_000, FrameKind.MARK, b"\xff{not json"),
        WireFrame(3_000_000, FrameKind.EXIT, b'{"status": 7}'),
    ]
    recording = make_recording(frames)
    assert [(chapter.kind, chapter.text) for chapter in recording.chapters] == [
        ("command", "rm\ufffd[31m -rf /"),
        ("mark", "a mark that can not be read"),
        ("exit", "exit 7"),
    ]
    assert recording.ending == "exit 7"
    assert [recording.chapter_at(frame) for frame in range(4)] == [None, 0, 1, 2]


def test_files_and_forwards_are_chapters_and_their_bytes_are_not_shown() -> None:
    """What a forwarded connection carried is no text and no keys, whatever is in it."""
    number = b"\0\0\0\7"
    frames = [
        mark(1, "file", "upload /etc/app.conf 1204 bytes"),
        mark(2, "forward", "to db:5432 open"),
        WireFrame(2_100_000, FrameKind.TOWARD, number + b"\x1b[2Jnot on any screen"),
        WireFrame(2_200_000, FrameKind.BACK, number + b"\x1b]52;c;eA==\x07"),
        WireFrame(2_300_000, FrameKind.BACK, b"\0"),
        WireFrame(2_400_000, FrameKind.TOWARD, b""),
        output(3, b"shown"),
        mark(4, "pause", "by bob@example.com"),
        mark(5, "forward", "to db:5432 closed, 20 bytes toward the target, 13 back"),
    ]
    recording = make_recording(frames)
    assert [(chapter.kind, chapter.text) for chapter in recording.chapters] == [
        ("file", "upload /etc/app.conf 1204 bytes"),
        ("forward", "to db:5432 open"),
        ("pause", "by bob@example.com"),
        ("forward", "to db:5432 closed, 20 bytes toward the target, 13 back"),
    ]
    assert recording.screen_bytes(0, len(frames)) == b"shown"
    assert recording.output_bytes(len(frames)) == 5
    assert recording.input_bytes(len(frames)) == 0
    assert recording.keys == []


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"signal": "TERM"}, "signal TERM"),
        ({"reason": "lost\n"}, "lost"),
        ([], "ended"),
        ({"status": []}, "ended"),
    ],
)
def test_the_ending_in_words(told: object, words: str) -> None:
    recording = make_recording([WireFrame(0, FrameKind.EXIT, json.dumps(told).encode())])
    assert recording.ending == words


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b'{"cols": "80", "rows": 24}', b'{"cols": true, "rows": 1}', b"[" * 99999]
)
def test_a_garbage_resize_is_no_resize(data: bytes) -> None:
    assert make_recording([WireFrame(0, FrameKind.RESIZE, data)]).resizes == []


def test_keys_are_found_by_frame() -> None:
    typed = [WireFrame(n * 1000, FrameKind.INPUT, bytes([97 + n])) for n in range(20)]
    hidden = WireFrame(30_000, FrameKind.HIDDEN, b'{"keys": 7}')
    recording = make_recording([*typed, hidden])
    assert [key.name for key in recording.keys_before(3, 10)] == ["a", "b", "c"]
    assert [key.name for key in recording.keys_before(21, 2)] == ["t", "<7 keys hidden>"]
    assert recording.keys_before(0, 5) == ()


def test_idle_gaps_and_active_time() -> None:
    recording = make_recording([output(1, b"a"), output(11, b"b"), output(12, b"c"), output(15, b"d")])
    assert recording.idle_gaps() == [Gap(1_000_000, 11_000_000), Gap(12_000_000, 15_000_000)]
    assert recording.idle_gaps(5_000_000) == [Gap(1_000_000, 11_000_000)]
    assert recording.active_us() == 15_000_000 - 8_000_000 - 1_000_000


def test_line_feeds_of_a_session_without_a_terminal_start_new_lines() -> None:
    frames = [output(0, b"a\nb"), resize(1, 80, 24), output(2, b"c\nd")]
    assert make_recording(frames).screen_bytes(0, 1) == b"a\nb"
    without = make_recording(frames, command="ls")
    assert without.screen_bytes(0, 1) == b"a\r\nb"
    assert without.screen_bytes(1, 3) == b"c\nd"
    assert make_recording(frames, pty=False).screen_bytes(1, 3) == b"c\r\nd"
    assert make_recording(frames, command="ls", pty=True).screen_bytes(0, 1) == b"a\nb"


def test_it_grows_until_it_is_caught_up() -> None:
    recording = make_recording([output(1, b"a")], RecordingState.LIVE, duration_us=5_000_000)
    assert recording.live
    assert recording.playable_us == 1_000_000
    recording.extend([output(7, b"b")])
    recording.caught_up(RecordingState.WHOLE)
    assert not recording.growing
    assert recording.playable_us == recording.duration_us == 7_000_000


def test_many_small_frames_stay_small_in_memory() -> None:
    recording = make_recording(output(n / 100, b"x" * 20) for n in range(20_000))
    stored = sum(sys.getsizeof(value) for value in vars(recording).values())
    assert stored / 20_000 < 70
