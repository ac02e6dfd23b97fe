"""`hoop-tui` commands that are forked from a process which has loaded what they need: each is a process of its own,
and takes a tenth of the time. That they load it themselves is proven where they are started as people start them."""

import asyncio
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import NoReturn

ROOT = Path(__file__).parents[2]
LOADED = (
    "httpcore2",
    "hoop_tui.cli.amend",
    "hoop_tui.cli.emergency",
    "hoop_tui.cli.request",
    "hoop_tui.cli.request_card",
    "hoop_tui.cli.review",
    "hoop_tui.cli.token",
    "hoop_tui.cli.tree",
)


class Commands:
    """`run` them while the process that they are forked from is there."""

    def __init__(self, place: str) -> None:
        self._place = place

    async def run(
        self, words: tuple[str, ...], environment: dict[str, str], patience: float
    ) -> tuple[int, str, str]:
        """How it ended, and what it printed."""
        return await asyncio.to_thread(self._run, words, environment, patience)

    def _run(
        self, words: tuple[str, ...], environment: dict[str, str], patience: float
    ) -> tuple[int, str, str]:
        with TemporaryFile() as out, TemporaryFile() as err, socket.socket(socket.AF_UNIX) as line:
            line.settimeout(patience)
            line.connect(self._place)
            order = json.dumps([words, environment]).encode()
            socket.send_fds(line, [order[:1]], [out.fileno(), err.fileno()])
            line.sendall(order[1:])
            line.shutdown(socket.SHUT_WR)
            status = line.recv(8)
            assert status, "it has not ended in order"
            out.seek(0)
            err.seek(0)
            return int(status), out.read().decode(), err.read().decode()


@contextmanager
def commands() -> Iterator[Commands]:
    with TemporaryDirectory(prefix="hoop-cmd-") as directory:
        place = f"{directory}/s"
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(place)
            door.listen()
            command = [sys.executable, "-m", "tests.e2e.commands", str(door.fileno())]
            process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, pass_fds=(door.fileno(),))
        try:
            yield Commands(place)
        finally:
            process.kill()
            process.wait()


def serve(door: socket.socket) -> None:
    """Load, and fork whatever is asked for."""
    for name in LOADED:
        importlib.import_module(name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        line, _ = door.accept()
        if not os.fork():
            door.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            become(line)
        line.close()


def become(line: socket.socket) -> NoReturn:
    """The command that is asked for. Its status is told, however it ends."""
    from hoop_tui.cli.main import main

    status = 70
    try:
        order, (out, err), _, _ = socket.recv_fds(line, 1 << 16, 2)
        while more := line.recv(1 << 16):
            order += more
        os.dup2(out, 1)
        os.dup2(err, 2)
        words, environment = json.loads(order)
        os.environ.clear()
        os.environ.update(environment)
        main(words)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        line.sendall(str(status).encode())
        os._exit(status)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
