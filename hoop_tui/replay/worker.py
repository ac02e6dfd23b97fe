"""The emulator in a process of its own, behind the same Protocol, with a deadline for every request.

A recording may crash the emulator or make it hang; then this raises `EmulatorFailed` and the app lives on.
Feeds and resizes are collected and travel with the next question, so a burst of events costs one round trip.
"""

import os
import select
import subprocess
import sys
import time
from types import TracebackType
from typing import Self

from hoop_tui.replay.emulator import EmulatorFailed, Row, Screen, clamp_size
from hoop_tui.replay.worker_wire import (
    LARGEST_MESSAGE,
    LENGTH,
    Act,
    Answer,
    pack_act,
    pack_size,
    unpack_screen,
)

_MOST_COLLECTED = 1 << 20
_START_PATIENCE = 30.0
"""A process start on a busy machine is not a hang."""


class WorkerEmulator:
    """An `Emulator`. The process starts with the object but is not waited for until the first question."""

    def __init__(self, patience: float = 5.0) -> None:
        self._patience = patience
        self._process: subprocess.Popen[bytes] | None = None
        self._to, self._from = -1, -1
        self._ready = False
        self._collected = bytearray()
        self._rows: tuple[Row, ...] = ()
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The process's number while there is one."""
        return None if self._process is None else self._process.pid

    def ready(self) -> bool:
        if self._ready or self._process is None:
            return True
        poll = select.poll()
        poll.register(self._from, select.POLLIN)
        return bool(poll.poll(0))

    def feed(self, data: bytes) -> None:
        for start in range(0, len(data), _MOST_COLLECTED):
            if len(self._collected) >= _MOST_COLLECTED:
                self.settle()
            self._collected += pack_act(Act.FEED, data[start : start + _MOST_COLLECTED])

    def resize(self, cols: int, rows: int) -> None:
        self._collected += pack_act(Act.RESIZE, pack_size(*clamp_size(cols, rows)))

    def clear(self) -> None:
        self._collected[:] = pack_act(Act.CLEAR)

    def settle(self) -> None:
        if self._collected:
            self._ask(Act.SETTLE)

    def screen(self) -> Screen:
        screen = unpack_screen(self._must(Act.SCREEN), self._rows)
        self._rows = screen.rows
        return screen

    def snapshot(self) -> bytes | None:
        answer = self._ask(Act.SNAPSHOT)
        return None if answer[0] == Answer.NOTHING else answer[1:]

    def restore(self, snapshot: bytes) -> None:
        self._collected.clear()
        self._must(Act.RESTORE, snapshot)

    def restart(self) -> None:
        self.close()
        self._start()

    def close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        os.close(self._to)
        os.close(self._from)
        process.kill()
        process.wait()

    def _start(self) -> None:
        self._collected.clear()
        self._ready, self._rows = False, ()
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        # -P: the directory the person happens to stand in must not supply modules.
        command = [sys.executable, "-P", "-m", "hoop_tui.replay.worker_main"]
        try:
            self._process = subprocess.Popen(
                [*command, str(theirs_in), str(theirs_out), str(self._patience)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs_in, theirs_out),
                start_new_session=True,  # Ctrl-C and Ctrl-Z at the keyboard are not meant for it
            )
        except OSError as error:
            os.close(self._to)
            os.close(self._from)
            raise EmulatorFailed("the emulator could not be started") from error
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)

    def _must(self, act: Act, data: bytes = b"") -> bytes:
        """The answer's content where there has to be one."""
        answer = self._ask(act, data)
        if answer[0] != Answer.DONE:
            raise self._failed("the emulator gave an answer that makes no sense")
        return answer[1:]

    def _ask(self, act: Act, data: bytes = b"") -> bytes:
        if self._process is None:
            raise EmulatorFailed("the emulator is closed")
        body = bytes(self._collected) + pack_act(act, data)
        self._collected.clear()
        if not self._ready:
            self._receive(time.monotonic() + _START_PATIENCE)
            self._ready = True
        deadline = time.monotonic() + self._patience
        self._send(LENGTH.pack(len(body)) + body, deadline)
        answer = self._receive(deadline)
        if answer[:1] == bytes([Answer.FAILED]) or not answer:
            raise self._failed("the emulator refused: " + answer[1:].decode(errors="replace"))
        return answer

    def _send(self, message: bytes, deadline: float) -> None:
        rest = memoryview(message)
        while rest:
            self._wait(self._to, select.POLLOUT, deadline)
            try:
                rest = rest[os.write(self._to, rest) :]
            except BlockingIOError:
                continue
            except BrokenPipeError as error:
                raise self._failed() from error

    def _receive(self, deadline: float) -> bytes:
        (length,) = LENGTH.unpack(self._receive_exactly(LENGTH.size, deadline))
        if length > LARGEST_MESSAGE:
            raise self._failed("the emulator gave an answer that makes no sense")
        return self._receive_exactly(length, deadline)

    def _receive_exactly(self, length: int, deadline: float) -> bytes:
        received = bytearray()
        while len(received) < length:
            self._wait(self._from, select.POLLIN, deadline)
            try:
                part = os.read(self._from, min(length - len(received), 1 << 20))
            except BlockingIOError:
                continue
            if not part:
                raise self._failed()
            received += part
        return bytes(received)

    def _wait(self, pipe: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(pipe, event)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise self._failed(f"the emulator did not answer within {self._patience:g} seconds")

    def _failed(self, why: str = "") -> EmulatorFailed:
        """The process is of no use any more: end it, and say what happened."""
        process = self._process
        self.close()
        code = process.returncode if process is not None else None
        return EmulatorFailed(why or f"the emulator's process ended (code {code})")
