"""A real program on a pseudo-terminal, somebody who types, and two watches: one reads before Enter, one after.

Everything waits for what must come, never for time to pass.
"""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.capture.line import LineWatch
from gateway.capture.reading import Reading
from gateway.capture.zones import LineTaken

PATIENCE = 30.0


def _take_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Keyboard:
    """`start`, `type`, `enter`."""

    def __init__(
        self, command: list[str], directory: Path, *, ready: bytes = b"\x1b[?2004h", **environment: str
    ) -> None:
        """`ready`: what the program sends when it wants another line. Nobody types ahead but where a test says so."""
        cols, rows = 80, 24
        self.held = LineWatch(cols, rows)
        """Asked before Enter is sent."""
        self.free = LineWatch(cols, rows)
        """Told that Enter was sent, and asked later."""
        self.seen = b""
        self._looked = 0
        self._ready = ready
        self._waited = False
        self._found: list[Reading] = []
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        settings = {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "HISTFILE": "/dev/null", "PS1": "$ "}
        self._process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=directory,
            env={**settings, "PATH": os.environ["PATH"], "HOME": str(directory), **environment},
            preexec_fn=_take_terminal,
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def read(self) -> None:
        """Something more from the program."""
        ready, _, _ = select.select([self._master], [], [], PATIENCE)
        assert ready, f"silent after {self.seen[-500:]!r}"
        data = os.read(self._master, 1 << 16)
        self.seen += data
        self.held.answered(data)
        self.free.answered(data)

    def until(self, wanted: bytes) -> None:
        """Wait for it to be shown, after what was waited for before."""
        until = time.monotonic() + PATIENCE
        while (at := self.seen.find(wanted, self._looked)) < 0:
            assert time.monotonic() < until, f"never saw {wanted!r} in {self.seen[self._looked :][-2000:]!r}"
            self.read()
        self._looked = at + len(wanted)
        self._waited = True

    def type(self, keys: bytes, sees: bytes = b"") -> None:
        """Send keys that run nothing, and wait for something to show."""
        if not self._waited:
            self.until(self._ready)
        os.write(self._master, keys)
        for watch in (self.held, self.free):
            rest = keys
            while rest:
                stroke = watch.next_stroke(rest)
                assert not stroke.ender, f"{keys!r} would run something"
                watch.typed(stroke)
                rest = stroke.rest
        if sees:
            self.until(sees)

    def interrupt(self, prompt: bytes) -> None:
        """Ctrl-C until the prompt is there: bash 5.2 now and then does nothing about the first."""
        until = time.monotonic() + PATIENCE
        begin = len(self.seen)
        while prompt not in self.seen[begin:]:
            assert time.monotonic() < until, f"no prompt in {self.seen[begin:]!r}"
            self.type(b"\x03")
            while prompt not in self.seen[begin:] and select.select([self._master], [], [], 1.0)[0]:
                self.read()
        self._looked = len(self.seen)

    def ready_for(self, text: str | None) -> Reading | None:
        """What is read before Enter, once it is this."""
        until = time.monotonic() + PATIENCE
        while True:
            reading = self.held.at_enter()
            if (reading.text if reading else None) == text:
                return reading
            assert time.monotonic() < until, f"{reading} instead of {text!r}"
            if select.select([self._master], [], [], 0.2)[0]:
                self.read()

    def press_enter(self, reading: Reading | None, key: bytes = b"\r") -> None:
        """Enter is sent on."""
        if not self._waited:
            self.until(self._ready)
        self._looked = len(self.seen)
        self._waited = False
        os.write(self._master, key)
        for watch in (self.held, self.free):
            stroke = watch.next_stroke(key)
            assert stroke.ender == key
            watch.typed(stroke)
        self.held.entered(reading, read=True)
        self.free.entered()

    def enter(self, text: str, key: bytes = b"\r") -> Reading:
        """Run the line; both watches must read this text. Returns the doubtful one of the two readings."""
        before = self.ready_for(text)
        assert before is not None
        self.press_enter(before, key)
        after = self.taken()
        assert after.text == text, (before, after)
        return min(before, after, key=lambda each: ["low", "medium", "high"].index(each.confidence))

    def enter_nothing(self, sees: bytes, key: bytes = b"\r") -> None:
        """Press Enter where that runs nothing; then this shows."""
        reading = self.ready_for(None)
        self.press_enter(reading, key)
        self.until(sees)
        self.free.read_rest()
        found = self.free.collect()
        assert found == [], found

    def ahead(self) -> None:
        """What is typed next is typed before anybody wants it."""
        self._waited = True

    def taken(self) -> Reading:
        """What the other watch has read."""
        until = time.monotonic() + PATIENCE
        while True:
            self._found += [each for each in self.free.collect() if isinstance(each, Reading)]
            if self._found:
                return self._found.pop(0)
            assert time.monotonic() < until, self.seen[-500:]
            self.read()

    def reports(self, count: int) -> list[str]:
        """What the shell has said that it runs."""
        found: list[str] = []
        while len(found) < count:
            found += [each.text for each in self.free.collect() if isinstance(each, LineTaken)]
            if len(found) < count:
                self.read()
        return found
