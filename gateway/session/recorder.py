"""Writes a session's recording as it happens: nothing is shown before it is in the file.

`write` returns when the operating system has the bytes, so a killed gateway loses nothing that anybody saw;
a background task makes them survive a power cut about once a second and tells viewers that there is more.
Writers that come together share one chunk. Any failure is final: every later call raises the same Fault.
"""

import asyncio
from collections.abc import Iterable

from gateway.core.errors import Fault
from gateway.core.frame import Frame, FrameKind
from gateway.core.ports import BlobWriter, Bus, Clock, Hint
from gateway.recording.writer import RecordingWriter
from gateway.session import words

HINT_EVERY = 0.1
SYNC_EVERY_US = 1_000_000


class Recorder:
    """One recording being made. Close it exactly once."""

    def __init__(
        self, session: str, writer: RecordingWriter, blob: BlobWriter, bus: Bus, clock: Clock
    ) -> None:
        self._session = session
        self._writer = writer
        self._blob = blob
        self._bus = bus
        self._clock = clock
        self._started_us = clock.monotonic_us()
        self._lock = asyncio.Lock()
        self._grew = asyncio.Event()
        self._failed: Fault | None = None
        self._upkeep: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Write the header. From here on the recording can be opened by viewers."""
        await self._append(self._writer.head())
        self._upkeep = asyncio.create_task(self._keep_up(), name=f"recording {self._session}")

    @property
    def now_us(self) -> int:
        """The recording's own time."""
        return self._clock.monotonic_us() - self._started_us

    async def write(self, frames: Iterable[tuple[FrameKind, bytes]]) -> None:
        """Add frames at this moment and return when they are in the file."""
        if self._failed is not None:
            raise self._failed
        now = self.now_us
        for kind, data in frames:
            self._writer.add(Frame(now, kind, data))
        async with self._lock:
            await self._append(self._writer.seal())
        self._grew.set()

    async def close(self, last: Iterable[tuple[FrameKind, bytes]]) -> None:
        """Write the last frames, sync, close. The file is closed even when writing fails."""
        try:
            await self.write(last)
        finally:
            if self._upkeep is not None:
                self._upkeep.cancel()
                await asyncio.wait([self._upkeep])
            async with self._lock:
                await self._blob.close()
        await self._bus.publish(Hint("recording", self._session))

    async def _append(self, data: bytes) -> None:
        if self._failed is not None:
            raise self._failed
        if not data:
            return
        try:
            await self._blob.append(data)
        except (Fault, OSError) as problem:
            raise self._fail(problem) from problem

    def _fail(self, problem: Exception) -> Fault:
        if self._failed is None:
            self._failed = Fault(words.NOT_RECORDED)
            self._failed.__cause__ = problem
        return self._failed

    async def _keep_up(self) -> None:
        """Hints while it grows, and a sync a second after the first bytes that none has covered."""
        sync_at_us: int | None = None
        while self._failed is None:
            grew = await self._wait_for_growth(sync_at_us)
            if grew:
                await asyncio.sleep(HINT_EVERY)
                self._grew.clear()
                await self._bus.publish(Hint("recording", self._session))
                sync_at_us = self.now_us + SYNC_EVERY_US if sync_at_us is None else sync_at_us
            if sync_at_us is None or self.now_us < sync_at_us:
                continue
            sync_at_us = None
            try:
                await self._blob.sync()
            except (Fault, OSError) as problem:
                self._fail(problem)

    async def _wait_for_growth(self, until_us: int | None) -> bool:
        patience = None if until_us is None else max(0, until_us - self.now_us) / 1_000_000
        try:
            async with asyncio.timeout(patience):
                return await self._grew.wait()
        except TimeoutError:
            return False
