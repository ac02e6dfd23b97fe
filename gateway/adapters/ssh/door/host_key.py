"""The gateway's own host key: read, or made on the first start. It never changes an existing file."""

import contextlib
import os
import secrets
import stat
from pathlib import Path

import asyncssh

from gateway.core.errors import Misconfigured


def load_or_make(path: Path) -> asyncssh.SSHKey:
    """The key at `path`. Raises `Misconfigured` unless it is a private file with a key without a passphrase."""
    try:
        if not path.exists():
            _make(path)
        return _load(path)
    except OSError as problem:
        reason = (problem.strerror or "unknown reason").lower()
        raise Misconfigured(f"the SSH host key {path} can not be used: {reason}") from problem


def _load(path: Path) -> asyncssh.SSHKey:
    with path.open("rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise Misconfigured(f"the SSH host key {path} can not be used: it is not a file")
        if about.st_mode & 0o077:
            raise Misconfigured(
                f"the SSH host key {path} can be read by others than its owner - run: chmod 600 {path}"
            )
        text = file.read(1 << 16)
    try:
        return asyncssh.import_private_key(text)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError) as problem:
        raise Misconfigured(f"the SSH host key {path} is not a private key without a passphrase") from problem


def _make(path: Path) -> None:
    """Write aside and link into place: nobody ever sees half a key, and of two starters one wins."""
    text = asyncssh.generate_private_key("ssh-ed25519", comment="hoop").export_private_key()
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    file = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "wb") as out:
            out.write(text)
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
