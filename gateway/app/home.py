"""The data directory as a home that one process at a time has for itself.

Whoever holds it knows that whatever was open in it before is over: there is no other process that could have it open.
The ledger may be shared, also by mistake under one name; a home is not.
"""

import fcntl
import os
import secrets
from pathlib import Path

from gateway.core.errors import Misconfigured

FILE = "home"


class Home:
    """Take it with `Home.take`, and `leave` it once. A killed process leaves it, too."""

    def __init__(self, handle: int, id: str) -> None:
        self.id = id
        """Made once for each data directory, and random."""
        self._handle = handle

    @classmethod
    def take(cls, data_dir: Path) -> "Home":
        """Raises `Misconfigured` where another process has it, or it can not be used."""
        file = data_dir / FILE
        try:
            handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as problem:
            raise _unusable(file, problem) from problem
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return cls(handle, _read_or_make(handle))
        except BlockingIOError as problem:
            os.close(handle)
            raise Misconfigured(f"another gateway is using the data directory {data_dir}") from problem
        except OSError as problem:
            os.close(handle)
            raise _unusable(file, problem) from problem

    def leave(self) -> None:
        """Let the next one in."""
        os.close(self._handle)


def _read_or_make(handle: int) -> str:
    found = os.pread(handle, 64, 0).decode("ascii", "replace").strip()
    if found:
        return found
    made = secrets.token_hex(8)
    os.pwrite(handle, f"{made}\n".encode(), 0)
    os.fsync(handle)
    return made


def _unusable(file: Path, problem: OSError) -> Misconfigured:
    reason = (problem.strerror or str(problem)).lower()
    return Misconfigured(f"{file} can not be used: {reason}")
