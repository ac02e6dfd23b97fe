"""Writes a session's recording as it happens: nothing is shown before it is in the file.

`write` returns when the operating system has the bytes, so a killed gateway loses nothing that anybody saw;
a background task makes them survive a power cut about once a second and tells viewers that there is more.
Writers that come together share one chunk. Any failure is final: every later call raises the same Fault.

Keystrokes are packed right here; what takes longer is packed and written in a thread, so that other sessions go on.
"""

import asyncio
from collections.abc import Iterable, Sequence

from gateway.core.errors import Fault
from gateway.core.frame import Frame, FrameKind
from gateway.core.ports import BlobWriter, Bus, Clock, Hint
from gateway.recording.writer import RecordingWriter
from gateway.session import words

HINT_EVERY = 0.1
SYNC_EVERY_US = 1_000_000

INLINE_BYTES = 16 << 10
"""Packing and writing so much takes about as long as the way to a thread and back."""

AT_ONCE_BYTES = 48 << 10
"""So much is written without compressing, and without waiting."""

PACKING_SHARE = 32
"""One part in so many of a session's time may go into compressing: enough for ten megabytes of text a second."""
PACKING_MOST_US = 50_000
"""So much of it may be saved up: enough for as much at once. What floods in faster is kept as it is."""


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
        """Held by whoever uses `_writer` and `_blob`."""
        self._waiting: list[Frame] = []
        self._waiting_bytes = 0
        self._patience = _Patience(clock)
        self._grew = asyncio.Event()
        self._failed: Fault | None = None
        self._upkeep: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Write the header. From here on the recording can be opened by viewers."""
        async with self._lock:
            try:
                await self._blob.append(self._writer.head())
            except (Fault, OSError) as problem:
                raise self._fail(problem) from problem
        self._upkeep = asyncio.create_task(self._keep_up(), name=f"recording {self._session}")

    @property
    def now_us(self) -> int:
        """The recording's own time."""
        return self._clock.monotonic_us() - self._started_us

    async def write(self, frames: Iterable[tuple[FrameKind, bytes]]) -> None:
        """Add frames at this moment and return when they are in the file."""
        if self._failed is not None:
            raise self._failed
        frames = list(frames)
        if not frames:
            return
        now = self.now_us
        for kind, data in frames:
            self._waiting.append(Frame(now, kind, data))
            self._waiting_bytes += len(data)
        async with self._lock:
            if self._failed is not None:
                raise self._failed
            if self._waiting:
                await self._write_waiting()

    def write_at_once(self, frames: Sequence[tuple[FrameKind, bytes]]) -> bool:
        """The same without waiting, where nobody else is writing and there is little to write. False: nothing was
        done."""
        if self._failed is not None:
            raise self._failed
        size = 0
        for _, data in frames:
            size += len(data)
        if size > AT_ONCE_BYTES or self._lock.locked() or self._waiting:
            return False
        try:
            sealed = self._writer.seal_at_once(self._clock.monotonic_us() - self._started_us, frames)
            if not self._blob.append_at_once(sealed):
                raise Fault("what is small enough was not written")
        except Exception as problem:
            raise self._fail(problem) from problem
        self._grew.set()
        return True

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

    async def _write_waiting(self) -> None:
        """Those who come meanwhile wait for the lock; the first of them then writes what all of them brought."""
        frames, self._waiting = self._waiting, []
        is_small, self._waiting_bytes = self._waiting_bytes <= INLINE_BYTES, 0
        try:
            if is_small:
                await self._blob.append(b"".join(self._packed(frames)))
            else:
                await self._blob.append_made(lambda: self._packed(frames))
        except Exception as problem:
            raise self._fail(problem) from problem
        self._grew.set()

    def _packed(self, frames: Iterable[Frame]) -> list[bytes]:
        try:
            with self._patience:
                self._writer.compress = self._patience.is_left
                for frame in frames:
                    self._writer.add(frame)
                return self._writer.seal_in_pieces()
        except Exception as problem:
            self._fail(problem)  # also where nobody waits for it any more
            raise

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


class _Patience:
    """How much longer compressing may take: it comes back with time, and is spent within `with`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_us = self._rested_at_us = clock.monotonic_us()

    @property
    def is_left(self) -> bool:
        """Whether anything is left of it, as of the beginning of `with`."""
        return self._rested_at_us - self._began_us < PACKING_MOST_US * PACKING_SHARE

    def __enter__(self) -> None:
        self._began_us = self._clock.monotonic_us()

    def __exit__(self, *_: object) -> None:
        if self.is_left:
            spent_us = self._clock.monotonic_us() - self._began_us
            self._rested_at_us = max(self._rested_at_us, self._began_us) + spent_us * PACKING_SHARE
