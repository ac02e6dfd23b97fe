"""Reads what an SFTP client sends. One function for each form; the table says which kind has which."""

from collections.abc import Callable
from struct import Struct, error

from gateway.core.errors import Malformed
from gateway.wire.sftp import numbers
from gateway.wire.sftp.fields import Fields
from gateway.wire.sftp.messages import (
    CopyData,
    Init,
    OnHandle,
    OnPath,
    OnTwoPaths,
    Open,
    Question,
    Read,
    Request,
    Strange,
    What,
    Write,
)
from gateway.wire.sftp.numbers import HANDLE_MOST, Kind

_START = Struct(">IBII")
"""Length, kind, id, and the length of the handle that follows."""
_READ = Struct(">QI")
_WRITE = Struct(">QI")

_NAME_MOST = 256


def read_request(packet: memoryview) -> Request:
    """The message in a packet. Raises `Malformed`."""
    kind = packet[4]
    if kind == Kind.WRITE:
        return _write(packet)
    if kind == Kind.READ:
        return _read(packet)
    fields = Fields(packet, 5)
    number = fields.u32()
    if kind == Kind.INIT:
        return Init(number)  # it has no id: this is the version
    if kind == Kind.EXTENDED:
        return _extended(number, fields)
    form = _FORMS.get(kind)
    if form is None:
        return Strange(b"of type %d" % kind, number)
    request = form(Kind(kind), number, fields)
    fields.end()
    return request


def _read(packet: memoryview) -> Read:
    try:
        _, _, number, size = _START.unpack_from(packet)
        at = _START.size + size
        offset, wanted = _READ.unpack_from(packet, at)
    except error:
        raise Malformed("a packet that ends too early") from None
    if at + _READ.size != len(packet) or size > HANDLE_MOST:
        raise Malformed("a READ that is none")
    return Read(packet, number, bytes(packet[_START.size : at]), offset, wanted)


def _write(packet: memoryview) -> Write:
    try:
        _, _, number, size = _START.unpack_from(packet)
        at = _START.size + size
        offset, length = _WRITE.unpack_from(packet, at)
    except error:
        raise Malformed("a packet that ends too early") from None
    start = at + _WRITE.size
    if start + length != len(packet) or size > HANDLE_MOST:
        raise Malformed("a WRITE that is none")
    return Write(packet, number, bytes(packet[_START.size : at]), offset, packet[start:])


def _open(what: What, number: int, fields: Fields) -> Request:
    return Open(number, fields.path(), fields.u32(), fields.attributes())


def _on_path(what: What, number: int, fields: Fields) -> Request:
    return OnPath(what, number, fields.path())


def _on_path_with_attributes(what: What, number: int, fields: Fields) -> Request:
    return OnPath(what, number, fields.path(), fields.attributes())


def _on_two_paths(what: What, number: int, fields: Fields) -> Request:
    return OnTwoPaths(what, number, fields.path(), fields.path())


def _on_handle(what: What, number: int, fields: Fields) -> Request:
    return OnHandle(what, number, fields.handle())


def _on_handle_with_attributes(what: What, number: int, fields: Fields) -> Request:
    return OnHandle(what, number, fields.handle(), fields.attributes())


def _copy_data(what: What, number: int, fields: Fields) -> Request:
    return CopyData(number, fields.handle(), fields.u64(), fields.u64(), fields.handle(), fields.u64())


def _question(what: What, number: int, fields: Fields) -> Request:
    assert isinstance(what, bytes)
    return Question(what, number, bytes(fields.rest()))


_Form = Callable[[What, int, Fields], Request]

_FORMS: dict[int, _Form] = {
    Kind.OPEN: _open,
    Kind.CLOSE: _on_handle,
    Kind.LSTAT: _on_path,
    Kind.FSTAT: _on_handle,
    Kind.SETSTAT: _on_path_with_attributes,
    Kind.FSETSTAT: _on_handle_with_attributes,
    Kind.OPENDIR: _on_path,
    Kind.READDIR: _on_handle,
    Kind.REMOVE: _on_path,
    Kind.MKDIR: _on_path_with_attributes,
    Kind.RMDIR: _on_path,
    Kind.REALPATH: _on_path,
    Kind.STAT: _on_path,
    Kind.RENAME: _on_two_paths,
    Kind.READLINK: _on_path,
    Kind.SYMLINK: _on_two_paths,
}

_EXTENSIONS: dict[bytes, _Form] = {
    numbers.POSIX_RENAME: _on_two_paths,
    numbers.HARDLINK: _on_two_paths,
    numbers.LSETSTAT: _on_path_with_attributes,
    numbers.STATVFS: _on_path,
    numbers.FSTATVFS: _on_handle,
    numbers.FSYNC: _on_handle,
    numbers.LIMITS: _question,
    numbers.EXPAND_PATH: _on_path,
    numbers.HOME_DIRECTORY: _question,
    numbers.USERS_GROUPS: _question,
    numbers.COPY_DATA: _copy_data,
}


def _extended(number: int, fields: Fields) -> Request:
    name = fields.string()
    form = _EXTENSIONS.get(name)
    if form is None:
        return Strange(name[:_NAME_MOST], number)
    request = form(name, number, fields)
    fields.end()
    return request
