"""The gateway's own host key: read, or made on the first start. It never changes an existing file."""

from pathlib import Path

import asyncssh

from gateway.core.errors import Misconfigured
from gateway.core.private_file import NotPrivate, make_private, read_private


def load_or_make(path: Path) -> asyncssh.SSHKey:
    """The key at `path`. Raises `Misconfigured` unless it is a private file with a key without a passphrase."""
    try:
        if not path.exists():
            key = asyncssh.generate_private_key("ssh-ed25519", comment="hoop")
            make_private(path, key.export_private_key())
        text = read_private(path)
    except OSError as problem:
        reason = (problem.strerror or "unknown reason").lower()
        raise Misconfigured(f"the SSH host key {path} can not be used: {reason}") from problem
    except NotPrivate as problem:
        raise Misconfigured(f"the SSH host key {path} can not be used: {problem}") from problem
    try:
        return asyncssh.import_private_key(text)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError) as problem:
        raise Misconfigured(f"the SSH host key {path} is not a private key without a passphrase") from problem
