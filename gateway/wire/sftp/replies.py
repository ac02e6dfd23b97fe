"""Reads what an SFTP server answers."""

from struct import Struct, error

from gateway.core.errors import Malformed
from gateway.wire.sftp.fields import Fields
from gateway.wire.sftp.messages import (
    Attrs,
    Data,
    ExtendedReply,
    Handle,
    Name,
    Reply,
    Status,
    Version,
)
from gateway.wire.sftp.numbers import Kind

_START = Struct(">IBII")
"""Length, kind, id, and the length of the data, or a code."""


def read_reply(packet: memoryview) -> Reply:
    """The message in a packet. Raises `Malformed`."""
    kind = packet[4]
    if kind == Kind.DATA:
        return _data(packet)
    if kind == Kind.STATUS:
        return _status(packet)
    fields = Fields(packet, 5)
    number = fields.u32()
    match kind:
        case Kind.VERSION:
            return _version(number, fields)  # it has no id
        case Kind.HANDLE:
            handle = Handle(packet, number, fields.handle())
            fields.end()
            return handle
        case Kind.NAME:
            return Name(packet, number)
        case Kind.ATTRS:
            attrs = Attrs(packet, number, fields.attributes())
            fields.end()
            return attrs
        case Kind.EXTENDED_REPLY:
            return ExtendedReply(packet, number, fields.rest())
    raise Malformed(f"a reply of type {kind}")


def only_name(reply: Name) -> bytes:
    """The one name in the answer to a REALPATH. Raises `Malformed`."""
    fields = Fields(memoryview(reply.raw), 9)
    if fields.u32() != 1:
        raise Malformed("not one name but another number of them")
    name = fields.path()
    fields.view()
    fields.attributes()
    fields.end()
    return name


def _data(packet: memoryview) -> Data:
    try:
        _, _, number, size = _START.unpack_from(packet)
    except error:
        raise Malformed("a packet that ends too early") from None
    if _START.size + size != len(packet):
        raise Malformed("a DATA that is none")
    return Data(packet, number, packet[_START.size :])


def _status(packet: memoryview) -> Status:
    try:
        _, _, number, code = _START.unpack_from(packet)
    except error:
        raise Malformed("a packet that ends too early") from None
    return Status(packet, number, code, packet[_START.size :])


def _version(version: int, fields: Fields) -> Version:
    offered: list[tuple[bytes, bytes]] = []
    rest = Fields(fields.rest(), 0)
    while not rest.is_empty:
        offered.append((rest.string(), rest.string()))
    return Version(version, tuple(offered))
