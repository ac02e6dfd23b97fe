"""The emulator in its own process: the same pictures, and failures that stay there."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hoop_tui.replay.emulator import EmulatorFailed, Row
from hoop_tui.replay.ghostty import GhosttyEmulator
from hoop_tui.replay.worker import WorkerEmulator
from hoop_tui.replay.worker_wire import pack_screen, unpack_screen
from tests.replay.stage import sizes, terminal_bytes


def gone(pid: int) -> bool:
    """Whether the process ended (a zombie that its parent still has to bury has ended)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@given(acts=st.lists(st.one_of(terminal_bytes, sizes), max_size=15))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_shows_what_the_emulator_here_shows(
    shared_worker: WorkerEmulator, emulator: GhosttyEmulator, acts: list[bytes | tuple[int, int]]
) -> None:
    for one in (shared_worker, emulator):
        one.clear()
    for number, act in enumerate(acts):
        for one in (shared_worker, emulator):
            if isinstance(act, bytes):
                one.feed(act)
            else:
                one.resize(*act)
        if number % 3 == 2:
            assert shared_worker.screen().rows == emulator.screen().rows
    assert shared_worker.screen() == emulator.screen()
    snapshot = shared_worker.snapshot()
    if snapshot is not None:
        shared_worker.feed(b"\x1b[2Jsomething else")
        shared_worker.restore(snapshot)
        assert shared_worker.screen() == emulator.screen()


def test_changed_rows_travel_alone(shared_worker: WorkerEmulator) -> None:
    shared_worker.clear()
    assert len(shared_worker.screen().changed) == 24
    shared_worker.feed(b"\x1b[9;1Hx")
    screen = shared_worker.screen()
    assert 8 in screen.changed
    assert len(screen.changed) < 24
    assert screen.rows[8].text == "x"


def test_a_killed_process_is_an_error_and_can_be_started_again(worker: WorkerEmulator) -> None:
    worker.feed(b"before")
    assert worker.screen().rows[0].text == "before"
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(EmulatorFailed, match="ended"):
        worker.screen()
    with pytest.raises(EmulatorFailed, match="closed"):
        worker.screen()
    worker.restart()
    assert worker.screen().text.strip() == ""


@pytest.mark.parametrize("burst", [b"x", b"x" * 3_000_000], ids=["small", "more than a pipe holds"])
def test_a_process_that_hangs_is_given_up(burst: bytes) -> None:
    with WorkerEmulator() as worker:
        worker.screen()
        worker._patience = 0.3  # from now on: its own start takes longer where much else runs
        pid = worker.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        started = time.monotonic()
        with pytest.raises(EmulatorFailed, match=r"did not answer within 0\.3 seconds"):
            _feed_and_settle(worker, burst)
        assert time.monotonic() - started < 5
        assert gone(pid)


def _feed_and_settle(worker: WorkerEmulator, data: bytes) -> None:
    worker.feed(data)
    worker.settle()


def test_a_broken_snapshot_is_an_error(worker: WorkerEmulator) -> None:
    with pytest.raises(EmulatorFailed, match="refused"):
        worker.restore(b"garbage")
    worker.restart()
    worker.settle()


def test_it_ends_with_the_app() -> None:
    """Even when the app is killed outright and can clean up nothing."""
    program = (
        "import os, sys; from hoop_tui.replay.worker import WorkerEmulator\n"
        "w = WorkerEmulator(); w.screen(); print(w.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as app:
        assert app.stdout is not None
        pid = int(app.stdout.readline())
        assert not gone(pid)
        app.kill()
    deadline = time.monotonic() + 10
    while not gone(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_is_out_of_reach_of_the_keyboard_and_limited(worker: WorkerEmulator) -> None:
    worker.screen()
    pid = worker.pid
    assert pid is not None
    assert os.getsid(pid) == pid
    os.kill(pid, signal.SIGINT)
    worker.feed(b"alive")
    assert worker.screen().rows[0].text == "alive"
    assert resource.prlimit(pid, resource.RLIMIT_AS)[0] == 1 << 30
    assert resource.prlimit(pid, resource.RLIMIT_CORE)[0] == 0
    opened = {str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    assert all(name == "/dev/null" or name.startswith("pipe:") for name in opened)


def test_it_does_not_import_from_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "zlib.py").write_text("raise SystemExit")
    (tmp_path / "json.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    with WorkerEmulator() as worker:
        worker.screen()


def test_an_unwell_process_can_not_forge_a_picture(emulator: GhosttyEmulator) -> None:
    emulator.feed("\x1b[31mhello\x1b[38;2;1;2;3m 漢".encode())
    screen = emulator.screen()
    told = pack_screen(screen)
    assert unpack_screen(told, ()) == screen
    evil = told.replace(b"hello", b"a\\u001b\\u202e")
    assert "\x1b" not in unpack_screen(evil, ()).text
    assert "\u202e" not in unpack_screen(evil, ()).text
    for good, bad in (
        (b'"size":[80,24]', b'"size":[80,2400000]'),
        (b'"size":[80,24]', b'"size":[-80,24]'),
        (b'"fg":1', b'"fg":"@click"'),
        (b'"fg":1', b'"fg":"#1234zz"'),
        (b'"fg":1', b'"strange":1,"fg":999'),
        (b",5,0]", b",5000,0]"),
        (b",5,0]", b",5,99]"),
        (b'"rows":[[0,', b'"rows":[[99,'),
        (b'"cursor"', b'"curse"'),
    ):
        assert good in told
        with pytest.raises(EmulatorFailed):
            unpack_screen(told.replace(good, bad, 1), ())


@given(st.binary(max_size=60))
def test_garbage_is_no_picture(answer: bytes) -> None:
    with pytest.raises(EmulatorFailed):
        unpack_screen(answer, (Row(()),))
