"""The gateway's certificate authorities: for people at its door, for its own host key, for targets, for databases.

Each is a directory of numbered keys. They are trusted until they are retired, which the newest can not be. A
`NNNN.key` counts for nothing without its `NNNN.pub`, which comes last and goes first. Other processes may add and
retire keys at any time: whoever asks is told what is there now. What is signed, and with which, is in `signing.py`.
"""

import fcntl
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, Protocol, get_args

import asyncssh

from gateway.core.errors import Fault, Refused
from gateway.core.events import AuthorityRotated, Event
from gateway.core.private_file import NotPrivate, make_private, read_private
from gateway.identity.ssh_keys import key_blob, key_fingerprint

AuthorityKind = Literal["user", "host", "target", "database"]
"""`user` signs people's certificates for the gateway's door, `host` the gateway's own host key, `target` the
short-lived certificates that open targets, and `database` what clients of databases and the gateway know each other
by. Never the same key: each is trusted by others."""

KINDS: tuple[AuthorityKind, ...] = get_args(AuthorityKind)

_KEY_TYPES: Mapping[AuthorityKind, str] = {
    "user": "ssh-ed25519",
    "host": "ssh-ed25519",
    "target": "ssh-ed25519",
    "database": "ecdsa-sha2-nistp256",  # there are clients of databases whose TLS knows no ed25519
}
_NAME = re.compile(r"([0-9]{4})\.(key|pub|retired)", re.ASCII)
_LAST = 9999
_SETTLED = 1_000_000_000
"""Nanoseconds. A directory that was changed more recently may change again without a new time stamp."""


@dataclass(frozen=True, slots=True)
class AuthorityKey:
    """The public half of one key of an authority."""

    number: str
    openssh: str
    blob: bytes
    created_at: datetime

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` prints it."""
        return key_fingerprint(self.blob)


class Book(Protocol):
    """The part of the ledger that this module needs."""

    async def append(self, event: Event) -> int: ...


class Authority:
    """The keys of one kind, below `directory`. Reads raise `Fault` where a file can not be used."""

    def __init__(self, directory: Path, kind: AuthorityKind) -> None:
        self.kind: AuthorityKind = kind
        self.place: Final = directory / kind
        self._seen: tuple[object, tuple[AuthorityKey, ...]] | None = None
        self._private: dict[AuthorityKey, asyncssh.SSHKey] = {}

    def trusted(self) -> tuple[AuthorityKey, ...]:
        """Every key whose signatures count, oldest first."""
        try:
            about = self.place.stat()
            stamp = (about.st_ino, about.st_mtime_ns)
            if self._seen is not None and self._seen[0] == stamp:
                return self._seen[1]
            keys = self._read()
        except FileNotFoundError:
            return ()
        except OSError as problem:
            raise self._unusable(self.place, (problem.strerror or "unknown reason").lower()) from problem
        self._seen = (stamp, keys) if time.time_ns() - about.st_mtime_ns > _SETTLED else None
        return keys

    def newest(self) -> AuthorityKey | None:
        """The key that signs; None where there is none yet."""
        keys = self.trusted()
        return keys[-1] if keys else None

    def signer(self, key: AuthorityKey | None = None) -> asyncssh.SSHKey:
        """The private half of a key; if none is named, of the newest. Raises `Fault`, also where there is none."""
        key = key or self.newest()
        if key is None:
            raise Fault(f"there is no {self.kind} authority yet - run: hoop-gateway ca rotate {self.kind}")
        if key not in self._private:
            kept = {known: half for known, half in self._private.items() if known in self.trusted()}
            self._private = {**kept, key: self._read_private(key)}
        return self._private[key]

    def add(self, key: asyncssh.SSHKey) -> AuthorityKey:
        """From now on this key signs. It becomes trusted with its last file, so nobody ever sees half of it."""
        try:
            self.place.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._alone():
                number = f"{self._last_number() + 1:04}"
                if int(number) > _LAST:
                    raise Fault(f"the {self.kind} authority has had too many keys")
                key.set_comment(f"hoop {self.kind} authority {number}")
                make_private(self._file(number, "key"), key.export_private_key())
                make_private(self._file(number, "pub"), key.export_public_key())
                return self._read_public(self._file(number, "pub"))
        except OSError as problem:
            raise self._unusable(self.place, (problem.strerror or "unknown reason").lower()) from problem

    def retire(self, number: str) -> AuthorityKey:
        """Trust an older key no longer. Its private half is deleted. Raises `Refused`."""
        if not self.place.is_dir():
            raise Refused(f"there is no {self.kind} authority {number}")
        try:
            with self._alone():
                key = self.retirable(number)
                public = self._file(key.number, "pub")
                public.rename(public.with_suffix(".retired"))
                self._file(key.number, "key").unlink(missing_ok=True)
                return key
        except OSError as problem:
            raise self._unusable(self.place, (problem.strerror or "unknown reason").lower()) from problem

    def retirable(self, number: str) -> AuthorityKey:
        """The key of this number. Raises `Refused` where it is not known or can not be done without."""
        keys = self.trusted()
        found = next((key for key in keys if key.number == number.rjust(4, "0")), None)
        if found is None:
            raise Refused(f"there is no {self.kind} authority {number}")
        if found == keys[-1]:
            raise Refused(
                f"{found.number} is the newest and signs - run first: hoop-gateway ca rotate {self.kind}"
            )
        return found

    def _file(self, number: str, ending: str) -> Path:
        return self.place / f"{number}.{ending}"

    def _read(self) -> tuple[AuthorityKey, ...]:
        keys = []
        for name in sorted(path.name for path in self.place.iterdir()):
            if _NAME.fullmatch(name) and name.endswith(".pub"):
                with suppress(FileNotFoundError):  # it was retired this moment
                    keys.append(self._read_public(self.place / name))
        return tuple(keys)

    def _read_public(self, path: Path) -> AuthorityKey:
        with path.open("rb") as file:
            made_at = os.fstat(file.fileno()).st_mtime
            words = file.read(1 << 12).decode("ascii", "replace").split()
        line = " ".join(words[:2])
        try:
            blob = key_blob(line)
            asyncssh.import_public_key(line)
        except (ValueError, asyncssh.KeyImportError):
            raise self._unusable(path, "it is not a public key") from None
        if words[0] != _KEY_TYPES[self.kind]:
            raise self._unusable(path, f"it is not an {_KEY_TYPES[self.kind].removeprefix('ssh-')} key")
        return AuthorityKey(path.stem, line, blob, datetime.fromtimestamp(made_at, UTC))

    def _read_private(self, public: AuthorityKey) -> asyncssh.SSHKey:
        path = self._file(public.number, "key")
        try:
            key = asyncssh.import_private_key(read_private(path))
        except NotPrivate as problem:
            raise self._unusable(path, str(problem)) from None
        except OSError as problem:
            raise self._unusable(path, (problem.strerror or "unknown reason").lower()) from problem
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError):
            raise self._unusable(path, "it is not a private key without a passphrase") from None
        if key.public_data != public.blob:
            raise self._unusable(path, f"it does not belong to {public.number}.pub")
        return key

    def _last_number(self) -> int:
        names = (_NAME.fullmatch(path.name) for path in self.place.iterdir())
        return max((int(name[1]) for name in names if name), default=0)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Of several who change the directory at one time, each has its turn."""
        opened = os.open(self.place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX)
            yield
            os.fsync(opened)
        finally:
            os.close(opened)

    def _unusable(self, path: Path, why: str) -> Fault:
        return Fault(f"the {self.kind} authority {path} can not be used: {why}")


async def rotate(authority: Authority, book: Book, actor: str = "") -> AuthorityKey:
    """Make a new key that signs from now on. It is in the ledger before it is there."""
    key = asyncssh.generate_private_key(_KEY_TYPES[authority.kind])
    fingerprint = key_fingerprint(key.public_data)
    await book.append(AuthorityRotated(actor=actor, authority=authority.kind, fingerprint=fingerprint))
    return authority.add(key)


async def retire(authority: Authority, book: Book, number: str, actor: str = "") -> AuthorityKey:
    """Trust an older key no longer. Raises `Refused`."""
    fingerprint = authority.retirable(number).fingerprint
    event = AuthorityRotated(actor=actor, authority=authority.kind, fingerprint=fingerprint, retired=True)
    await book.append(event)
    return authority.retire(number)


async def make_missing(authorities: Iterable[Authority], book: Book, actor: str = "") -> None:
    """Give each authority that has none yet its first key."""
    for authority in authorities:
        if authority.newest() is None:
            await rotate(authority, book, actor)
