"""What happens when the emulator dies or hangs: the replay goes on, and says what is missing."""

import os
import signal
import time

import pytest

from gateway.api.schema import WireFrame
from hoop_tui.replay.emulator import EmulatorFailed
from hoop_tui.replay.ghostty import GhosttyEmulator
from hoop_tui.replay.indexer import Indexer
from hoop_tui.replay.keyframes import Keyframes
from hoop_tui.replay.player import Player
from hoop_tui.replay.worker import WorkerEmulator
from tests.replay.stage import HandClock, linear_screen, make_recording, now, output, resize, seen, settle

POISON = b"<poison>"


class KilledByPoison(WorkerEmulator):
    """A true worker process, truly killed or stopped whenever the poison is fed to it."""

    def __init__(self, how: signal.Signals, patience: float = 5.0) -> None:
        self.how, self.deaths = how, 0
        super().__init__(patience)

    def feed(self, data: bytes) -> None:
        if POISON in data:
            super().screen()
            assert self.pid is not None
            os.kill(self.pid, self.how)
            self.deaths += 1
        super().feed(data)


def some_frames(count: int = 40) -> list[WireFrame]:
    return [output(n * 0.1, b"line %d\r\n" % n) for n in range(count)]


def poisoned(at: int) -> list[WireFrame]:
    frames = some_frames()
    frames.insert(at, output(at * 0.1, b"lost " + POISON + b"\r\n"))
    return frames


@pytest.mark.parametrize(("how", "patience"), [(signal.SIGKILL, 5.0), (signal.SIGSTOP, 1.0)])
def test_an_event_that_kills_is_left_out_and_named(how: signal.Signals, patience: float) -> None:
    recording = make_recording(poisoned(20))
    with KilledByPoison(how, patience) as worker:
        player = Player(recording, worker, time.monotonic)
        settle(player)
        player.seek_percent(100)
        settle(player)
        without = make_recording(some_frames())
        assert seen(player) == linear_screen(without, len(without))
        assert worker.deaths == 2, "once in a batch, once alone"
        assert now(player).notice == (
            "the emulator failed at 00:02.000: 1 event is not in the picture, but in the recording"
        )
        player.seek_percent(0)
        settle(player)
        assert now(player).notice == "", "before the event nothing is missing"
        player.seek_percent(100)
        settle(player)
        assert worker.deaths == 2, "it is not tried again"


def test_a_process_killed_from_outside_loses_nothing() -> None:
    recording = make_recording(some_frames())
    with WorkerEmulator() as worker:
        player = Player(recording, worker, time.monotonic)
        settle(player)
        for percent in (30, 100):
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGKILL)
            player.seek_percent(percent)
            settle(player)
            assert seen(player) == linear_screen(recording, now(player).frame)
        assert now(player).notice == ""


def test_a_process_killed_before_it_is_drawn() -> None:
    recording = make_recording(some_frames())
    with WorkerEmulator() as worker:
        player = Player(recording, worker, time.monotonic)
        settle(player)
        player.seek_percent(100)
        settle(player)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while seen(player) != linear_screen(recording, len(recording)):
            assert player.tick(), "it says that there is something to draw until there is"
            assert time.monotonic() < deadline


class NeverWell(GhosttyEmulator):
    """An emulator that can be started but dies of any output."""

    def settle(self) -> None:
        raise EmulatorFailed("out of order")


def test_an_emulator_that_never_works_is_given_up_openly() -> None:
    emulator = NeverWell()
    player = Player(make_recording(some_frames()), emulator, HandClock())
    player.seek_percent(100)
    assert "the picture stops here: out of order" in now(player).notice
    assert seen(player).rows
    player.seek_percent(0)
    player.tick()
    emulator.close()


class RefusesSnapshots(GhosttyEmulator):
    """Restoring always fails; snapshots can be taken."""

    def restore(self, snapshot: bytes) -> None:
        raise EmulatorFailed("can not restore")


def test_keyframes_that_can_not_be_restored_are_dropped() -> None:
    emulator = RefusesSnapshots()
    recording = make_recording(output(n * 61, b"line %d\r\n" % n) for n in range(4))
    player = Player(recording, emulator, HandClock())
    player.seek_percent(100)
    player.step(-1)
    assert seen(player) == linear_screen(recording, 3)
    assert now(player).notice == ""
    emulator.close()


def test_the_indexer_makes_keyframes_for_the_player(emulator: GhosttyEmulator) -> None:
    recording = make_recording(
        [
            frame
            for n in range(120)
            for frame in (output(n, b"x" * 20_000 + b"\r\n"), resize(n, 80 + n % 7, 24))
        ]
    )
    keyframes, clock, other = Keyframes(recording), HandClock(), GhosttyEmulator()
    indexer = Indexer(recording, other, keyframes, clock)
    steps = 0
    while indexer.index_step():
        steps += 1
    assert steps > 10
    assert indexer.indexed_frames == len(recording)
    assert len(keyframes) == 3
    player = Player(recording, emulator, clock, keyframes)
    for percent in (90, 10, 55, 100):
        player.seek_percent(percent)
        assert seen(player) == linear_screen(recording, now(player).frame)
    recording.extend([output(130, b"more")])
    indexer.index_step()
    assert not indexer.index_step()
    assert indexer.indexed_frames == len(recording)
    other.close()


def test_the_indexer_leaves_out_what_the_player_left_out() -> None:
    recording = make_recording(poisoned(10))
    keyframes = Keyframes(recording)
    with KilledByPoison(signal.SIGKILL) as worker:
        indexer = Indexer(recording, worker, keyframes, time.monotonic)
        deadline = time.monotonic() + 30
        while indexer.index_step():
            assert time.monotonic() < deadline
        assert [(trouble.frame, trouble.left_out) for trouble in keyframes.troubles] == [(10, True)]
    emulator = GhosttyEmulator()
    player = Player(recording, emulator, HandClock(), keyframes)
    player.seek_percent(100)
    assert "lost" not in seen(player).text
    assert "1 event is not in the picture" in now(player).notice
    emulator.close()


def test_a_bomb_of_resizes_and_an_open_sequence(shared_worker: WorkerEmulator) -> None:
    frames = [resize(n / 1000, 1 + n * 37 % 1500, n * 53 % 900) for n in range(300)]
    frames += [output(1, b"\x1b]0;" + b"x" * 3_000_000), output(2, b"hidden"), output(3, b"\x07shown")]
    player = Player(make_recording(frames), shared_worker, time.monotonic)
    settle(player)
    player.seek_to(2_500_000)
    settle(player, 60)
    assert seen(player).unfinished >= 1 << 20, "the app can say that output is being swallowed"
    player.seek_to(3_000_000)
    settle(player, 60)
    assert seen(player).text.strip() == "shown"
    assert now(player).notice == ""
