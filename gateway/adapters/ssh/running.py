"""A program that runs in or beside the gateway for one person, on a terminal or on pipes, as a relay sees it.

Who started it, and what keeps it in bounds, is not known here: it has descriptors, and a process to wait for.
"""

import asyncio
import os
import signal
import struct
import termios
from fcntl import ioctl
from typing import Protocol

from gateway.adapters.ssh.asked import Break, Control, Resize, Signal, Terminal
from gateway.adapters.ssh.inbox import BULK, Inbox
from gateway.adapters.ssh.pipes import Input, Output
from gateway.core.shown import Stream
from gateway.session.valve import Valve

END_OF_INPUT = b"\x04"
"""How a terminal says it."""
_HEARD = frozenset({"INT", "TERM", "HUP", "QUIT", "KILL", "USR1", "USR2", "WINCH"})


class Process(Protocol):
    """What is known of its process: `asyncio.subprocess.Process` is one."""

    @property
    def returncode(self) -> int | None:
        """As of a child of ours: of one that a signal has ended, its number below zero."""
        ...

    async def wait(self) -> int: ...
    def send_signal(self, signal: int) -> None: ...


class Running:
    """A running program, as a relay sees it."""

    def __init__(self, terminal: int | None, pipes: tuple[int, int, int] | None) -> None:
        """`terminal`: our end of it; else `pipes`: its input, output and errors. All but the input are closed by
        whoever made them, after `stop`."""
        self.inbox = Inbox(BULK)
        self.closed = asyncio.Event()
        self.lost = False
        self.status: int | None = None
        self.signal: tuple[str, bool, str] | None = None
        self._terminal = terminal
        self._process: Process | None = None
        self._flowing = 0
        self._silent = asyncio.Event()
        self._outputs: list[Output] = []
        if terminal is not None:
            self._input = Input(terminal)
            self._listen(terminal, Stream.OUT)
        elif pipes is not None:
            self._input = Input(pipes[0])
            self._listen(pipes[1], Stream.OUT)
            self._listen(pipes[2], Stream.ERR)
        self._pipe_in = pipes[0] if pipes is not None else -1
        self.inbox.attach(self)

    def _listen(self, fd: int, stream: Stream) -> None:
        self._flowing += 1
        self._outputs.append(Output(fd, stream, self.inbox, self._over))

    def _over(self) -> None:
        self._flowing -= 1
        if not self._flowing:
            self._silent.set()

    # What its inbox calls.

    def pause_reading(self) -> None:
        for output in self._outputs:
            output.pause_reading()

    def resume_reading(self) -> None:
        for output in self._outputs:
            output.resume_reading()

    # What a relay calls.

    def obey(self, valve: Valve) -> None:
        self._input.obey(valve)

    async def clear(self) -> None:
        await self._input.clear()

    def send(self, data: bytes) -> bool:
        return self._input.send(data)

    def end_input(self) -> None:
        if self._terminal is not None:
            self._input.send(END_OF_INPUT)
        else:
            self._input.finish(self._close_pipe)

    def control(self, control: Control) -> None:
        match control:
            case Resize(cols, rows, xpixels, ypixels) if self._terminal is not None:
                set_size(self._terminal, Terminal("", cols, rows, xpixels, ypixels))
            case Signal(name) if name in _HEARD:
                self._send_signal(signal.Signals[f"SIG{name}"])
            case Break():
                self._send_signal(signal.SIGINT)

    def stop_output(self) -> None:
        self._send_signal(signal.SIGPIPE)

    # What whoever started it calls.

    async def watch(self, process: Process) -> None:
        """Return when it has ended and everything that it wrote has been read."""
        self._process = process
        code = await process.wait()
        await self._silent.wait()
        if code < 0:
            self.signal = (signal.Signals(-code).name.removeprefix("SIG"), False, "")
        else:
            self.status = code
        self.inbox.finish()
        self.closed.set()

    def stop(self) -> None:
        """Read and write no more."""
        self._input.stop()
        for output in self._outputs:
            output.stop()
        self._close_pipe()

    def _close_pipe(self) -> None:
        if self._pipe_in >= 0:
            os.close(self._pipe_in)
            self._pipe_in = -1

    def _send_signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)


def set_size(fd: int, terminal: Terminal) -> None:
    """Tell a terminal how large its window is."""
    size = terminal.shown_size
    packed = struct.pack(
        "HHHH", size["rows"], size["cols"], terminal.xpixels & 0xFFFF, terminal.ypixels & 0xFFFF
    )
    ioctl(fd, termios.TIOCSWINSZ, packed)
