"""A program in the cage: started for one person, on a terminal or on pipes, and ended with them.

To a relay it is what a target's channel is. It asks nobody whether it may run: that was admitted before.
"""

import asyncio
import json
import logging
import os
import pty
import signal
import socket
import struct
import sys
import termios
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path

from gateway.adapters.postgres.cage import launch
from gateway.adapters.postgres.cage.pipes import Input, Output
from gateway.adapters.postgres.cage.program import READS, Program
from gateway.adapters.postgres.cage.switchboard import Switchboard
from gateway.adapters.ssh.asked import Break, Control, Resize, Signal, Terminal
from gateway.adapters.ssh.inbox import BULK, Inbox
from gateway.core.errors import Unreachable
from gateway.core.plain import plain
from gateway.core.shown import Stream
from gateway.session.valve import Valve

LAUNCH_SECONDS = 20.0
END_OF_INPUT = b"\x04"
"""How a terminal says it."""
_HEARD = frozenset({"INT", "TERM", "HUP", "QUIT", "KILL", "USR1", "USR2", "WINCH"})

_BEGIN = f"import sys; sys.path.append(sys.argv[1]); import {launch.__name__} as it; it.main(*map(int, sys.argv[2:]))"
_WHERE = str(Path(launch.__file__).parents[4])
"""Where the gateway itself was found: nothing else that is installed beside it is looked at."""

log = logging.getLogger("hoop.postgres")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to run: a program, its arguments and the whole of its environment."""

    program: Program
    arguments: Sequence[str]
    environment: Mapping[str, str]

    def as_json(self) -> bytes:
        """As `launch.py` reads it."""
        program = self.program
        spoken = {
            "program": program.path,
            "arguments": [program.path, *self.arguments],
            "environment": dict(self.environment),
            "reads": [*program.libraries, *READS],
            "runs": [program.path, program.loader],
            "writes": ["/dev/null"],
        }
        return json.dumps(spoken).encode("utf-8", "surrogateescape")


class Caged:
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
        self._process: asyncio.subprocess.Process | None = None
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

    async def watch(self, process: asyncio.subprocess.Process) -> None:
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


@asynccontextmanager
async def run_caged(
    order: Order, terminal: Terminal | None, came: Callable[[socket.socket], None]
) -> AsyncIterator[Caged]:
    """Run it until the block is left. `came` gets our end of each connection that it makes. Raises `Unreachable`
    where no cage is to be had here, or it can not be shut."""
    with ExitStack() as opened:
        ends, theirs = _on_terminal(opened, terminal) if terminal else _on_pipes(opened)
        caged = Caged(*ends)
        opened.callback(caged.stop)
        process, listener = await _launch(order, theirs)
        switchboard = Switchboard(listener, came)
        watching = asyncio.create_task(caged.watch(process), name="caged program")
        try:
            yield caged
        finally:
            switchboard.close()
            caged.stop()
            await _kill(process)
            await watching


async def _launch(order: Order, theirs: Sequence[int]) -> tuple[asyncio.subprocess.Process, int]:
    """The process, once the program runs in its cage, and the listener for its sockets."""
    ours, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, control, os.fdopen(os.memfd_create("order"), "w+b") as ordered:
        try:
            ordered.write(order.as_json())
            ordered.seek(0)
            handed = (ordered.fileno(), control.fileno())
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", "-c", _BEGIN, _WHERE, *map(str, handed)),
                stdin=theirs[0],
                stdout=theirs[1],
                stderr=theirs[2],
                pass_fds=handed,
                env={"LANG": "C.UTF-8"},
                start_new_session=True,
            )
        except OSError as problem:
            raise _no_cage((problem.strerror or "it can not be started").lower()) from problem
        finally:
            for fd in set(theirs):
                os.close(fd)
        control.close()
        try:
            return process, await _launched(ours)
        except BaseException:
            await _kill(process)
            raise


def _on_terminal(opened: ExitStack, terminal: Terminal) -> tuple[tuple[int, None], tuple[int, int, int]]:
    ours, theirs = pty.openpty()
    opened.callback(os.close, ours)
    set_size(ours, terminal)
    return (ours, None), (theirs, theirs, theirs)


def _on_pipes(opened: ExitStack) -> tuple[tuple[None, tuple[int, int, int]], tuple[int, int, int]]:
    (stdin, ours_in), (ours_out, stdout), (ours_err, stderr) = os.pipe(), os.pipe(), os.pipe()
    for fd in (ours_out, ours_err):
        opened.callback(os.close, fd)
    return (None, (ours_in, ours_out, ours_err)), (stdin, stdout, stderr)


def set_size(fd: int, terminal: Terminal) -> None:
    """Tell a terminal how large its window is."""
    size = terminal.shown_size
    packed = struct.pack(
        "HHHH", size["rows"], size["cols"], terminal.xpixels & 0xFFFF, terminal.ypixels & 0xFFFF
    )
    ioctl(fd, termios.TIOCSWINSZ, packed)


async def _launched(control: socket.socket) -> int:
    """The listener, once the program runs in its cage. Raises `Unreachable`."""
    control.setblocking(False)
    listeners: list[int] = []
    try:
        async with asyncio.timeout(LAUNCH_SECONDS):
            said, listeners = await _received(control)
            if said == launch.READY and listeners:
                said, _ = await _received(control)
                if not said:
                    return listeners.pop()
    except TimeoutError:
        said = b"it did not start in time"
    finally:
        for fd in listeners:
            os.close(fd)
    raise _no_cage(plain(said.decode("utf-8", "replace"), 100) or "it did not start")


def _no_cage(why: str) -> Unreachable:
    log.error("nothing can be run in a cage on this machine: %s", why)
    return Unreachable(f"this gateway has no safe place to run it ({why})")


async def _received(control: socket.socket) -> tuple[bytes, list[int]]:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(control, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(control)
    said, fds, _, _ = socket.recv_fds(control, 4096, 1, socket.MSG_CMSG_CLOEXEC)
    return said, fds


async def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()
