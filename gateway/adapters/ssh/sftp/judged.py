"""SFTP requests that name paths: resolved, judged, and sent on for the path that was judged.

Each is one Operation, whoever is asked to decide; only looking at what is there (STAT and its like) is allowed to
whoever may do anything with the file, and is not written down.
"""

from gateway.adapters.ssh.files.command import Admit
from gateway.adapters.ssh.sftp.answers import Answers, ErrorOutput
from gateway.adapters.ssh.sftp.exchange import Exchange, PassedOn
from gateway.adapters.ssh.sftp.open import OpenFile, OpenFiles, Opening
from gateway.adapters.ssh.sftp.paths import Paths, Place, name
from gateway.core.errors import Denied
from gateway.core.operation import Operation
from gateway.session.files import FilePath, Transfer, file_operation
from gateway.session.gate import Gate
from gateway.wire.sftp import numbers
from gateway.wire.sftp.fields import Attributes
from gateway.wire.sftp.messages import Attrs, Name, OnPath, OnTwoPaths, Open, Status, What
from gateway.wire.sftp.numbers import Flags, Has, Kind
from gateway.wire.sftp.writing import encode, status_again

PATH_MOST = 4096
"""Longer paths are not found on any system we know."""

LOOKING = ("stat", "list", "download", "upload")

_VERBS: dict[What, str] = {
    Kind.OPENDIR: "list",
    Kind.MKDIR: "mkdir",
    Kind.RMDIR: "rmdir",
    Kind.REMOVE: "remove",
    Kind.SETSTAT: "chmod",
    numbers.LSETSTAT: "chmod",
    Kind.RENAME: "rename",
    numbers.POSIX_RENAME: "rename",
    Kind.SYMLINK: "link",
    numbers.HARDLINK: "link",
}
_FOLLOWED = frozenset({Kind.OPENDIR, Kind.SETSTAT, Kind.STAT})
"""These act on what a link leads to; all others on the link itself."""

_WRITING = Flags.WRITE | Flags.APPEND | Flags.CREATE | Flags.TRUNCATE


class Judged:
    """One session's requests about paths. Each method returns when the request is sent on or answered."""

    def __init__(
        self,
        gate: Gate,
        admit: Admit,
        exchange: Exchange,
        answers: Answers,
        errors: ErrorOutput,
        paths: Paths,
        files: OpenFiles,
    ) -> None:
        self._gate = gate
        self._admit = admit
        self._exchange = exchange
        self._answers = answers
        self._errors = errors
        self._paths = paths
        self._files = files

    async def open(self, message: Open) -> None:
        """OPEN: a download, an upload, or both."""
        place = await self._place(message.id, await self._paths.file(message.path))
        if place is None:
            return
        writes = bool(message.flags & _WRITING)
        reads = bool(message.flags & Flags.READ) or not writes
        verbs = [verb for verb, wanted in (("upload", writes), ("download", reads)) if wanted]
        if not await self.may(message.id, *(_operation(verb, place) for verb in verbs)):
            return
        file = OpenFile(
            place.path,
            download=self._transfer("download", place) if reads else None,
            upload=self._transfer("upload", place) if writes else None,
            fresh=bool(message.flags & (Flags.TRUNCATE | Flags.EXCLUSIVE)),
        )
        self._files.expect()
        request = Open(message.id, place.sent, message.flags, message.attributes)
        await self._exchange.forward(message.id, encode(request), Opening(file, self._files))

    async def look(self, message: OnPath) -> None:
        """STAT, LSTAT and READLINK. Where even an unknown path may be looked at, it is not resolved."""
        place = Place(FilePath(name(message.path)), message.path)
        if not self._may_look(place):
            found = await self._find(message)
            known = await self._place(message.id, found)
            if known is None:
                return
            if not self._may_look(known):
                await self._answers.may_not_look(message.id, str(known.path))
                return
            place = known
        await self._forward(message, place.sent, Attrs, Name)

    async def list_directory(self, message: OnPath) -> None:
        """OPENDIR."""
        place = await self._place(message.id, await self._paths.file(message.path))
        if place is None or not await self.may(message.id, _operation("list", place)):
            return
        self._files.expect()
        file = OpenFile(place.path, is_directory=True)
        request = OnPath(message.what, message.id, place.sent)
        await self._exchange.forward(message.id, encode(request), Opening(file, self._files))

    async def change(self, message: OnPath) -> None:
        """MKDIR, RMDIR, REMOVE, SETSTAT and lsetstat."""
        place = await self._place(message.id, await self._find(message))
        if place is None:
            return
        verbs = [_VERBS[message.what]]
        if message.what in (Kind.SETSTAT, numbers.LSETSTAT):
            verbs = setting(message.attributes, is_uploaded=False)
        if await self.may(message.id, *(_operation(verb, place) for verb in verbs)):
            await self._forward(message, place.sent)

    async def rename(self, message: OnTwoPaths) -> None:
        """RENAME and posix-rename: neither name is followed."""
        first = await self._place(message.id, await self._paths.entry(message.first))
        if first is None:
            return
        second = await self._place(message.id, await self._paths.entry(message.second))
        if second is not None:
            await self._do_two(message, first, second, await self._paths.is_directory(first))

    async def hard_link(self, message: OnTwoPaths) -> None:
        """hardlink. Systems differ in whether they follow the first name, so it is sent on without a link in it."""
        first = await self._place(message.id, await self._paths.file(message.first))
        if first is None:
            return
        second = await self._place(message.id, await self._paths.entry(message.second))
        if second is not None:
            await self._do_two(message, first, second, False)

    async def link(self, message: OnTwoPaths) -> None:
        """SYMLINK."""
        first = Place(FilePath(name(message.first)), message.first)
        second = Place(FilePath(name(message.second)), message.second)
        if self._paths.is_openssh:  # with others it is not certain which of the two is the link
            found = await self._place(message.id, await self._paths.entry(message.second))
            if found is None:
                return
            first, second = await self._paths.from_link(message.first, found), found
        await self._do_two(message, first, second, None)

    async def _do_two(self, message: OnTwoPaths, first: Place, second: Place, tree: bool | None) -> None:
        verb = _VERBS[message.what]
        operation = file_operation(verb, first.path, second.path, program="sftp", tree=tree)
        if await self.may(message.id, operation):
            request = OnTwoPaths(message.what, message.id, first.sent, second.sent)
            await self._exchange.forward(message.id, encode(request), PassedOn())

    async def may(self, id: int, *operations: Operation) -> bool:
        """Whether all of this is admitted. Where it is not, the client has been told."""
        await self._exchange.flush()
        try:
            for operation in operations:
                # What is in a file passes unmasked: where it would have to be masked, it does not pass.
                permit = await self._admit(operation, maskable=operation.verb != "download")
                self._errors.admitted(permit)
        except Denied as problem:
            await self._answers.refuse(id, problem.sentence)
            return False
        return True

    def _may_look(self, place: Place) -> bool:
        return any(self._gate.would_admit(_operation(verb, place)) for verb in LOOKING)

    async def _find(self, message: OnPath) -> Place | Status:
        if message.what in _FOLLOWED:
            return await self._paths.file(message.path)
        return await self._paths.entry(message.path)

    async def _place(self, id: int, found: Place | Status) -> Place | None:
        """The place, or the server's own refusal for the client."""
        if isinstance(found, Place):
            return found
        await self._answers.give(status_again(id, found))
        return None

    def _transfer(self, direction: str, place: Place) -> Transfer:
        return Transfer(
            self._gate,
            direction="upload" if direction == "upload" else "download",
            path=place.path.given,
            resolved=place.path.resolved,
            program="sftp",
        )

    async def _forward(self, message: OnPath, sent: bytes, *expects: type) -> None:
        request = OnPath(message.what, message.id, sent, message.attributes)
        await self._exchange.forward(message.id, encode(request), PassedOn(expects))


def setting(attributes: Attributes | None, *, is_uploaded: bool) -> list[str]:
    """What it takes to set these attributes. Who uploads a file may give it a size, a mode and times with it."""
    has = attributes.has if attributes is not None else 0
    verbs = ["upload"] if has & Has.SIZE and not is_uploaded else []
    others = Has.OWNER | Has.EXTENDED if is_uploaded else ~Has.SIZE
    if has & others or not (has or is_uploaded):
        verbs.append("chmod")
    return verbs


def is_too_long(message: Open | OnPath | OnTwoPaths) -> bool:
    """There is no such path."""
    names = (message.first, message.second) if isinstance(message, OnTwoPaths) else (message.path,)
    return any(len(each) > PATH_MOST for each in names)


def _operation(verb: str, place: Place) -> Operation:
    return file_operation(verb, place.path, program="sftp")
