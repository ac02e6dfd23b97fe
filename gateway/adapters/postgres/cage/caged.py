"""A program in the cage: started for one person, on a terminal or on pipes, and ended with them.

To a relay it is what a target's channel is. It asks nobody whether it may run: that was admitted before.
"""

import asyncio
import json
import logging
import os
import pty
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.adapters.postgres.cage import launch
from gateway.adapters.postgres.cage.program import READS, Program
from gateway.adapters.postgres.cage.switchboard import Switchboard
from gateway.adapters.ssh.asked import Terminal
from gateway.adapters.ssh.running import Running, set_size
from gateway.core.errors import Unreachable
from gateway.core.plain import plain

LAUNCH_SECONDS = 20.0

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


@asynccontextmanager
async def run_caged(
    order: Order, terminal: Terminal | None, came: Callable[[socket.socket], None]
) -> AsyncIterator[Running]:
    """Run it until the block is left. `came` gets our end of each connection that it makes. Raises `Unreachable`
    where no cage is to be had here, or it can not be shut."""
    with ExitStack() as opened:
        ends, theirs = _on_terminal(opened, terminal) if terminal else _on_pipes(opened)
        caged = Running(*ends)
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
