"""Reads files on a target over an SFTP channel of the gateway's own, beside whatever else the connection carries.

Regular files only, so much at most, for so long at most. No command is run for it, and no name ever meets a shell.
What a target says of its files is its own word.
"""

import asyncio
import logging
import stat
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import cast

import asyncssh

from gateway.adapters.ssh.connection import TargetConnection
from gateway.session.looking import FileRead

log = logging.getLogger("hoop.ssh")

PATIENCE = 10.0
"""Seconds for one file."""
HASHED_MOST = 16 << 20
"""Bytes of one file that are read for its digest. Nothing is known of what is in a larger one."""
_CHUNK = 256 << 10
_TROUBLE = (asyncssh.Error, OSError, TimeoutError)
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

Connect = Callable[[], Awaitable[TargetConnection]]


class NotRead(Exception):
    """Why a file is not read: a clause."""


class TargetFiles:
    """One connection's files. `read` as `gateway.session.looking.Reader` has it."""

    def __init__(self, connect: Connect) -> None:
        """`connect`: the connection that is open, or a new one. Raises `Unreachable`."""
        self._connect = connect
        self._client: asyncssh.SFTPClient | None = None
        self._connection: TargetConnection | None = None

    async def read(self, path: str, most: int) -> FileRead:
        """Raises `Unreachable`."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._read(await self._opened(), path.encode("utf-8", "surrogateescape"), most)
        except NotRead as problem:
            return FileRead(why=str(problem))
        except asyncssh.SFTPNoSuchFile:
            return FileRead(why="not readable: there is no such file")
        except asyncssh.SFTPPermissionDenied:
            return FileRead(why="not readable: permission denied")
        except TimeoutError:
            self.stop()
            return FileRead(why="not readable: no answer in time")
        except _TROUBLE as problem:
            log.info("a file on a target was not read: %s", type(problem).__name__)
            self.stop()
            return FileRead(why="not readable: the target did not let it be read")

    def stop(self) -> None:
        """Read nothing more over this channel; the next `read` opens another."""
        if self._client is not None:
            self._client.exit()
            self._client = None

    async def client(self) -> asyncssh.SFTPClient:
        """For other questions. Raises what asyncssh raises, `NotRead` and `Unreachable`."""
        return await self._opened()

    async def _opened(self) -> asyncssh.SFTPClient:
        connection = await self._connect()
        if self._client is not None and connection is self._connection:
            return self._client
        self._connection = connection
        try:
            self._client = await connection.start_sftp_client(path_encoding=None)
        except (asyncssh.ChannelOpenError, asyncssh.SFTPError, asyncssh.ConnectionLost) as problem:
            log.info("a target offers no SFTP to look inside by: %s", type(problem).__name__)
            raise NotRead("not readable: the target offers no SFTP to read it by") from None
        return self._client

    async def _read(self, client: asyncssh.SFTPClient, path: bytes, most: int) -> FileRead:
        _must_be_regular(await client.stat(path))
        real = (await client.realpath(path)).decode("utf-8", "surrogateescape")
        async with client.open(path, "rb", encoding=None) as file:
            _must_be_regular(await file.stat())  # it may be another by now
            digest, kept, size = sha256(), bytearray(), 0
            while data := cast(bytes, await file.read(_CHUNK, size)):
                size += len(data)
                if size > HASHED_MOST:
                    raise NotRead(f"too big to be looked at (more than {HASHED_MOST >> 20} MiB)")
                digest.update(data)
                if size <= most:
                    kept += data
        found = FileRead(real if real.startswith("/") else "", size, digest.hexdigest())
        if size > most:
            return FileRead(found.path, size, found.sha256, why=f"too big to be shown ({size:,} bytes)")
        return FileRead(found.path, size, found.sha256, bytes(kept))


def _must_be_regular(found: asyncssh.SFTPAttrs) -> None:
    if found.permissions is None:
        raise NotRead("not readable: the target does not say what it is")
    kind = stat.S_IFMT(found.permissions)
    if kind != stat.S_IFREG:
        raise NotRead(f"not looked inside: it is {_KINDS.get(kind, 'no file')}")
    if found.size is not None and found.size > HASHED_MOST:
        raise NotRead(f"too big to be looked at ({found.size:,} bytes)")
