"""A person at a terminal of 100x30 with `hoop-tui` in it, or whatever else is started there."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path

HOOP_TUI = (str(Path(sys.executable).parent / "hoop-tui"),)
_SEQUENCES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Seat:
    """`all_sent` is everything that the terminal was sent, `sent` what came after the last `see`."""

    def __init__(
        self, home: Path, command: Sequence[str] = HOOP_TUI, term: str = "xterm-256color", **environ: str
    ) -> None:
        self._ours, theirs = pty.openpty()
        self.resize(30, 100)
        usual = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": term, "LC_ALL": "C.UTF-8"}
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=usual | environ, start_new_session=True
        )
        os.close(theirs)
        self.sent = self.all_sent = ""

    def resize(self, lines: int, columns: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        if hasattr(self, "process"):
            self.process.send_signal(signal.SIGWINCH)

    def see(self, words: str) -> None:
        deadline = time.monotonic() + 60
        while words not in _SEQUENCES.sub("", self.sent):
            assert time.monotonic() < deadline, self.sent[-2000:]
            self.rest(0.1)
        self.sent = ""

    def rest(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([self._ours], [], [], left)[0]:
                try:
                    piece = os.read(self._ours, 1 << 16).decode(errors="replace")
                except OSError:
                    return
                self.sent += piece
                self.all_sent += piece

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def left(self) -> int:
        """Its exit code, once it has ended."""
        deadline = time.monotonic() + 30
        while self.process.poll() is None and time.monotonic() < deadline:
            self.rest(0.1)
        self.rest(0.1)
        return self.process.wait(0.1)

    def hang_up(self) -> None:
        """Nobody is told by a signal: it is the terminal of no session."""
        os.close(self._ours)
        self._ours = -1

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        if self._ours >= 0:
            os.close(self._ours)
