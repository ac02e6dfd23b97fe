"""What paths really are, asked of the SFTP server that the requests are for, right before each is judged.

Answers are facts of a moment. What is sent on afterwards names the real path, so that links and `..` in what the
client named decide nothing any more; only somebody who replaces a directory in between can still change the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.adapters.ssh.sftp.exchange import Exchange
from gateway.core.errors import Malformed
from gateway.session.files import FilePath
from gateway.wire.sftp.messages import Attrs, Name, OnHandle, OnPath, Reply, Status
from gateway.wire.sftp.numbers import Code, Kind
from gateway.wire.sftp.replies import only_name
from gateway.wire.sftp.writing import encode

PARTS_MOST = 100


@dataclass(frozen=True, slots=True)
class Place:
    """A path: as policy sees it, and as it is sent on."""

    path: FilePath
    sent: bytes


class Paths:
    """Asks one server. A `Status` in place of an answer is the server's own: it would refuse the request, too."""

    def __init__(self, exchange: Exchange, *, is_openssh: bool) -> None:
        """`is_openssh`: the server follows every link when asked for a real path, and names what does not exist."""
        self._exchange = exchange
        self._is_openssh = is_openssh

    @property
    def is_openssh(self) -> bool:
        """The server is known to be OpenSSH's."""
        return self._is_openssh

    async def file(self, path: bytes) -> Place | Status:
        """Where a path leads to. What does not exist yet is found where it would come to be."""
        return _place(path, await self._real(path))

    async def entry(self, path: bytes) -> Place | Status:
        """The name in its directory: the last part of the path is not followed where it is a link."""
        return _place(path, await self._real_entry(path))

    async def from_link(self, text: bytes, link: Place) -> Place:
        """Where a symbolic link of this text would lead, at this place. That it leads nowhere is no error."""
        found: bytes | Status = b""
        if link.path.resolved:
            directory = raw(link.path.resolved).rpartition(b"/")[0] or b"/"
            found = await self._real(text if text.startswith(b"/") else directory + b"/" + text)
        return Place(FilePath(name(text), "" if isinstance(found, Status) else name(found)), text)

    async def is_directory(self, place: Place) -> bool | None:
        """Whether this is a directory, with all that is in it; None where that is not known."""
        (found,) = await self._stat([place.sent])
        return found.attributes.is_directory if isinstance(found, Attrs) else None

    async def size(self, handle: bytes) -> int | None:
        """How large an open file is."""
        reply = await self._exchange.ask(lambda id: encode(OnHandle(Kind.FSTAT, id, handle)), Attrs)
        return reply.attributes.size if isinstance(reply, Attrs) else None

    async def _real(self, path: bytes) -> bytes | Status:
        """Absolute and without links; b"" where that can not be known."""
        found = await self._ask(path)
        if isinstance(found, Status):
            return found if self._is_openssh else await self._missing(path, found)
        return found if found and await self._is_free_of_links(found) else b""

    async def _real_entry(self, path: bytes) -> bytes | Status:
        bare = path.rstrip(b"/")
        parent, slash, last = bare.rpartition(b"/")
        if last in (b"", b".", b".."):
            return await self._real(path)
        found = await self._real(parent or slash or b".")
        if isinstance(found, Status) or not found:
            return found
        return _below(found, last)

    async def _missing(self, path: bytes, problem: Status) -> bytes | Status:
        """Servers differ in whether they name what does not exist yet."""
        bare = path.rstrip(b"/")
        parent, slash, last = bare.rpartition(b"/")
        (found,) = await self._stat([path])
        if not isinstance(found, Status) or found.code != Code.NO_SUCH_FILE:
            return b""
        if last in (b"", b".", b".."):
            return problem
        above = await self._ask(parent or slash or b".")
        if isinstance(above, Status):
            return problem
        return _below(above, last) if above and await self._is_free_of_links(above) else b""

    async def _is_free_of_links(self, path: bytes) -> bool:
        """Some servers only tidy a path when they are asked what it really is."""
        if self._is_openssh:
            return True
        parts = path.rstrip(b"/").split(b"/")[1:]
        if len(parts) > PARTS_MOST:
            return False
        for found in await self._stat([b"/" + b"/".join(parts[: at + 1]) for at in range(len(parts))]):
            if isinstance(found, Status) and found.code == Code.NO_SUCH_FILE:
                continue
            if not isinstance(found, Attrs) or found.attributes.is_link is not False:
                return False
        return True

    async def _ask(self, path: bytes) -> bytes | Status:
        reply = await self._exchange.ask(lambda id: encode(OnPath(Kind.REALPATH, id, path)), Name)
        if isinstance(reply, Status):
            return reply
        assert isinstance(reply, Name)
        try:
            found = only_name(reply)
        except Malformed:
            return b""
        return found if found.startswith(b"/") else b""

    async def _stat(self, paths: Sequence[bytes]) -> list[Reply]:
        makes = [lambda id, path=path: encode(OnPath(Kind.LSTAT, id, path)) for path in paths]
        return await self._exchange.ask_all(makes, Attrs)


def name(path: bytes) -> str:
    """A path as text."""
    return path.decode("utf-8", "surrogateescape")


def raw(path: str) -> bytes:
    """A path as bytes."""
    return path.encode("utf-8", "surrogateescape")


def _below(directory: bytes, last: bytes) -> bytes:
    return directory.rstrip(b"/") + b"/" + last


def _place(path: bytes, found: bytes | Status) -> Place | Status:
    if isinstance(found, Status):
        return found
    if not found:
        return Place(FilePath(name(path)), path)
    slash = b"/" if path.endswith(b"/") and not found.endswith(b"/") else b""
    return Place(FilePath(name(path), name(found)), found + slash)
