"""Writes SFTP messages: `encode` for each form, and short ways for what the gateway itself asks and answers."""

from struct import Struct

from gateway.wire.sftp.fields import NO_ATTRIBUTES, U32, U64, string
from gateway.wire.sftp.messages import (
    Attrs,
    CopyData,
    Data,
    ExtendedReply,
    Handle,
    Init,
    Name,
    OnHandle,
    OnPath,
    OnTwoPaths,
    Open,
    Question,
    Read,
    Reply,
    Request,
    Status,
    Strange,
    Version,
    What,
    Write,
)
from gateway.wire.sftp.numbers import COPY_DATA, Code, Kind

_HEAD = Struct(">IBI")


def encode(message: Request | Reply) -> bytes | memoryview:
    """As it is sent."""
    match message:
        case Read() | Write() | Data() | Status() | Handle() | Name() | Attrs() | ExtendedReply():
            return message.raw
        case Init(version):
            return _packet(Kind.INIT, version)
        case Version(version, extensions):
            offered = (string(part) for pair in extensions for part in pair)
            return _packet(Kind.VERSION, version, *offered)
        case Open(id, path, flags, attributes):
            return _packet(Kind.OPEN, id, string(path), U32.pack(flags), attributes.raw)
        case OnPath(what, id, path, attributes):
            return _request(what, id, string(path), attributes.raw if attributes else b"")
        case OnHandle(what, id, handle, attributes):
            return _request(what, id, string(handle), attributes.raw if attributes else b"")
        case OnTwoPaths(what, id, first, second):
            return _request(what, id, string(first), string(second))
        case Question(what, id, body):
            return _request(what, id, body)
        case CopyData(id, source, offset, size, destination, at):
            fields = (string(source), U64.pack(offset), U64.pack(size), string(destination), U64.pack(at))
            return _request(COPY_DATA, id, *fields)
        case Strange():
            raise ValueError("what is not understood can not be written")


def read(id: int, handle: bytes, offset: int, size: int) -> bytes:
    """Ask for a piece of a file."""
    return _packet(Kind.READ, id, string(handle), U64.pack(offset), U32.pack(size))


def write(id: int, handle: bytes, offset: int, data: bytes) -> bytes:
    """Send a piece of a file."""
    return _packet(Kind.WRITE, id, string(handle), U64.pack(offset), string(data))


def data(id: int, content: bytes) -> bytes:
    """Answer with a piece of a file."""
    return _packet(Kind.DATA, id, string(content))


def status(id: int, code: Code, text: str = "") -> bytes:
    """Answer how it went."""
    return _packet(Kind.STATUS, id, U32.pack(code), string(text.encode()), string(b""))


def status_again(id: int, status: Status) -> bytes:
    """The same answer to another request."""
    return _packet(Kind.STATUS, id, U32.pack(status.code), status.said)


def handle(id: int, name: bytes) -> bytes:
    """Answer that a file is open."""
    return _packet(Kind.HANDLE, id, string(name))


def name(id: int, *paths: bytes) -> bytes:
    """Answer with names of files, about which nothing is said."""
    entries = (string(path) + string(path) + NO_ATTRIBUTES.raw for path in paths)
    return _packet(Kind.NAME, id, U32.pack(len(paths)), *entries)


def extended_reply(id: int, body: bytes) -> bytes:
    """Answer to an extension."""
    return _packet(Kind.EXTENDED_REPLY, id, body)


def _request(what: What, id: int, *fields: bytes) -> bytes:
    if isinstance(what, bytes):
        return _packet(Kind.EXTENDED, id, string(what), *fields)
    return _packet(what, id, *fields)


def _packet(kind: Kind, number: int, *fields: bytes | memoryview) -> bytes:
    length = _HEAD.size - U32.size + sum(map(len, fields))
    return b"".join((_HEAD.pack(length, kind, number), *fields))
