"""SFTP servers of other makes, and one that answers whatever a test tells it to."""

import asyncio
import posixpath
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncssh

from gateway.wire.sftp import writing
from gateway.wire.sftp.codec import Requests
from gateway.wire.sftp.messages import Init, Request, Version
from tests.ssh.house import House


class AnyKey(asyncssh.SSHServer):
    """Lets everybody in: it stands on loopback for the length of a test."""

    def begin_auth(self, username: str) -> bool:
        return False


class OnlyTidies(asyncssh.SFTPServer):
    """Does not follow links when it is asked what a path really is, as several servers do."""

    def realpath(self, path: bytes) -> bytes:
        return posixpath.normpath(path)


class NamesNothingMissing(asyncssh.SFTPServer):
    """Has no real path for what does not exist."""

    def realpath(self, path: bytes) -> bytes:
        self.lstat(path)
        return posixpath.realpath(path, strict=True)


class Scripted(asyncssh.SSHServerSession[bytes]):
    """Reads requests and answers by hand."""

    def __init__(self, script: "Script") -> None:
        self._script = script
        self._heard: asyncio.Queue[bytes] = asyncio.Queue()
        self._requests = Requests()
        self._task: asyncio.Task[None] | None = None
        self.channel: asyncssh.SSHServerChannel[bytes] | None = None

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self.channel = chan

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == "sftp"

    def session_started(self) -> None:
        self._task = asyncio.create_task(self._follow())

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self._heard.put_nowait(data)

    def eof_received(self) -> bool:
        self._heard.put_nowait(b"")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._heard.put_nowait(b"")

    async def _follow(self) -> None:
        await self._script(self)
        self.exit(0)

    def exit(self, status: int) -> None:
        if self.channel is not None and not self.channel.is_closing():
            self.channel.exit(status)

    async def next(self) -> Request | None:
        while (request := self._requests.next_message()) is None:
            data = await self._heard.get()
            if not data:
                return None
            self._requests.receive(data)
        return request

    def say(self, *packets: bytes) -> None:
        self._write(b"".join(packets), None)

    def complain(self, text: bytes) -> None:
        self._write(text, asyncssh.EXTENDED_DATA_STDERR)

    def _write(self, data: bytes, kind: int | None) -> None:
        if self.channel is not None and not self.channel.is_closing():
            self.channel.write(data, kind)

    async def begin(self, *extensions: tuple[bytes, bytes]) -> None:
        assert isinstance(await self.next(), Init)
        self.say(bytes(writing.encode(Version(3, extensions))))


Script = Callable[[Scripted], Awaitable[None]]


@asynccontextmanager
async def scripted(house: House, script: Script, version: str = "other") -> AsyncIterator[None]:
    """Offer a server that follows a script as web-1."""

    class Follows(AnyKey):
        def session_requested(self) -> Scripted:
            return Scripted(script)

    async with _listening(house, server_factory=Follows, version=version):
        yield


@asynccontextmanager
async def served_by(
    house: House, factory: type[asyncssh.SFTPServer], version: str = "other"
) -> AsyncIterator[None]:
    """Offer a server of asyncssh's as web-1."""
    async with _listening(house, server_factory=AnyKey, sftp_factory=factory, version=version):
        yield


@asynccontextmanager
async def _listening(house: House, version: str, **options: object) -> AsyncIterator[None]:
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[host_key],
        server_version=version,
        encoding=None,
        **options,
    )
    line = " ".join(host_key.export_public_key().decode().split()[:2])
    house.offer("web-1", server.get_port(), "deploy", house.person_key, host_keys=[line])
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()
