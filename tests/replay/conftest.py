"""The two emulators, a clock, and real programs to record."""

import os
import pty
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from gateway.api.schema import FrameKind, WireFrame
from hoop_tui.replay.ghostty import GhosttyEmulator
from hoop_tui.replay.worker import WorkerEmulator
from tests.replay.stage import HandClock, Script


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def emulator() -> Iterator[GhosttyEmulator]:
    made = GhosttyEmulator()
    yield made
    made.close()


@pytest.fixture(scope="session")
def shared_worker() -> Iterator[WorkerEmulator]:
    """One process for all tests that leave it alive."""
    with WorkerEmulator() as made:
        yield made


@pytest.fixture
def worker() -> Iterator[WorkerEmulator]:
    with WorkerEmulator() as made:
        yield made


@pytest.fixture(scope="session")
def record_program() -> Callable[[list[str], Script], list[WireFrame]]:
    """Runs a real program on a real pty of 80x24 and returns its output as frames with true times."""

    def record(command: list[str], keys: Script) -> list[WireFrame]:
        program = shutil.which(command[0])
        if program is None:
            pytest.skip(f"{command[0]} is not installed")
        master, slave = pty.openpty()
        os.set_blocking(master, False)
        subprocess.run(["stty", "rows", "24", "cols", "80"], stdin=slave, check=True)
        environment = {"TERM": "xterm-256color", "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": "/"}
        child = subprocess.Popen(
            [program, *command[1:]], stdin=slave, stdout=slave, stderr=slave, env=environment, close_fds=True
        )
        os.close(slave)
        frames: list[WireFrame] = []
        started = time.monotonic()
        try:
            for expected, typed in keys:
                since = len(frames)
                while expected not in b"".join(frame.data for frame in frames[since:]):
                    assert _read(master, frames, started), "the program ended early"
                os.write(master, typed)
            while _read(master, frames, started):
                pass
            child.wait(10)
        finally:
            child.kill()
            child.wait()
            os.close(master)
        return frames

    return record


def _read(master: int, frames: list[WireFrame], started: float) -> bool:
    """One piece of output; False when the program closed its side."""
    assert select.select([master], [], [], 20)[0], "the program is silent"
    try:
        data = os.read(master, 4096)
    except OSError:
        return False
    frames.append(WireFrame(int((time.monotonic() - started) * 1e6), FrameKind.OUTPUT, data))
    return bool(data)
