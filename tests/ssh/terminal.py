"""A stock client on a pseudo-terminal of its own, as at somebody's desk."""

import asyncio
import fcntl
import os
import pty
import signal
import struct
import termios
from collections.abc import Callable

from tests.ssh.client import PATIENCE


class Terminal:
    """`start`, type, wait for what is seen, `close`."""

    def __init__(self, cols: int = 100, rows: int = 30) -> None:
        self.master, self._slave = pty.openpty()
        self.seen = b""
        self.process: asyncio.subprocess.Process | None = None
        self._news = asyncio.Event()
        self.set_size(cols, rows)
        os.set_blocking(self.master, False)

    def set_size(self, cols: int, rows: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    async def start(self, command: list[str]) -> None:
        slave = self._slave

        def take_terminal() -> None:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        self.process = await asyncio.create_subprocess_exec(
            *command, stdin=slave, stdout=slave, stderr=slave, preexec_fn=take_terminal
        )
        os.close(slave)
        asyncio.get_running_loop().add_reader(self.master, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self.master, 1 << 16)
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self.master)
        self.seen += data
        self._news.set()

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def resize(self, cols: int, rows: int) -> None:
        """The window manager says so; the kernel tells the client."""
        self.set_size(cols, rows)
        assert self.process is not None
        self.process.send_signal(signal.SIGWINCH)

    async def until(self, wanted: bytes | Callable[[bytes], bool]) -> bytes:
        """Wait for something to be on screen."""
        found = (lambda seen: wanted in seen) if isinstance(wanted, bytes) else wanted
        try:
            async with asyncio.timeout(PATIENCE):
                while not found(self.seen):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"never saw {wanted!r} in {self.seen!r}") from None
        return self.seen

    async def ended(self) -> int:
        assert self.process is not None
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()

    async def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.master)
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        os.close(self.master)
