"""What a server says of the columns of a result, and of the parameters of a statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct, error, unpack_from

from gateway.core.errors import Malformed
from gateway.wire.postgres.fields import U16, numbers, string, text
from gateway.wire.postgres.frames import frame
from gateway.wire.postgres.tables import ByServer

_COLUMN = Struct(">IhIhih")
_TYPE_BYTES = 4
_REMEMBERED_MOST = 1 << 10


@dataclass(frozen=True, slots=True)
class ColumnDescription:
    """One column of a result."""

    name: str
    table: int
    """The relation that it comes from, 0 where from none."""
    column: int
    """Its number there; negative for columns of the system's own."""
    type: int
    size: int
    modifier: int
    format: int
    """0 text, 1 binary."""


def parse_row_description(body: bytes) -> tuple[ColumnDescription, ...]:
    """The columns of the rows that follow. Short ones are remembered: the same come again and again."""
    return _remembered(body) if len(body) <= _REMEMBERED_MOST else _columns(body)


def _columns(body: bytes) -> tuple[ColumnDescription, ...]:
    found: list[ColumnDescription] = []
    at = U16.size
    try:
        (count,) = U16.unpack_from(body)
        for _ in range(count):
            end = body.index(0, at)
            found.append(ColumnDescription(text(body[at:end]), *_COLUMN.unpack_from(body, end + 1)))
            at = end + 1 + _COLUMN.size
    except (error, ValueError):
        raise Malformed("a description of columns that ends too early") from None
    if at != len(body):
        raise Malformed("a description of columns with more in it than belongs there")
    return tuple(found)


_remembered = lru_cache(1024)(_columns)


def make_row_description(columns: Sequence[ColumnDescription]) -> bytes:
    """The columns of rows, as it is sent."""
    parts = [string(c.name) + _pack(c) for c in columns]
    return frame(ByServer.ROW_DESCRIPTION, U16.pack(len(columns)) + b"".join(parts))


def _pack(column: ColumnDescription) -> bytes:
    return _COLUMN.pack(column.table, column.column, column.type, column.size, column.modifier, column.format)


def parse_parameter_description(body: bytes) -> tuple[int, ...]:
    """The types of a statement's parameters. A server prepares statements with more of them than 16 bits can count,
    and what it says of their number begins at zero again."""
    count, odd = divmod(len(body) - U16.size, _TYPE_BYTES)
    if count < 0 or odd or U16.unpack_from(body) != (count % (1 << 16),):
        raise Malformed("a list of types that is not as long as its message")
    return unpack_from(f">{count}I", body, U16.size)


def make_parameter_description(types: Sequence[int]) -> bytes:
    """The types of parameters, as it is sent."""
    return frame(ByServer.PARAMETER_DESCRIPTION, numbers("I", types))
