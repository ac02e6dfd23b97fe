"""SFTP messages as values. Those that carry contents keep the packet they came in, to be passed on untouched; all
others are written anew from what was read."""

from dataclasses import dataclass

from gateway.wire.sftp.fields import Attributes
from gateway.wire.sftp.numbers import Kind

What = Kind | bytes
"""What a request asks for: a kind of message, or the name of an extension."""

# What a client sends.


@dataclass(frozen=True, slots=True)
class Init:
    """The first message. What it may offer besides the version is not used."""

    version: int


@dataclass(frozen=True, slots=True)
class Read:
    """A piece of an open file is asked for."""

    raw: bytes | memoryview
    id: int
    handle: bytes
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Write:
    """A piece of an open file."""

    raw: bytes | memoryview
    id: int
    handle: bytes
    offset: int
    data: bytes | memoryview


@dataclass(frozen=True, slots=True)
class Open:
    """A file is to be opened; `flags` as in `Flags`, and others."""

    id: int
    path: bytes
    flags: int
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class OnPath:
    """Something about one path. `attributes` come with MKDIR, SETSTAT and lsetstat."""

    what: What
    id: int
    path: bytes
    attributes: Attributes | None = None


@dataclass(frozen=True, slots=True)
class OnTwoPaths:
    """RENAME, SYMLINK, posix-rename and hardlink. For SYMLINK `first` is where it leads, as OpenSSH has it."""

    what: What
    id: int
    first: bytes
    second: bytes


@dataclass(frozen=True, slots=True)
class OnHandle:
    """Something about an open file or directory. `attributes` come with FSETSTAT."""

    what: What
    id: int
    handle: bytes
    attributes: Attributes | None = None


@dataclass(frozen=True, slots=True)
class CopyData:
    """The server is to copy from one open file into another. A size of 0 means to the end."""

    id: int
    source: bytes
    offset: int
    size: int
    destination: bytes
    at: int


@dataclass(frozen=True, slots=True)
class Question:
    """An extension that asks about no file: limits, home-directory, users-groups-by-id."""

    what: bytes
    id: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Strange:
    """A request that is not understood here. It can be refused, never passed on."""

    name: bytes
    id: int


Request = Init | Read | Write | Open | OnPath | OnTwoPaths | OnHandle | CopyData | Question | Strange

# What a server answers.


@dataclass(frozen=True, slots=True)
class Version:
    """The first message. Names and data of the extensions it offers."""

    version: int
    extensions: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Data:
    """A piece of an open file."""

    raw: bytes | memoryview
    id: int
    data: bytes | memoryview


@dataclass(frozen=True, slots=True)
class Status:
    """How it went, as in `Code`, and others."""

    raw: bytes | memoryview
    id: int
    code: int
    said: bytes | memoryview = b""
    """What follows the code: a message and its language, where there are any."""


@dataclass(frozen=True, slots=True)
class Handle:
    """A file or directory is open."""

    raw: bytes | memoryview
    id: int
    handle: bytes


@dataclass(frozen=True, slots=True)
class Name:
    """Names of files. They are not looked into but by `replies.only_name`."""

    raw: bytes | memoryview
    id: int


@dataclass(frozen=True, slots=True)
class Attrs:
    """What is known of a file."""

    raw: bytes | memoryview
    id: int
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class ExtendedReply:
    """The answer to an extension."""

    raw: bytes | memoryview
    id: int
    body: bytes | memoryview


Reply = Version | Data | Status | Handle | Name | Attrs | ExtendedReply
