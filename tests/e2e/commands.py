"""Commands that are forked from a process which has loaded what they need: each is a process of its own, and takes a
tenth of the time. That they load it themselves is proven where they are started as people start them."""

import asyncio
import atexit
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import NoReturn

ROOT = Path(__file__).parents[2]
LOADED = {
    "hoop_tui.cli.main": (
        "httpcore2",
        "hoop_tui.cli.amend",
        "hoop_tui.cli.emergency",
        "hoop_tui.cli.request",
        "hoop_tui.cli.request_card",
        "hoop_tui.cli.review",
        "hoop_tui.cli.token",
        "hoop_tui.cli.tree",
    ),
    "gateway.cli.main": (
        "gateway.app.serve",
        "gateway.cli.everybody",
        "gateway.cli.notify",
        "gateway.cli.recordings",
        "gateway.cli.targets",
        "gateway.cli.tokens",
    ),
}


class Commands:
    """`run` them; the process that they are forked from ends with this one."""

    def __init__(self, place: str) -> None:
        self._place = place

    async def run(
        self, words: Sequence[str], environment: Mapping[str, str], patience: float
    ) -> tuple[int, str, str]:
        """How it ended, and what it printed."""
        return await asyncio.to_thread(self._run, words, environment, patience)

    def _run(
        self, words: Sequence[str], environment: Mapping[str, str], patience: float
    ) -> tuple[int, str, str]:
        with TemporaryFile() as out, TemporaryFile() as err, socket.socket(socket.AF_UNIX) as line:
            line.settimeout(patience)
            line.connect(self._place)
            order = json.dumps([list(words), dict(environment)]).encode()
            socket.send_fds(line, [order[:1]], [out.fileno(), err.fileno()])
            line.sendall(order[1:])
            line.shutdown(socket.SHUT_WR)
            told = b""
            while more := line.recv(64):
                told += more
            _, status = told.split()
            out.seek(0)
            err.seek(0)
            return int(status), out.read().decode(), err.read().decode()

    async def start(self, words: Sequence[str], environment: Mapping[str, str]) -> "Forked":
        """One that goes on, with its errors to be read."""
        read, write = os.pipe()
        line = socket.socket(socket.AF_UNIX)
        line.connect(self._place)
        try:
            order = json.dumps([list(words), dict(environment)]).encode()
            with open(os.devnull, "wb") as nothing:  # noqa: PTH123 - it is no path of ours
                socket.send_fds(line, [order[:1]], [nothing.fileno(), write])
            reader, writer = await asyncio.open_connection(sock=line)
            writer.write(order[1:])
            writer.write_eof()
            pid = int(await reader.readline())
        finally:
            os.close(write)
        errors = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(errors), os.fdopen(read, "rb")
        )
        return Forked(pid, errors, reader, writer)


class Forked:
    """What was started, with the words of asyncio's processes."""

    def __init__(
        self,
        pid: int,
        stderr: asyncio.StreamReader,
        line: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.pid = pid
        self.stderr = stderr
        self.returncode: int | None = None
        self._ending = asyncio.create_task(self._ended(line, writer))

    async def _ended(self, line: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        status = await line.read()
        writer.close()
        self.returncode = int(status) if status else -signal.SIGKILL
        return self.returncode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    async def wait(self) -> int:
        return await asyncio.shield(self._ending)


@cache
def commands(main: str) -> Commands:
    """Those of the program whose module this is."""
    directory = TemporaryDirectory(prefix="hoop-cmd-")
    place = f"{directory.name}/s"
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(place)
        door.listen()
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.commands", main, str(door.fileno())],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            pass_fds=(door.fileno(),),
        )

    def end() -> None:
        process.kill()
        process.wait()
        directory.cleanup()

    atexit.register(end)
    return Commands(place)


def serve(main: str, door: socket.socket) -> None:
    """Load, and fork whatever is asked for."""
    program = importlib.import_module(main)
    for name in LOADED[main]:
        importlib.import_module(name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        line, _ = door.accept()
        if not os.fork():
            door.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            become(line, program.main)
        line.close()


def become(line: socket.socket, main: Callable[[], None]) -> NoReturn:
    """The command that is asked for. Its status is told, however it ends."""
    status = 1
    line.sendall(b"%d\n" % os.getpid())
    try:
        order, descriptors, _, _ = socket.recv_fds(line, 1 << 16, 2)
        while more := line.recv(1 << 16):
            order += more
        for number, descriptor in enumerate(descriptors, 1):
            os.dup2(descriptor, number)
            os.close(descriptor)
        words, environment = json.loads(order)
        sys.argv[1:] = words
        os.environ.clear()
        os.environ.update(environment)
        main()
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - as an interpreter does, at its end
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        line.sendall(str(status).encode())
        os._exit(status)


if __name__ == "__main__":
    serve(sys.argv[1], socket.socket(fileno=int(sys.argv[2])))
