"""Finds files on a target by the parts of their paths: directories are listed, and names matched here.

Bounded in everything: a directory may hold millions of names. No pattern ever reaches a shell.
"""

import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import asyncssh

from gateway.session.touching import Part

LISTED_MOST = 5000
"""Names of one question that are looked at."""
FOUND_MOST = 200
DEEPEST = 32
_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


@dataclass(frozen=True, slots=True)
class Found:
    """One that is there."""

    path: bytes
    attrs: asyncssh.SFTPAttrs

    @property
    def name(self) -> str:
        return self.path.decode("utf-8", "surrogateescape")

    @property
    def kind(self) -> str:
        return _KINDS.get(stat.S_IFMT(self.attrs.permissions or 0), "unknown")

    @property
    def size(self) -> int:
        return self.attrs.size or 0

    @property
    def row(self) -> tuple[str, ...]:
        """Name, kind, size, mode, owner, time."""
        attrs = self.attrs
        mode = f"{stat.S_IMODE(attrs.permissions):04o}" if attrs.permissions is not None else ""
        owner = f"{attrs.uid}:{attrs.gid}" if attrs.uid is not None else ""
        at = (
            f"{datetime.fromtimestamp(attrs.mtime, UTC):%Y-%m-%d %H:%M:%S}Z"
            if attrs.mtime is not None
            else ""
        )
        return (self.name, self.kind, f"{self.size:,}", mode, owner, at)


@dataclass(slots=True)
class Finder:
    """For one question."""

    client: asyncssh.SFTPClient
    left: int = LISTED_MOST
    is_cut: bool = False
    """There are more than were looked at."""
    troubles: list[str] = field(default_factory=list)

    async def find(self, parts: Sequence[Part]) -> list[Found]:
        """All that these parts of a path describe. Links at the end are not followed."""
        reached = [b"/" if parts and parts[0] == "" else b""]
        rest = [part for part in parts if part not in ("", ".")]
        for part in rest:
            if isinstance(part, str):
                reached = [_below(place, part.encode("utf-8", "surrogateescape")) for place in reached]
                continue
            further: list[bytes] = []
            for place in reached:
                further += [
                    _below(place, name)
                    for name, _ in await self.listed(place)
                    if part.fullmatch(name.decode("utf-8", "surrogateescape"))
                ]
            reached = sorted(further)
            self.is_cut |= len(reached) > FOUND_MOST
            reached = reached[:FOUND_MOST]
        found = [await self.look(place or b".") for place in reached]
        return [each for each in found if each is not None]

    async def look(self, path: bytes) -> Found | None:
        """What is there, if anything is."""
        try:
            return Found(path, await self.client.lstat(path))
        except asyncssh.SFTPNoSuchFile:
            return None
        except asyncssh.SFTPError as problem:
            self._trouble(path, problem)
            return None

    async def listed(self, place: bytes) -> list[tuple[bytes, asyncssh.SFTPAttrs]]:
        """The names in a directory, as many as may still be looked at."""
        names: list[tuple[bytes, asyncssh.SFTPAttrs]] = []
        try:
            async for entry in self.client.scandir(place or b"."):
                if entry.filename in (b".", b".."):
                    continue
                if self.left <= 0:
                    self.is_cut = True
                    break
                self.left -= 1
                names.append((bytes(entry.filename), entry.attrs))  # type: ignore[arg-type]  # bytes, as asked
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPFailure):
            return names
        except asyncssh.SFTPError as problem:
            self._trouble(place, problem)
        return names

    async def below(self, place: bytes) -> tuple[int, int]:
        """How many entries a directory has with all that is in it, and how many bytes these are."""
        count = size = 0
        waiting = [(place, 0)]
        while waiting:
            directory, depth = waiting.pop()
            for name, attrs in await self.listed(directory):
                count += 1
                size += attrs.size or 0
                if stat.S_ISDIR(attrs.permissions or 0):
                    self.is_cut |= depth >= DEEPEST
                    if depth < DEEPEST:
                        waiting.append((_below(directory, name), depth + 1))
        return count, size

    def _trouble(self, path: bytes, problem: asyncssh.SFTPError) -> None:
        why = (
            "permission denied"
            if isinstance(problem, asyncssh.SFTPPermissionDenied)
            else "it can not be read"
        )
        self.troubles.append(f"{path.decode('utf-8', 'replace') or '.'}: {why}")


def _below(place: bytes, name: bytes) -> bytes:
    return place + (b"" if place in (b"", b"/") else b"/") + name
