"""The app in a real terminal, and when it was that what it wrote came out of it.

The terminal is not drawn: the letters that were sent are read, in the order they came.
"""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

_LINES, _COLUMNS = 40, 120
_PATIENCE = 60.0
_SEQUENCE = re.compile(r"\x1b(?:\[[0-9;:?<>=]*[a-zA-Z]|\][^\x07]*\x07|P[^\x1b]*\x1b\\)")
_ROW = re.compile(r"> [^│]{1,60}?\b([0-9A-Z]{3}-[0-9A-Z]{4})\b")


class Screen:
    """`with Screen(...)`: started when it is entered, and ended when it is left."""

    def __init__(self, gateway: str, token: str) -> None:
        self._gateway, self._token = gateway, token
        self._left = ExitStack()
        self._seen = ""
        self._row = ""
        self._began = 0.0
        self._terminal = -1

    def __enter__(self) -> "Screen":
        home = self._left.enter_context(TemporaryDirectory(prefix="hoop-bench-"))
        self._terminal, theirs = pty.openpty()
        self._left.callback(os.close, self._terminal)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _LINES, _COLUMNS, 0, 0))
        self._began = time.perf_counter()
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("hoop-tui"))],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={
                "PATH": os.environ["PATH"],
                "HOME": home,
                "TERM": "xterm-256color",
                "LC_ALL": "C.UTF-8",
                "HOOP_GATEWAY": self._gateway,
                "HOOP_TOKEN": self._token,
            },
            start_new_session=True,
        )
        os.close(theirs)
        self._left.callback(_end, process, self._terminal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.close()

    def now(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._began

    def press(self, keys: str) -> None:
        """As the terminal sends them."""
        os.write(self._terminal, keys.encode())

    def until(self, words: str) -> float:
        """When these were written, in seconds since the start; what was written before is forgotten."""
        deadline = time.monotonic() + _PATIENCE
        while words not in self._seen:
            self._read(deadline)
        self._seen = self._seen.partition(words)[2]
        return self.now()

    def until_row_changes(self) -> float:
        """When another row had the cursor."""
        self._seen, deadline = "", time.monotonic() + _PATIENCE
        while True:
            self._read(deadline)
            for id in _ROW.findall(self._seen):
                if id != self._row:
                    self._row = id
                    return self.now()

    def rest(self, seconds: float) -> None:
        """Let it be, and forget what it writes meanwhile, but for where the cursor is."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([self._terminal], [], [], left)[0]:
                self._read(until)
        found = _ROW.findall(self._seen)
        self._row = found[-1] if found else self._row
        self._seen = ""

    def _read(self, deadline: float) -> None:
        if not select.select([self._terminal], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TimeoutError(f"nothing more came; the last was: {self._seen[-2000:]}")
        sent = os.read(self._terminal, 1 << 16).decode(errors="replace")
        self._seen = (self._seen + _SEQUENCE.sub("", sent))[-200_000:]


def _end(process: "subprocess.Popen[bytes]", terminal: int) -> None:
    """What it writes on its way out is read, or it would not get there."""
    process.terminate()
    deadline = time.monotonic() + 10
    with suppress(OSError):
        while process.poll() is None and time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.1)[0]:
                os.read(terminal, 1 << 16)
    if process.poll() is None:
        process.kill()
    process.wait()
