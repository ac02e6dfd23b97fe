"""An object being written to a file. After the first failure it stays failed: a hole is never written over.

Small appends happen right in the event loop: a copy into the page cache takes 3 us for a keystroke and 40 us for
64 kB, the way to a thread and back 150 us, and every keystroke waits for it. Large ones, and everything that waits
for the disk itself, go to a thread.
"""

import os
from collections.abc import Callable, Sequence

from gateway.blobs import words
from gateway.blobs.threads import in_thread
from gateway.core.errors import Fault

INLINE_BYTES = 64 << 10
PIECES_MOST = 64
"""More than these are joined first: a system takes only so many at once."""
_sync_data = getattr(os, "fdatasync", os.fsync)


class LocalWriter:
    """The `BlobWriter` port on a descriptor that was opened for appending. Takes it over."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._size = 0
        self._failed = ""
        self._open = True

    async def append(self, data: bytes) -> None:
        """Hand `data` to the operating system, all of it or (as far as anybody can tell) nothing."""
        self._must_work()
        if len(data) <= INLINE_BYTES:
            self._write([data])
        else:
            await in_thread(lambda: self._write([data]))

    def append_at_once(self, data: bytes) -> bool:
        """Small appends need no waiting."""
        if self._failed or not self._open:
            self._must_work()
        size = len(data)
        if size > INLINE_BYTES:
            return False
        try:
            written = os.write(self._descriptor, data)
            while written < size:
                written += os.write(self._descriptor, data[written:])
        except OSError as problem:
            self._take_back()
            raise self._fail(problem) from problem
        self._size += size
        return True

    async def append_made(self, make: Callable[[], Sequence[bytes]]) -> None:
        """Make and write in one go, in a thread: the way there and back costs more than a small write."""
        self._must_work()
        await in_thread(lambda: self._write(make()))

    async def sync(self) -> None:
        """Make everything appended so far survive a power cut. May overlap with an append."""
        self._must_work()
        await in_thread(self._sync)

    async def close(self) -> None:
        """Sync and close. The descriptor is gone afterwards, also when this raises. Again: does nothing."""
        if not self._open:
            return
        self._open = False
        await in_thread(self._close)

    def _must_work(self) -> None:
        if self._failed:
            raise Fault(self._failed)
        if not self._open:
            raise Fault("this recording is closed already")

    def _write(self, pieces: Sequence[bytes]) -> None:
        size = sum(map(len, pieces))
        if len(pieces) > PIECES_MOST:
            pieces = [b"".join(pieces)]
        try:
            written = os.writev(self._descriptor, pieces) if size else 0
            rest = memoryview(b"".join(pieces) if written < size else b"")[written:]
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as problem:
            self._take_back()
            raise self._fail(problem) from problem
        self._size += size

    def _take_back(self) -> None:
        """Cut off what was written of a failed append. If that fails as well, a reader sees the cut."""
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            pass  # the object has failed already and takes nothing more

    def _sync(self) -> None:
        try:
            _sync_data(self._descriptor)
        except OSError as problem:
            raise self._fail(problem) from problem

    def _close(self) -> None:
        try:
            if self._failed:
                raise Fault(self._failed)
            self._sync()
        finally:
            os.close(self._descriptor)

    def _fail(self, problem: OSError) -> Fault:
        """The kernel reports a lost write once and forgets it: so we remember."""
        fault = words.fault(problem)
        self._failed = self._failed or fault.sentence
        return fault
