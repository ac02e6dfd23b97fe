"""Cells of a result, as a recording keeps them, in the words of PostgreSQL: what `::text` would say of them.

For people who read: sizes and digests are told elsewhere. Takes any bytes: rows that are none end the list, a cell
that does not fit its type is shown as `\\x` and hex, and so is every type that is not known here.
"""

import struct
from collections.abc import Iterator

from gateway.recording import cell_types

_INT16, _INT32 = struct.Struct(">h"), struct.Struct(">i")
_DATA_ROW, _COPY_DATA = ord("D"), ord("d")
_MESSAGE_HEAD = 5
BINARY = 1

Cells = tuple[bytes | None, ...]
"""One row as it was sent; None is NULL."""


def rows(data: bytes) -> Iterator[Cells]:
    """The rows of a ROWS frame, behind its number. A message of a COPY is a row of one cell."""
    at = 0
    while at + _MESSAGE_HEAD <= len(data):
        end = at + 1 + _INT32.unpack_from(data, at + 1)[0]
        if not at + _MESSAGE_HEAD <= end <= len(data):
            return
        row = _cells(data, at + _MESSAGE_HEAD, end) if data[at] == _DATA_ROW else None
        if data[at] == _COPY_DATA:
            row = (data[at + _MESSAGE_HEAD : end],)
        if row is None:
            return
        yield row
        at = end


def _cells(data: bytes, at: int, end: int) -> Cells | None:
    if end - at < _INT16.size:
        return None
    count = _INT16.unpack_from(data, at)[0]
    at += _INT16.size
    found: list[bytes | None] = []
    for _ in range(count):
        if end - at < _INT32.size:
            return None
        size = _INT32.unpack_from(data, at)[0]
        at += _INT32.size
        if size < 0:
            found.append(None)
            continue
        if at + size > end:
            return None
        found.append(data[at : at + size])
        at += size
    return tuple(found)


def text_of(cell: bytes, oid: int, format: int) -> str:
    """The cell for people to read. What is no UTF-8 is shown as `\\xNN`."""
    if format != BINARY:
        return cell.decode("utf-8", "backslashreplace")
    read = cell_types.READERS.get(oid)
    if read is None:
        return hexed(cell)
    try:
        return read(cell)
    except (ValueError, struct.error, IndexError, OverflowError):
        return hexed(cell)


def type_name(oid: int, told: str = "") -> str:
    """What people call a type: as the recording tells, else by its OID."""
    return told or cell_types.NAMES.get(oid) or (f"oid {oid}" if oid else "")


def hexed(cell: bytes) -> str:
    """As PostgreSQL writes bytes."""
    return "\\x" + cell.hex()
