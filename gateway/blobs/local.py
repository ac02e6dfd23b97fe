"""Blobs in a directory: one file per key, private to the gateway's own user.

Every path is walked from the root by descriptor and without following links, so nothing that gets into the
directory leads out of it. Keys are checked here too, although the gateway makes them itself.
"""

import asyncio
import contextlib
import os
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway.blobs import words
from gateway.blobs.threads import in_thread
from gateway.blobs.writer import LocalWriter
from gateway.core.errors import Fault

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,99}(/[A-Za-z0-9][A-Za-z0-9.-]{0,99}){0,9}")
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITABLE_BY_OTHERS = 0o022


class LocalBlobs:
    """The `Blobs` port on a directory. Nothing is touched before the first call."""

    def __init__(self, root: Path, reserve_bytes: int = 256 << 20) -> None:
        """No object is started while less than `reserve_bytes` are free: those that are open need them."""
        self._root = root
        self._reserve = reserve_bytes

    async def create(self, key: str) -> LocalWriter:
        """Start a new object; its name is durable when this returns. Raises `Fault`."""
        if not _is_key(key):
            raise Fault("a recording can not have this name")
        made: list[int] = []
        try:
            await in_thread(lambda: made.append(self._create(key)))
        except asyncio.CancelledError:
            for descriptor in made:
                os.close(descriptor)
            raise
        return LocalWriter(made[0])

    async def read(self, key: str, offset: int = 0, limit: int = 1 << 20) -> bytes:
        """Up to `limit` bytes from `offset`; empty at the end. Raises `KeyError`, or `Fault` when reading fails."""
        return await in_thread(lambda: self._read(key, max(0, offset), max(0, limit)))

    async def size(self, key: str) -> int:
        """How many bytes there are now. Raises `KeyError`."""
        return await in_thread(lambda: self._size(key))

    async def keys(self, prefix: str = "") -> Sequence[str]:
        """All keys that start with `prefix`, sorted."""
        return await in_thread(lambda: self._keys(prefix))

    async def check(self) -> None:
        """Raise `Fault` unless a new object could be started and written now. Tries it."""
        await in_thread(self._check)

    def _create(self, key: str) -> int:
        *folders, name = key.split("/")
        try:
            with contextlib.ExitStack() as opened:
                above = opened.enter_context(_closing(self._open_root()))
                self._need_room(above)
                for folder in folders:
                    above = opened.enter_context(_closing(_open_folder(above, folder)))
                new = os.open(name, _NEW_FILE, 0o600, dir_fd=above)
                try:
                    os.fsync(above)
                except OSError:
                    os.close(new)
                    raise
                return new
        except OSError as problem:
            raise words.fault(problem) from problem

    def _open_root(self) -> int:
        if not os.path.lexists(self._root):
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync_directory(self._root.parent)
        root = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        if os.fstat(root).st_mode & _WRITABLE_BY_OTHERS:
            os.close(root)
            raise Fault(
                "other users may write the directory for recordings: take that right away (chmod 700)"
            )
        return root

    def _need_room(self, root: int) -> None:
        room = os.fstatvfs(root)
        free = room.f_bavail * room.f_frsize
        if free < self._reserve:
            need = f"{self._reserve / 1e6:,.0f} MB must be free, {free / 1e6:,.0f} MB are"
            raise Fault(f"{words.FULL}: {need}")

    def _check(self) -> None:
        name = f".check-{secrets.token_hex(8)}"  # no key starts with a dot
        try:
            with _closing(self._open_root()) as root:
                self._need_room(root)
                probe = os.open(name, _NEW_FILE, 0o600, dir_fd=root)
                try:
                    with _closing(probe):
                        os.write(probe, b"\0" * 4096)
                        os.fsync(probe)
                finally:
                    os.unlink(name, dir_fd=root)
        except OSError as problem:
            raise words.fault(problem) from problem

    @contextlib.contextmanager
    def _opened(self, key: str) -> Iterator[int]:
        """The object's file, for reading. Anything but a plain file inside the root is an unknown key."""
        if not _is_key(key):
            raise KeyError(key)
        *folders, name = key.split("/")
        with contextlib.ExitStack() as opened:
            try:
                above = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                opened.callback(os.close, above)
                for folder in folders:
                    above = os.open(folder, _DIRECTORY, dir_fd=above)
                    opened.callback(os.close, above)
                file = os.open(name, _READ_FILE, dir_fd=above)
                opened.callback(os.close, file)
                plain = stat.S_ISREG(os.fstat(file).st_mode)
            except OSError as problem:
                raise KeyError(key) from problem
            if not plain:
                raise KeyError(key)
            yield file

    def _read(self, key: str, offset: int, limit: int) -> bytes:
        parts: list[bytes] = []
        with self._opened(key) as file:
            try:
                while limit and (part := os.pread(file, limit, offset)):
                    parts.append(part)
                    offset += len(part)
                    limit -= len(part)
            except OSError as problem:
                raise Fault("a recording can not be read: the disk reports an error") from problem
        return b"".join(parts)

    def _size(self, key: str) -> int:
        with self._opened(key) as file:
            return os.fstat(file).st_size

    def _keys(self, prefix: str) -> list[str]:
        found: list[str] = []
        for folder, _, names in os.walk(self._root, onerror=_unless_missing):
            above = Path(folder).relative_to(self._root)
            for name in names:
                key = (above / name).as_posix()
                if key.startswith(prefix) and _is_key(key) and not Path(folder, name).is_symlink():
                    found.append(key)
        return sorted(found)


def _is_key(key: str) -> bool:
    return _KEY.fullmatch(key) is not None and ".." not in key


@contextlib.contextmanager
def _closing(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open_folder(above: int, name: str) -> int:
    """The folder `name`, made if need be, durably."""
    try:
        os.mkdir(name, 0o700, dir_fd=above)
    except FileExistsError:
        pass
    else:
        os.fsync(above)
    return os.open(name, _DIRECTORY, dir_fd=above)


def _unless_missing(problem: OSError) -> None:
    if not isinstance(problem, FileNotFoundError):
        raise Fault("the directory for recordings can not be read") from problem


def _sync_directory(path: Path) -> None:
    with _closing(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as directory:
        os.fsync(directory)
