"""Takes each request of an SFTP client to where it belongs: passed on, judged first, or refused.

Contents go by handle: what may be read or written was judged when the file was opened. Nothing that is not understood
reaches the target.
"""

import json

from gateway.adapters.ssh.sftp.answers import Answers
from gateway.adapters.ssh.sftp.exchange import Exchange, PassedOn
from gateway.adapters.ssh.sftp.judged import Judged, is_too_long, setting
from gateway.adapters.ssh.sftp.open import Closing, OpenFile, OpenFiles, Reading, Writing
from gateway.adapters.ssh.sftp.paths import Paths
from gateway.adapters.ssh.sftp.replies import Limits, offered
from gateway.core.errors import Malformed
from gateway.core.frame import FrameKind
from gateway.session.files import file_operation
from gateway.session.gate import Gate
from gateway.wire.sftp import numbers, writing
from gateway.wire.sftp.codec import Requests
from gateway.wire.sftp.messages import (
    Attrs,
    CopyData,
    ExtendedReply,
    Init,
    Name,
    OnHandle,
    OnPath,
    OnTwoPaths,
    Open,
    Question,
    Read,
    Request,
    Strange,
    Write,
)
from gateway.wire.sftp.numbers import DATA_MOST, VERSION, Code, Kind


class ClientRequests:
    """What one client asks, in its order."""

    def __init__(
        self,
        gate: Gate,
        exchange: Exchange,
        answers: Answers,
        judged: Judged,
        paths: Paths,
        files: OpenFiles,
    ) -> None:
        self._gate = gate
        self._exchange = exchange
        self._answers = answers
        self._judged = judged
        self._paths = paths
        self._files = files
        self._codec = Requests()
        self._begun = False
        self._may_copy = (numbers.COPY_DATA, b"1") in offered(gate)

    async def receive(self, data: bytes) -> None:
        """The client sent more. Raises `Malformed`, `Fault` and `PersonLeft`."""
        self._codec.receive(data)
        while (message := self._codec.next_message()) is not None:
            if isinstance(message, Write):
                await self._write(message)
            elif isinstance(message, Read):
                await self._read(message)
            else:
                await self._take(message)
        await self._exchange.flush()

    async def _take(self, message: Request) -> None:
        if isinstance(message, Init):
            await self._begin(message)
        elif not self._begun:
            raise Malformed("no beginning")
        elif isinstance(message, OnHandle):
            await self._on_handle(message)
        elif isinstance(message, CopyData):
            await self._copy(message)
        elif isinstance(message, Question):
            awaited = Limits() if message.what == numbers.LIMITS else PassedOn((Name, ExtendedReply))
            await self._exchange.forward(message.id, writing.encode(message), awaited)
        elif isinstance(message, Strange):
            await self._answers.not_offered(message.id, message.name)
        elif isinstance(message, (Open, OnPath, OnTwoPaths)):
            await self._on_path(message)

    async def _begin(self, message: Init) -> None:
        if self._begun:
            raise Malformed("a second beginning")
        if message.version < VERSION:
            raise Malformed("a version before 3")
        self._begun = True
        await self._exchange.send(writing.encode(Init(VERSION)))

    # By path.

    async def _on_path(self, message: Open | OnPath | OnTwoPaths) -> None:
        if is_too_long(message):
            await self._answers.status(message.id, Code.FAILURE, "hoop: this path is too long")
            return
        match message:
            case OnTwoPaths(what=Kind.SYMLINK):
                await self._judged.link(message)
            case OnTwoPaths(what=numbers.HARDLINK):
                await self._judged.hard_link(message)
            case OnTwoPaths():
                await self._judged.rename(message)
            case Open() | OnPath(what=Kind.OPENDIR) if self._files.is_full:
                await self._answers.status(message.id, Code.FAILURE, "hoop: too many files are open")
            case Open():
                await self._judged.open(message)
            case OnPath(what=Kind.OPENDIR):
                await self._judged.list_directory(message)
            case OnPath(what=Kind.STAT | Kind.LSTAT | Kind.READLINK):
                await self._judged.look(message)
            case OnPath(what=Kind.REALPATH | numbers.EXPAND_PATH | numbers.STATVFS):
                # What a path is called, and how full the disk is.
                raw = writing.encode(message)
                await self._exchange.forward(message.id, raw, PassedOn((Name, ExtendedReply)))
            case OnPath():
                await self._judged.change(message)

    # By handle.

    async def _read(self, message: Read) -> None:
        file = self._files.get(message.handle)
        if file is None or file.download is None:
            await self._wrong_handle(message.id)
            return
        raw = message.raw
        if message.size > DATA_MOST:
            raw = writing.read(message.id, message.handle, message.offset, DATA_MOST)
        file.begin()
        await self._exchange.forward(message.id, raw, Reading(file, message.offset))

    async def _write(self, message: Write) -> None:
        file = self._files.get(message.handle)
        if file is None or file.upload is None:
            await self._wrong_handle(message.id)
            return
        await file.upload.take(message.data, message.offset)
        file.begin()
        await self._exchange.forward(message.id, message.raw, Writing(file))

    async def _on_handle(self, message: OnHandle) -> None:
        file = self._files.get(message.handle)
        if file is None or (message.what == Kind.READDIR and not file.is_directory):
            await self._wrong_handle(message.id)
        elif message.what == Kind.CLOSE:
            await self._close(message, file)
        elif message.what == Kind.FSETSTAT:
            await self._set(message, file)
        else:
            raw = writing.encode(message)
            await self._exchange.forward(message.id, raw, PassedOn((Attrs, Name, ExtendedReply)))

    async def _close(self, message: OnHandle, file: OpenFile) -> None:
        if file.is_size_wanted:
            file.know_size(await self._paths.size(message.handle))
        self._files.leave(message.handle)
        await self._exchange.forward(message.id, writing.encode(message), Closing(file, self._files))

    async def _set(self, message: OnHandle, file: OpenFile) -> None:
        if message.attributes is not None and message.attributes.size is not None:
            file.fresh = False
        verbs = setting(message.attributes, is_uploaded=file.upload is not None)
        operations = [file_operation(verb, file.path, program="sftp") for verb in verbs]
        if not operations or await self._judged.may(message.id, *operations):
            await self._exchange.forward(message.id, writing.encode(message), PassedOn())

    async def _copy(self, message: CopyData) -> None:
        """The target copies by itself: both files were judged, but what is copied is not seen here."""
        if not self._may_copy:
            await self._answers.not_offered(message.id, numbers.COPY_DATA)
            return
        source, destination = self._files.get(message.source), self._files.get(message.destination)
        if source is None or source.download is None or destination is None or destination.upload is None:
            await self._wrong_handle(message.id)
            return
        destination.upload.in_order = False
        text = f"{source.path} copied to {destination.path} on the target"
        mark = {"kind": "file", "text": text, "direction": "copy", "path": destination.path.given}
        await self._gate.observe(FrameKind.MARK, json.dumps(mark).encode())
        await self._exchange.forward(message.id, writing.encode(message), PassedOn())

    async def _wrong_handle(self, id: int) -> None:
        await self._answers.status(id, Code.FAILURE, "hoop: no file is open for this under that handle")
