"""Secrets by reference: from an environment variable, a file or a program's output.

Nothing is cached: a rotated secret is in force at the next connection. Faults say which reference failed and
what to do, and never contain any part of a value or of what a program printed.
"""

import asyncio
import os
import signal
import stat
from collections.abc import Mapping, Sequence
from io import FileIO
from pathlib import Path
from typing import Any, Final

from gateway.core.errors import Fault
from gateway.core.plain import plain
from gateway.core.secret import Secret

LIMIT: Final = 64 << 10
"""Bytes. Longer than any key or password; a reference to the wrong thing does not fill the memory."""


class ReferenceSecrets:
    """The Secrets port for `{"env": ...}`, `{"file": ...}` and `{"command": [...]}`."""

    def __init__(self, environ: Mapping[str, str] | None = None, *, command_seconds: float = 10.0) -> None:
        self._environ = os.environ if environ is None else environ
        self._command_seconds = command_seconds

    async def fetch(self, reference: Mapping[str, Any]) -> Secret:
        """The secret that `reference` points at. Raises `Fault`."""
        match dict(reference):
            case {"env": str(name), **rest} if not rest:
                return self._from_environment(name)
            case {"file": str(path), **rest} if not rest:
                return await asyncio.to_thread(read_secret_file, path)
            case {"command": list(arguments) | tuple(arguments), **rest} if not rest and arguments:
                return await self._from_command([str(argument) for argument in arguments])
        raise Fault("a secret reference must be one of env, file and command")

    def _from_environment(self, name: str) -> Secret:
        value = self._environ.get(name, "")
        if not value:
            raise Fault(f"the environment variable {plain(name, 80)} is not set")
        return Secret(os.fsencode(value))

    async def _from_command(self, arguments: Sequence[str]) -> Secret:
        program = plain(Path(arguments[0]).name, 80)
        reader, writer = os.pipe()
        # Our own pipe, so that closing it is ours too: a command may leave something behind that holds it open.
        with FileIO(reader, "rb") as output:
            try:
                process = await self._start(arguments, writer)
            except (OSError, ValueError):
                raise Fault(f"the secret command {program} can not be started") from None
            finally:
                os.close(writer)
            try:
                async with asyncio.timeout(self._command_seconds):
                    value = await _read_all(output, program)
                    status = await process.wait()
            except TimeoutError:
                seconds = f"{self._command_seconds:g} seconds"
                raise Fault(f"the secret command {program} gave no answer in {seconds}") from None
            finally:
                await _end(process)
        if status != 0:
            raise Fault(f"the secret command {program} failed with exit status {status}")
        return _whole(value, f"the secret command {program} printed nothing")

    async def _start(self, arguments: Sequence[str], writer: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=writer,
            stderr=asyncio.subprocess.DEVNULL,
            env=dict(self._environ),
            start_new_session=True,
        )


async def _read_all(output: FileIO, program: str) -> bytes:
    stream = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), output)
    value = bytearray()
    try:
        while piece := await stream.read(LIMIT):
            value += piece
            if len(value) > LIMIT:
                raise Fault(f"the secret command {program} printed more than {LIMIT >> 10} KiB")
    finally:
        transport.close()
    return bytes(value)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Leave nothing of the command behind, whatever it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    await process.wait()


def read_secret_file(path: str) -> Secret:
    """What the file holds. Raises `Fault` where it can not be read, or where others could read it too."""
    shown = plain(path, 300)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as problem:
        raise Fault(_unreadable(shown, problem)) from None
    try:
        # The open file is judged, not the name: the name may point elsewhere a moment later.
        reason = _unfit(shown, os.fstat(handle))
        if reason:
            raise Fault(reason)
        return _whole(_read_file(handle, shown), f"the secret file {shown} is empty")
    finally:
        os.close(handle)


def secret_file_problem(path: str) -> str:
    """Why `read_secret_file` would refuse `path`; empty where it would not. Reads no secret into an answer."""
    try:
        read_secret_file(path)
    except Fault as problem:
        return problem.sentence
    return ""


def _read_file(handle: int, shown: str) -> bytes:
    try:
        with open(handle, "rb", closefd=False) as opened:
            value = opened.read(LIMIT + 1)
    except OSError as problem:
        raise Fault(_unreadable(shown, problem)) from None
    if len(value) > LIMIT:
        raise Fault(f"the secret file {shown} is longer than {LIMIT >> 10} KiB")
    return value


def _unfit(shown: str, found: os.stat_result) -> str:
    if not stat.S_ISREG(found.st_mode):
        return f"the secret file {shown} is not an ordinary file"
    if found.st_mode & stat.S_IROTH:
        return f"the secret file {shown} can be read by everybody on this machine: run chmod 600 on it"
    if found.st_mode & stat.S_IWOTH:
        return f"the secret file {shown} can be changed by everybody on this machine: run chmod 600 on it"
    return ""


def _unreadable(shown: str, problem: Exception) -> str:
    if isinstance(problem, FileNotFoundError):
        return f"the secret file {shown} does not exist"
    if isinstance(problem, PermissionError):
        return f"the secret file {shown} can not be read by this user"
    return f"the secret file {shown} can not be read"


def _whole(value: bytes, empty: str) -> Secret:
    """Editors and programs end their output with a line break that is no part of a password. One is taken off;
    a key in armour keeps its own."""
    if value.endswith(b"\n") and not value.startswith(b"-----BEGIN "):
        value = value[:-1].removesuffix(b"\r")
    if not value:
        raise Fault(empty)
    return Secret(value)
