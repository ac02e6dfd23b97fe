"""Secrets in files: `{ file = "PATH" }`. What everybody on the machine could read or change is refused."""

import asyncio
import os
import stat
from collections.abc import Mapping
from typing import Any

from gateway.core.errors import Fault
from gateway.core.plain import plain
from gateway.core.secret import Secret
from gateway.secrets.values import LIMIT, one_value


class FileSecrets:
    """The Secrets port for `{"file": PATH}`. It reads each time."""

    async def fetch(self, reference: Mapping[str, Any]) -> Secret:
        """What the file holds. Raises `Fault`."""
        match dict(reference):
            case {"file": str(path), **rest} if not rest:
                return await asyncio.to_thread(read_secret_file, path)
        raise Fault("a secret file must be a path")

    def forget(self, reference: Mapping[str, Any]) -> None:
        """Nothing is kept here."""


def read_secret_file(path: str) -> Secret:
    """What the file holds. Raises `Fault` where it can not be read, or where others could read it too."""
    shown = plain(path, 300)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as problem:
        raise Fault(_unreadable(shown, problem)) from None
    try:
        # The open file is judged, not the name: the name may point elsewhere a moment later.
        reason = _unfit(shown, os.fstat(handle))
        if reason:
            raise Fault(reason)
        return one_value(_read_file(handle, shown), f"the secret file {shown} is empty")
    finally:
        os.close(handle)


def secret_file_problem(path: str) -> str:
    """Why `read_secret_file` would refuse `path`; empty where it would not. Reads no secret into an answer."""
    try:
        read_secret_file(path)
    except Fault as problem:
        return problem.sentence
    return ""


def _read_file(handle: int, shown: str) -> bytes:
    try:
        with open(handle, "rb", closefd=False) as opened:
            value = opened.read(LIMIT + 1)
    except OSError as problem:
        raise Fault(_unreadable(shown, problem)) from None
    if len(value) > LIMIT:
        raise Fault(f"the secret file {shown} is longer than {LIMIT >> 10} KiB")
    return value


def _unfit(shown: str, found: os.stat_result) -> str:
    if not stat.S_ISREG(found.st_mode):
        return f"the secret file {shown} is not an ordinary file"
    if found.st_mode & stat.S_IROTH:
        return f"the secret file {shown} can be read by everybody on this machine: run chmod 600 on it"
    if found.st_mode & stat.S_IWOTH:
        return f"the secret file {shown} can be changed by everybody on this machine: run chmod 600 on it"
    return ""


def _unreadable(shown: str, problem: Exception) -> str:
    if isinstance(problem, FileNotFoundError):
        return f"the secret file {shown} does not exist"
    if isinstance(problem, PermissionError):
        return f"the secret file {shown} can not be read by this user"
    return f"the secret file {shown} can not be read"
