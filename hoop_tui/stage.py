"""One emulator and the one thread that talks to it, so that a slow or hung emulator never stops the app.

Jobs run one after another in the order they were given, even when whoever waited for one has gone.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from hoop_tui.replay.emulator import Emulator, EmulatorFailed

T = TypeVar("T")
EmulatorMaker = Callable[[], Emulator]


class Stage:
    """The emulator starts with the first job."""

    def __init__(self, make: EmulatorMaker) -> None:
        self._make = make
        self._emulator: Emulator | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="hoop-stage")
        self._blank: bytes | None = None
        self._closed = False

    async def run(self, job: Callable[[], T]) -> T:
        """Do `job` in the emulator's thread. Raises `EmulatorFailed` once the stage is closed."""
        if self._closed:
            raise EmulatorFailed("the emulator is closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, job)

    async def fresh(self) -> Emulator:
        """The emulator, as if it had just been started. Raises `EmulatorFailed`."""
        return await self.run(self._fresh)

    def _fresh(self) -> Emulator:
        if self._emulator is None:
            self._emulator = self._make()
            self._blank = self._emulator.snapshot()
        elif self._blank is None:
            self._emulator.restart()
        else:
            self._emulator.restore(self._blank)
        return self._emulator

    async def close(self) -> None:
        """End the emulator once the jobs before are done."""
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=True)

    def _close(self) -> None:
        if self._emulator is not None:
            self._emulator.close()
            self._emulator = None
