"""Secrets that a program prints: `{ command = ["PROGRAM", "ARGUMENT"] }`.

Nothing is kept and nothing is shared between those who ask: what a program prints may be good for one use only. It
gets the gateway's environment without the variables that are secrets themselves, and leaves nothing behind.
"""

import asyncio
import os
import signal
from collections.abc import Collection, Mapping, Sequence
from io import FileIO
from pathlib import Path
from typing import Any

from gateway.core.errors import Fault
from gateway.core.plain import plain
from gateway.core.secret import Secret
from gateway.secrets.values import LIMIT, one_value


class CommandSecrets:
    """The Secrets port for `{"command": [...]}`."""

    def __init__(
        self, environ: Mapping[str, str], *, withheld: Collection[str] = (), seconds: float = 10.0
    ) -> None:
        """`withheld`: the variables that are other people's secrets; it is looked at each time."""
        self._environ = environ
        self._withheld = withheld
        self._seconds = seconds

    async def fetch(self, reference: Mapping[str, Any]) -> Secret:
        """What the program prints. Raises `Fault`."""
        match dict(reference):
            case {"command": list(arguments) | tuple(arguments), **rest} if not rest and arguments:
                return await self._output([str(argument) for argument in arguments])
        raise Fault("a secret command must be a list of a program and its arguments")

    def forget(self, reference: Mapping[str, Any]) -> None:
        """Nothing is kept here."""

    async def _output(self, arguments: Sequence[str]) -> Secret:
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
                async with asyncio.timeout(self._seconds):
                    value = await _read_all(output, program)
                    status = await process.wait()
            except TimeoutError:
                seconds = f"{self._seconds:g} seconds"
                raise Fault(f"the secret command {program} gave no answer in {seconds}") from None
            finally:
                await _end(process)
        if status != 0:
            raise Fault(f"the secret command {program} failed with exit status {status}")
        return one_value(value, f"the secret command {program} printed nothing")

    async def _start(self, arguments: Sequence[str], writer: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=writer,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: value for name, value in self._environ.items() if name not in self._withheld},
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
