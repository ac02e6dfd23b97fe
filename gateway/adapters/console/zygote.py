"""The process that consoles are forked from: started, asked for one, started again where it is gone.

It has the app loaded and nothing of the gateway's: `launch.py` says what it gives up. Whatever becomes of it, the
gateway goes on; a console that can not be had is a sentence.
"""

import asyncio
import logging
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway.adapters.console import launch
from gateway.core.errors import Unreachable

START_SECONDS = 20.0
"""Loading the app takes one; a busy machine many times as long."""
STOP_SECONDS = 2.0
WARM_AFTER_SECONDS = 10.0
"""The first seconds of a gateway belong to whoever waits for its doors."""
NO_CONSOLE = "no console can be opened now - the gateway's log says why"

_BEGIN = (
    f"import sys; sys.path.append(sys.argv[1]); import {launch.__name__} as it; it.main(int(sys.argv[2]))"
)
_WHERE = str(Path(launch.__file__).parents[3])

log = logging.getLogger("hoop.console")


class Zygote:
    """`warm` and `fork` start it; `close` once."""

    def __init__(self, command: Sequence[str] = (sys.executable, "-I", "-c", _BEGIN, _WHERE)) -> None:
        """The command gets the number of a socket as its last argument."""
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._warming: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return self._process.pid if self._process is not None else None

    def warm(self, after: float = WARM_AFTER_SECONDS) -> None:
        """Have it load what the first console needs, beside everything else, so many seconds from now. A console
        that comes before starts it itself, and waits that much longer."""
        self._warming = asyncio.get_running_loop().call_later(after, self._warm)

    def _warm(self) -> None:
        try:
            self._start()
        except OSError as problem:
            log.warning("consoles are not ready: %s", problem.strerror)

    async def fork(self, order: bytes, handed: Sequence[int]) -> "Forked":
        """A console of its own on these descriptors: its terminal, and the line to the API. Raises `Unreachable`."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                ours.send(order + b"\n")
                socket.send_fds(self._start(), [b"+"], [*handed, theirs.fileno()])
            except OSError as problem:
                ours.close()
                log.error("no console can be opened: %s", problem.strerror)
                raise Unreachable(NO_CONSOLE) from problem
        forked = Forked(*await asyncio.open_connection(sock=ours))
        try:
            await forked.begun()
        except BaseException:
            forked.close()
            raise
        return forked

    def close(self) -> None:
        """End it, and whatever was forked from it."""
        if self._warming is not None:
            self._warming.cancel()
        if self._control is not None:
            self._forget()
            assert self._process is not None
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def _start(self) -> socket.socket:
        if self._control is not None:
            return self._control
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [*self._command, str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    env={"LANG": "C.UTF-8"},
                    cwd="/",
                    start_new_session=True,
                )
            except OSError:
                ours.close()
                raise
        ours.setblocking(False)
        asyncio.get_running_loop().add_reader(ours, self._gone)
        self._control = ours
        return ours

    def _gone(self) -> None:
        """It never writes: this is its end."""
        self._forget()
        log.error("what consoles are opened from has ended: it is started again for the next one")

    def _forget(self) -> None:
        assert self._control is not None
        asyncio.get_running_loop().remove_reader(self._control)
        self._control.close()
        self._control = None


class Forked:
    """The process of one console. It is a child of another one, which tells how it ended."""

    def __init__(self, news: asyncio.StreamReader, orders: asyncio.StreamWriter) -> None:
        self.pid = 0
        self.returncode: int | None = None
        self._news = news
        self._orders = orders
        self._over: asyncio.Future[int] | None = None

    async def begun(self) -> None:
        """Return once it runs. Raises `Unreachable`."""
        try:
            async with asyncio.timeout(START_SECONDS):
                what, number = await self._told()
        except TimeoutError:
            what, number = "late", 0
        if what != "pid":
            log.error(
                "a console did not begin: %s", {"late": "it took too long"}.get(what, "it ended at once")
            )
            raise Unreachable(NO_CONSOLE)
        self.pid = number

    async def wait(self) -> int:
        """How it ended. One that nobody can tell anything of counts as killed."""
        if self.returncode is None:
            what, number = await self._told()
            self.returncode = number if what == "exit" else -(number or signal.SIGKILL)
        return self.returncode

    def send_signal(self, signal: int) -> None:
        if self.returncode is None:
            self._orders.write(b"%d\n" % signal)

    def close(self) -> None:
        """It is killed where it has not ended, and nothing more is known of it."""
        self._orders.close()

    async def _told(self) -> tuple[str, int]:
        try:
            what, _, number = (await self._news.readline()).decode("ascii", "replace").strip().partition(" ")
            return what, int(number or 0)
        except (OSError, ValueError):
            return "", 0
