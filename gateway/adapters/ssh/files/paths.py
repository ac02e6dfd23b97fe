"""What paths really are: asked of the target itself, over an SFTP channel beside the transfer.

For programs that name paths and nothing more: scp -O, rsync and git. Answers are facts of a moment, and only as good
as the word of the target. Where it has no SFTP, is slow or does not follow links, a path stays unresolved ("").
"""

import asyncio
import logging
import posixpath
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum

import asyncssh
from asyncssh.constants import FILEXFER_TYPE_DIRECTORY, FILEXFER_TYPE_SYMLINK

from gateway.adapters.ssh.connection import TargetConnection
from gateway.adapters.ssh.files.words import Word

log = logging.getLogger("hoop.ssh")

PATIENCE = 5.0
"""Seconds for one answer; after a longer silence nothing is asked any more."""

PARTS_MOST = 100

_TROUBLE = (asyncssh.Error, OSError, TimeoutError)


class Kind(Enum):
    """What stands at the end of a path, links followed."""

    DIRECTORY = "directory"
    OTHER = "other"
    MISSING = "missing"
    UNKNOWN = "unknown"


class TargetPaths:
    """Asks one target. Paths are text as in `Operation`: bytes that are no UTF-8 are surrogates."""

    def __init__(self, client: asyncssh.SFTPClient | None, *, follows_links: bool = False) -> None:
        """`follows_links`: the server is known to follow every link when asked for a real path."""
        self._client = client
        self._follows_links = follows_links

    @classmethod
    @asynccontextmanager
    async def beside(cls, connection: TargetConnection) -> "AsyncIterator[TargetPaths]":
        """Open a channel for questions, where the target has it."""
        paths = cls(None, follows_links="OpenSSH" in str(connection.get_extra_info("server_version", "")))
        try:
            async with asyncio.timeout(PATIENCE):
                paths._client = await connection.start_sftp_client(path_encoding=None)
        except _TROUBLE as problem:
            log.info("a target does not resolve paths: %s", str(problem) or "no answer in time")
        try:
            yield paths
        finally:
            paths.stop()

    def stop(self) -> None:
        """Ask nothing more."""
        if self._client is not None:
            self._client.exit()
            self._client = None

    async def resolved(self, word: Word) -> str:
        """The absolute path without links of a path on a command line, or "" where that can not be known."""
        path = placed(word)
        return "" if path is None else await self.real(path)

    async def real(self, path: str) -> str:
        """The same for a path as the target knows it. What does not exist is resolved as far as it does."""
        found = await self._ask(path)
        if isinstance(found, asyncssh.SFTPError):
            return await self._missing(path.rstrip("/") or path)  # rsync makes `new` of `new/`
        return found if found and await self._is_free_of_links(found) else ""

    async def kind(self, path: str) -> Kind:
        """What is there."""
        found = await self._stat(path, follow=True)
        if isinstance(found, asyncssh.SFTPNoSuchFile):
            return Kind.MISSING
        if isinstance(found, asyncssh.SFTPAttrs):
            return Kind.DIRECTORY if found.type == FILEXFER_TYPE_DIRECTORY else Kind.OTHER
        return Kind.UNKNOWN

    async def _missing(self, path: str) -> str:
        """Servers differ in whether they name what does not exist yet."""
        parent, name = posixpath.split(path)
        if name in ("", ".", "..") or not isinstance(
            await self._stat(path, follow=False), asyncssh.SFTPNoSuchFile
        ):
            return ""
        found = await self._ask(parent or ".")
        if not isinstance(found, str) or not found or not await self._is_free_of_links(found):
            return ""
        return posixpath.join(found, name)

    async def _is_free_of_links(self, path: str) -> bool:
        """Some servers only tidy a path when they are asked what it really is."""
        if self._follows_links:
            return True
        parts = path.split("/")[1:]
        if len(parts) > PARTS_MOST:
            return False
        places = ["/" + "/".join(parts[: count + 1]) for count in range(len(parts))]
        for found in await asyncio.gather(*[self._stat(place, follow=False) for place in places]):
            if isinstance(found, asyncssh.SFTPNoSuchFile):
                continue
            if not isinstance(found, asyncssh.SFTPAttrs) or found.type == FILEXFER_TYPE_SYMLINK:
                return False
        return True

    async def _ask(self, path: str) -> str | asyncssh.SFTPError:
        """What the server calls the real path; "" where there is no use in asking."""
        if self._client is None:
            return ""
        try:
            async with asyncio.timeout(PATIENCE):
                found = await self._client.realpath(path.encode("utf-8", "surrogateescape"))
        except asyncssh.SFTPError as problem:
            return problem if self._has_answered(problem) else ""
        except _TROUBLE as problem:
            self._give_up(problem)
            return ""
        text = found.decode("utf-8", "surrogateescape")
        return text if text.startswith("/") and "\0" not in text else ""

    async def _stat(self, path: str, *, follow: bool) -> asyncssh.SFTPAttrs | asyncssh.SFTPError | None:
        if self._client is None:
            return None
        name = path.encode("utf-8", "surrogateescape")
        try:
            async with asyncio.timeout(PATIENCE):
                return await (self._client.stat(name) if follow else self._client.lstat(name))
        except asyncssh.SFTPError as problem:
            return problem if self._has_answered(problem) else None
        except _TROUBLE as problem:
            self._give_up(problem)
            return None

    def _has_answered(self, problem: asyncssh.SFTPError) -> bool:
        """Errors that the server sent, and not those of a connection that is no more."""
        if isinstance(
            problem, (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.SFTPBadMessage)
        ):
            self._give_up(problem)
            return False
        return True

    def _give_up(self, problem: Exception) -> None:
        log.info("a target stopped resolving paths: %s", str(problem) or "no answer in time")
        self.stop()


def placed(word: Word) -> str | None:
    """A path on a command line as the target's SFTP server understands it: relative to the person's home directory.
    None where only the shell knows."""
    if word.is_pattern:
        return None
    if not word.home:
        return word.text
    if word.home != "~":
        return None
    return word.text[1:].lstrip("/") or "."
