"""Files that are open over SFTP: which right each was opened with, and what is carried by it.

A handle is only good for what was admitted when it was opened. The end of each file is written down when it is closed
and every answer has come, or when the session is over.
"""

import asyncio
from dataclasses import dataclass, field

from gateway.adapters.ssh.sftp.exchange import Raw
from gateway.core.errors import Malformed
from gateway.session.files import DONE, FilePath, Transfer
from gateway.wire.sftp.messages import Data, Handle, Reply, Status, Version
from gateway.wire.sftp.numbers import Code

OPEN_MOST = 1000
"""Files and directories that one session may have open."""

_WHY = {
    Code.NO_SUCH_FILE: "no such file",
    Code.PERMISSION_DENIED: "permission denied",
    Code.OP_UNSUPPORTED: "not supported",
}


@dataclass(slots=True)
class OpenFile:
    """A file or directory. What may be done with it is which transfers it has."""

    path: FilePath
    download: Transfer | None = None
    upload: Transfer | None = None
    is_directory: bool = False
    fresh: bool = False
    """It was empty when it was opened."""
    problem: str = ""
    _under_way: int = 0
    _read_to_end: bool = False
    _size: int | None = None
    _closed: bool = False

    @property
    def transfers(self) -> tuple[Transfer, ...]:
        """Those that are worth writing down: what carried nothing is not, beside one that did."""
        both = [transfer for transfer in (self.upload, self.download) if transfer is not None]
        return tuple([each for each in both if each.size] or both[:1])

    @property
    def is_size_wanted(self) -> bool:
        """Whether all was carried can only be told with the file's size."""
        return any(each.in_order and not self._is_complete(each) for each in self.transfers)

    def know_size(self, size: int | None) -> None:
        """The file was so large right before it was closed."""
        self._size = size

    def begin(self) -> None:
        """A piece is asked for or sent."""
        self._under_way += 1

    async def read(self, reply: Reply, offset: int) -> None:
        """The answer to a READ. Raises `Fault`."""
        assert self.download is not None
        self._under_way -= 1
        if isinstance(reply, Data):
            await self.download.take(reply.data, offset)
        elif isinstance(reply, Status):
            if reply.code == Code.EOF:
                self._read_to_end |= offset == self.download.size
            else:
                self.problem = self.problem or why(reply)
        await self._end_if_over()

    async def written(self, reply: Reply) -> None:
        """The answer to a WRITE. Raises `Fault`."""
        self._under_way -= 1
        if isinstance(reply, Status) and reply.code != Code.OK:
            self.problem = self.problem or why(reply)
        await self._end_if_over()

    async def closed(self, reply: Reply) -> None:
        """The answer to the CLOSE, or to an OPEN that failed. Raises `Fault`."""
        if isinstance(reply, Status) and reply.code != Code.OK:
            self.problem = self.problem or why(reply)
        self._closed = True
        await self._end_if_over()

    async def cut(self, reason: str) -> None:
        """The session is over."""
        for transfer in self.transfers:
            await transfer.cut(reason)

    async def _end_if_over(self) -> None:
        if not self._closed or self._under_way:
            return
        outcome = f"failed: {self.problem}" if self.problem else DONE
        for transfer in self.transfers:
            await transfer.finish(outcome, complete=self._is_complete(transfer))

    def _is_complete(self, transfer: Transfer) -> bool:
        if transfer is self.upload:
            return self.fresh or self._size == transfer.size
        return self._read_to_end or (self._size is not None and self._size <= transfer.size)


class OpenFiles:
    """All that are open in one session, by the server's handles."""

    def __init__(self) -> None:
        self._by_handle: dict[bytes, OpenFile] = {}
        self._leaving: list[OpenFile] = []
        """Closed by the client; the server has not said so yet."""
        self._opening = 0
        self._ending: set[asyncio.Task[None]] = set()
        """Ends that are being written down. The client is not kept waiting for them, its exit status is."""

    @property
    def is_full(self) -> bool:
        """No more may be opened."""
        return len(self._by_handle) + len(self._leaving) + self._opening >= OPEN_MOST

    def get(self, handle: bytes) -> OpenFile | None:
        """What this handle stands for."""
        return self._by_handle.get(handle)

    def expect(self) -> None:
        """One is being opened."""
        self._opening += 1

    async def opened(self, file: OpenFile, reply: Reply) -> None:
        """The answer to an OPEN or OPENDIR. Raises `Malformed` and `Fault`."""
        self._opening -= 1
        if not isinstance(reply, Handle):
            await file.closed(reply)
            return
        if reply.handle in self._by_handle:
            raise Malformed("one handle for two files")
        self._by_handle[reply.handle] = file

    def leave(self, handle: bytes) -> OpenFile:
        """The client closes it: from now on the handle stands for nothing."""
        file = self._by_handle.pop(handle)
        self._leaving.append(file)
        return file

    def left(self, file: OpenFile, reply: Reply) -> None:
        """The answer to a CLOSE."""
        self._leaving.remove(file)
        self._ending.add(asyncio.create_task(file.closed(reply), name="end of a file"))
        self._ending -= {task for task in self._ending if task.done() and task.exception() is None}

    async def finish(self, reason: str) -> None:
        """Nothing more comes: whatever is still open gets its end. Raises `Fault`."""
        await self.cut(reason)
        for task in self._ending:
            task.result()

    async def cut(self, reason: str) -> None:
        """The session is over: whatever is still open gets its end, and all ends are written when this returns."""
        for file in [*self._by_handle.values(), *self._leaving]:
            await file.cut(reason)
        self._by_handle.clear()
        self._leaving.clear()
        if self._ending:
            done, _ = await asyncio.wait(self._ending)
            for task in done:
                task.exception()  # looked at: who finishes in order hears of it, whoever cuts has a better reason


@dataclass(frozen=True, slots=True)
class Reading:
    """Waits for a piece."""

    file: OpenFile
    offset: int
    expects: tuple[type, ...] = (Data,)

    async def settle(self, reply: Reply) -> Raw | None:
        """Counted before the client gets it."""
        await self.file.read(reply, self.offset)
        return _raw(reply)


@dataclass(frozen=True, slots=True)
class Writing:
    """Waits for the word that a piece was written."""

    file: OpenFile
    expects: tuple[type, ...] = ()

    async def settle(self, reply: Reply) -> Raw | None:
        """A piece that was not written is remembered."""
        await self.file.written(reply)
        return _raw(reply)


@dataclass(frozen=True, slots=True)
class Opening:
    """Waits for a handle."""

    file: OpenFile
    files: OpenFiles
    expects: tuple[type, ...] = (Handle,)

    async def settle(self, reply: Reply) -> Raw | None:
        """From here on the handle is known."""
        await self.files.opened(self.file, reply)
        return _raw(reply)


@dataclass(frozen=True, slots=True)
class Closing:
    """Waits for the end of a file."""

    file: OpenFile
    files: OpenFiles
    expects: tuple[type, ...] = field(default=())

    async def settle(self, reply: Reply) -> Raw | None:
        """From here on the end is being written down."""
        self.files.left(self.file, reply)
        return _raw(reply)


def why(status: Status) -> str:
    """In a few words of ours: what servers say beside the code is theirs."""
    return _WHY.get(Code(status.code), "failure") if status.code in _CODES else f"error {status.code}"


_CODES = frozenset(Code)


def _raw(reply: Reply) -> Raw:
    assert not isinstance(reply, Version)
    return reply.raw
