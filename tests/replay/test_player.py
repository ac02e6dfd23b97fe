"""Time: playing, jumping, idle skip, speed, live following. And: however one gets somewhere, it looks the same."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api.schema import FrameKind, RecordingState, WireFrame
from hoop_tui.replay.ghostty import GhosttyEmulator
from hoop_tui.replay.keyframes import Keyframes
from hoop_tui.replay.player import SPEEDS, Player
from hoop_tui.replay.recording import Recording
from tests.replay.stage import (
    HandClock,
    linear_screen,
    make_recording,
    mark,
    now,
    output,
    resize,
    seen,
    terminal_bytes,
)

hostile_size = st.sampled_from([0, 1, -1, 2, 10**6, 2**70, "80", None, True, 12.5, 30, 100])
frame_data = st.one_of(
    st.tuples(st.sampled_from([FrameKind.OUTPUT, FrameKind.OUTPUT, FrameKind.ERROR]), terminal_bytes),
    st.tuples(st.sampled_from([FrameKind.INPUT, FrameKind.MARK, FrameKind.HIDDEN]), st.binary(max_size=12)),
    st.tuples(
        st.just(FrameKind.RESIZE),
        st.one_of(
            st.tuples(hostile_size, hostile_size).map(
                lambda size: json.dumps({"cols": size[0], "rows": size[1]}).encode()
            ),
            st.tuples(st.integers(2, 90), st.integers(2, 40)).map(
                lambda size: json.dumps({"cols": size[0], "rows": size[1]}).encode()
            ),
            st.binary(max_size=10),
        ),
    ),
)


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    at_us, frames = 0, []
    for kind, data in draw(st.lists(frame_data, min_size=1, max_size=20)):
        at_us += draw(st.sampled_from([0, 1, 40_000, 3_000_000, 61_000_000]))
        frames.append(WireFrame(at_us, kind, data))
    return make_recording(
        frames, command=draw(st.sampled_from(["", "ls"])), size=draw(st.sampled_from([(80, 24), (0, 0)]))
    )


def play_to_end(player: Player, clock: HandClock, most_ticks: int = 5000) -> None:
    player.play()
    for _ in range(most_ticks):
        clock.now += 1 / 30
        player.tick()
        if not now(player).playing:
            return
    raise AssertionError("the player does not come to the end")


@given(recordings(), st.sampled_from([1.0, 64.0]))
@settings(max_examples=30, deadline=None)
def test_play_to_the_end_equals_seek_to_the_end(recording: Recording, speed: float) -> None:
    clock, emulators = HandClock(), (GhosttyEmulator(), GhosttyEmulator())
    played, jumped = (Player(recording, emulator, clock) for emulator in emulators)
    while played.state.speed < speed:
        played.faster()
    play_to_end(played, clock)
    jumped.seek_percent(100)
    assert played.screen == jumped.screen == linear_screen(recording, len(recording))
    assert played.state.position_us == jumped.state.position_us == recording.duration_us
    assert played.state.at_end
    assert jumped.state.at_end
    for emulator in emulators:
        emulator.close()


@given(
    recordings(),
    st.lists(st.one_of(st.integers(0, 10**9), st.sampled_from(["+", "-"])), min_size=1, max_size=8),
)
@settings(max_examples=60, deadline=None)
def test_seek_anywhere_equals_feeding_until_there(recording: Recording, moves: list[int | str]) -> None:
    emulator = GhosttyEmulator()
    player = Player(recording, emulator, HandClock())
    for move in moves:
        if isinstance(move, int):
            player.seek_to(move % (recording.duration_us + 2))
            assert now(player).frame == recording.frames_until(now(player).position_us)
        else:
            player.step(1 if move == "+" else -1)
        assert seen(player) == linear_screen(recording, now(player).frame)
    emulator.close()


def test_keyframes_make_the_same_screens_in_a_long_recording(emulator: GhosttyEmulator) -> None:
    noise = random.Random(7)
    words = [b"\x1b[3%dm" % n for n in range(8)] + [b"word ", b"\r\n", b"\x1b[H", "漢字".encode(), b"\x1b[2K"]
    frames = []
    for n in range(600):
        frames.append(output(n * 0.5, b"".join(noise.choices(words, k=1000))))
        if n % 50 == 49:
            frames.append(resize(n * 0.5, noise.randint(20, 120), noise.randint(10, 50)))
    recording = make_recording(frames)
    player = Player(recording, emulator, HandClock())
    player.seek_percent(100)
    assert len(player.keyframes) >= 5
    for position in noise.sample(range(300_000_000), 12):
        player.seek_to(position)
        assert seen(player) == linear_screen(recording, now(player).frame)


@pytest.fixture
def talk() -> Recording:
    """Three words at 1, 2 and 12 seconds; the end at 13."""
    frames = [output(1, b"one "), mark(2, "command", "second"), output(2, b"two "), output(12, b"three")]
    end = WireFrame(13_000_000, FrameKind.EXIT, b'{"status": 0}')
    return make_recording([*frames, end])


@pytest.fixture
def player(talk: Recording, emulator: GhosttyEmulator, clock: HandClock) -> Player:
    return Player(talk, emulator, clock)


def run(player: Player, clock: HandClock, seconds: float) -> None:
    for _ in range(round(seconds * 30)):
        clock.now += 1 / 30
        player.tick()


def test_playing_feeds_what_is_due(player: Player, clock: HandClock) -> None:
    run(player, clock, 1)
    assert now(player).position_us == 0, "it starts paused"
    player.play()
    run(player, clock, 1.5)
    assert seen(player).text.strip() == "one"
    assert now(player).position_us == pytest.approx(1_500_000, abs=10)
    player.pause()
    run(player, clock, 5)
    assert now(player).position_us == pytest.approx(1_500_000, abs=10)


def test_silences_are_cut_while_playing(player: Player, clock: HandClock) -> None:
    player.seek_to(2_000_000)
    player.play()
    run(player, clock, 1.9)
    assert now(player).skipped is None
    run(player, clock, 0.2)
    assert seen(player).text.strip() == "one two three"
    skipped = now(player).skipped
    assert skipped is not None
    assert skipped.end_us == 12_000_000
    assert skipped.start_us == pytest.approx(4_000_000, abs=40_000)
    player.seek_to(5_000_000)
    assert now(player).position_us == 5_000_000, "a jump lands in a silence"
    assert now(player).skipped is None


def test_silences_are_kept_when_asked(player: Player, clock: HandClock) -> None:
    player.set_idle_skip(False)
    player.seek_to(2_000_000)
    player.play()
    run(player, clock, 5)
    assert now(player).position_us == pytest.approx(7_000_000, abs=10)
    player.set_idle_skip(True, 60_000_000)
    run(player, clock, 1)
    assert now(player).position_us == pytest.approx(8_000_000, abs=10)


def test_speed(player: Player, clock: HandClock) -> None:
    for _ in range(20):
        player.slower()
    assert now(player).speed == SPEEDS[0] == 0.25
    player.play()
    run(player, clock, 2)
    assert now(player).position_us == pytest.approx(500_000, abs=10)
    for _ in range(20):
        player.faster()
    assert now(player).speed == SPEEDS[-1] == 64
    player.normal_speed()
    assert now(player).speed == 1


def test_the_end_and_again_from_the_start(player: Player, clock: HandClock) -> None:
    play_to_end(player, clock)
    state = now(player)
    assert (state.at_end, state.playing, state.position_us) == (True, False, 13_000_000)
    player.toggle()
    assert now(player).position_us == 0
    assert now(player).playing
    assert seen(player).text.strip() == ""
    player.toggle()
    assert not now(player).playing


def test_a_suspended_app_does_not_leap(player: Player, clock: HandClock) -> None:
    player.play()
    clock.now += 3600
    player.tick()
    assert now(player).position_us == 1_000_000


def test_steps_go_event_by_event(player: Player) -> None:
    player.play()
    player.step(1)
    assert not now(player).playing
    assert (now(player).frame, now(player).position_us) == (1, 1_000_000)
    player.step(2)
    assert seen(player).text.strip() == "one two"
    player.step(-1)
    assert seen(player).text.strip() == "one"
    player.step(-99)
    assert (now(player).frame, now(player).position_us) == (0, 0)
    player.step(99)
    assert now(player).frame == 5


def test_jumps(player: Player) -> None:
    player.seek_percent(50)
    assert now(player).position_us == 6_500_000
    player.seek_by(-60_000_000)
    assert now(player).position_us == 0
    player.seek_by(10**12)
    assert now(player).position_us == 13_000_000


def test_chapters(player: Player, clock: HandClock) -> None:
    assert now(player).chapter is None
    assert player.next_chapter()
    assert now(player).position_us == 2_000_000
    assert now(player).chapter == 0
    assert player.next_chapter()
    assert now(player).position_us == 13_000_000
    assert not player.next_chapter()
    assert player.previous_chapter()
    assert now(player).position_us == 2_000_000
    assert not player.previous_chapter()
    assert now(player).position_us == 0
    player.seek_to(2_000_000)
    player.play()
    run(player, clock, 0.5)
    assert not player.previous_chapter(), "shortly after its start a chapter counts as not begun"


def test_the_input_lane_follows_the_position(emulator: GhosttyEmulator) -> None:
    typed = [WireFrame(n * 1_000_000, FrameKind.INPUT, b"abcdefghij"[n : n + 1]) for n in range(10)]
    player = Player(make_recording(typed), emulator, HandClock())
    player.seek_to(2_500_000)
    assert [key.name for key in now(player).keys] == ["a", "b", "c"]
    assert now(player).input_bytes == 3
    player.seek_to(0)
    assert [key.name for key in now(player).keys] == ["a"]


def test_ticks_say_whether_anything_changed(player: Player, clock: HandClock) -> None:
    assert player.tick()
    assert seen(player).rows
    assert not player.tick()
    clock.now += 5
    assert not player.tick(), "paused"
    player.seek_to(1_000_000)
    assert player.tick()
    assert seen(player).changed
    assert not seen(player).changed
    assert not player.tick()


def test_following_a_live_session(emulator: GhosttyEmulator, clock: HandClock) -> None:
    recording = make_recording([output(0, b"start ")], RecordingState.LIVE)
    player = Player(recording, emulator, clock)
    player.go_live()
    assert now(player).following
    recording.extend([output(5, b"more ")])
    player.tick()
    assert seen(player).text.strip() == "start more"
    assert now(player).position_us == 5_000_000
    player.seek_to(1_000_000)
    assert not now(player).following
    recording.extend([output(6, b"last")])
    assert seen(player).text.strip() == "start"
    run(player, clock, 5)
    assert now(player).following, "played up to the end of a live session"
    recording.extend([output(7, b"!"), WireFrame(8_000_000, FrameKind.EXIT, b"{}")])
    recording.caught_up(RecordingState.WHOLE)
    run(player, clock, 1)
    assert seen(player).text.strip() == "start more last!"
    assert (now(player).at_end, now(player).playing, now(player).following) == (True, False, False)


def test_waiting_for_frames_that_are_still_fetched(emulator: GhosttyEmulator, clock: HandClock) -> None:
    whole = make_recording([output(0, b"a"), output(1, b"b"), output(2, b"c")])
    recording = Recording(whole.info)
    recording.extend([whole.frame(0), whole.frame(1)])
    player = Player(recording, emulator, clock)
    player.seek_to(10**9)
    assert now(player).position_us == 1_000_000
    player.play()
    run(player, clock, 5)
    assert now(player).playing
    assert not now(player).at_end
    assert not now(player).following
    recording.extend([whole.frame(2)])
    recording.caught_up(RecordingState.WHOLE)
    run(player, clock, 2)
    assert seen(player).text.strip() == "abc"
    assert now(player).at_end


def test_a_far_jump_is_spread_over_ticks(emulator: GhosttyEmulator) -> None:
    """A clock that runs while the emulator works: no call takes much longer than its budget."""

    class BusyClock(HandClock):
        def __call__(self) -> float:
            self.now += 0.005
            return self.now

    recording = make_recording(output(n, b"line\r\n" * 4000) for n in range(100))
    player = Player(recording, emulator, BusyClock())
    player.seek_percent(100)
    assert now(player).seeking
    assert now(player).position_us == recording.duration_us
    for _ in range(500):
        if not now(player).seeking:
            break
        player.tick()
    assert seen(player) == linear_screen(recording, len(recording))


def test_an_empty_recording(emulator: GhosttyEmulator, clock: HandClock) -> None:
    player = Player(make_recording([]), emulator, clock)
    player.toggle()
    run(player, clock, 1)
    player.step(1)
    player.previous_chapter()
    player.seek_percent(50)
    assert seen(player).text.strip() == ""
    assert now(player).at_end


def test_output_of_a_session_without_a_terminal(emulator: GhosttyEmulator, clock: HandClock) -> None:
    frames = [output(0, b"out\n"), WireFrame(1, FrameKind.ERROR, b"err\n"), output(1, b"end")]
    player = Player(make_recording(frames, command="make"), emulator, clock)
    player.seek_percent(100)
    assert [row.text for row in seen(player).rows[:3]] == ["out", "err", "end"]


def test_keyframes_are_thinned_when_they_take_too_much(emulator: GhosttyEmulator) -> None:
    recording = make_recording(output(n * 61, b"\x1b[38;5;%dmtext" % (n % 256) * 99) for n in range(60))
    keyframes = Keyframes(recording, most_memory=20_000)
    player = Player(recording, emulator, HandClock(), keyframes)
    player.seek_percent(100)
    assert 2 <= len(keyframes) < 60
    assert keyframes.memory <= 20_000
    player.seek_percent(70)
    assert seen(player) == linear_screen(recording, now(player).frame)
