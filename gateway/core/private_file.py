"""A file that only its owner may read, made once: nobody ever sees half of it, and of two makers one wins.

It never changes a file that is there.
"""

import contextlib
import os
import secrets
import stat
from pathlib import Path


class NotPrivate(Exception):
    """Others than the owner may read the file, or it is no ordinary file. The text ends a sentence."""


def make_private(path: Path, data: bytes) -> None:
    """Make the file unless it is there. It is written aside and linked into place, and survives a power cut."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    file = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
    finally:
        aside.unlink()
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def read_private(path: Path, most: int = 1 << 16) -> bytes:
    """What is in it. Raises `NotPrivate` and `OSError`. The open file is judged: its name may change its meaning."""
    with path.open("rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise NotPrivate("it is not a file")
        if about.st_mode & 0o077:
            raise NotPrivate(f"can be read by others than its owner - run: chmod 600 {path}")
        return file.read(most)
