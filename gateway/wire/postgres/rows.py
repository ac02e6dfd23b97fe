"""Walks through Runs: where their messages begin, how many fit in so much room, what is in a row. Flat loops, because
this is done for every row where somebody wants to look; what nobody looks at never comes here.

All want a Run of whole messages, as `BackendReader` gives them while it is `whole`.
"""

from collections.abc import Iterator, Sequence
from struct import Struct, error

from gateway.core.errors import Malformed
from gateway.wire.postgres.fields import Value, values
from gateway.wire.postgres.frames import frame
from gateway.wire.postgres.tables import ByServer

_HEAD = Struct(">Bi")
_ROW_HEAD = Struct(">BiH")
_SIZE = Struct(">i")


def starts_of(run: bytes) -> list[int]:
    """Where each message begins, and last where the Run ends."""
    head = _HEAD.unpack_from
    size = len(run)
    at, starts = 0, [0]
    try:
        while at < size:
            _, length = head(run, at)
            if length < 4:
                raise Malformed("a message of impossible length")
            at += length + 1
            starts.append(at)
    except error:
        raise Malformed("a run that ends too early") from None
    if at != size:
        raise Malformed("a run that ends too early")
    return starts


def take(run: bytes, most: int, most_bytes: int) -> tuple[int, int]:
    """How many whole messages from the front are at most so many and so many bytes, and where they end."""
    head = _HEAD.unpack_from
    last = min(len(run), most_bytes)
    at = count = 0
    while count < most and at + _HEAD.size <= last:
        _, length = head(run, at)
        end = at + length + 1
        if length < 4 or end > last:
            break
        at = end
        count += 1
    return count, at


def cells(run: bytes, at: int = 0) -> list[memoryview | None]:
    """The cells of the row that begins there. None is NULL."""
    size = _SIZE.unpack_from
    view = memoryview(run)
    found: list[memoryview | None] = []
    try:
        _, length, count = _ROW_HEAD.unpack_from(run, at)
        end = at + 1 + length
        at += _ROW_HEAD.size
        for _ in range(count):
            (width,) = size(run, at)
            at += 4
            if width == -1:
                found.append(None)
            elif 0 <= width <= end - at:
                found.append(view[at : at + width])
                at += width
            else:
                raise Malformed("a cell of impossible length")
    except error:
        raise Malformed("a row that ends too early") from None
    if at != end or end > len(run):
        raise Malformed("a row whose cells do not fill it")
    return found


def rows(run: bytes, columns: int | None = None) -> Iterator[list[memoryview | None]]:
    """The cells of each row. Raises `Malformed` where one has not so many columns."""
    at, size = 0, len(run)
    while at < size:
        found = cells(run, at)
        if columns is not None and len(found) != columns:
            raise Malformed(f"a row of {len(found)} cells for {columns} columns")
        yield found
        at += 1 + _SIZE.unpack_from(run, at + 1)[0]


def payloads(run: bytes) -> list[bytes]:
    """What is in each message, as CopyData has it."""
    starts = starts_of(run)
    return [run[starts[i] + _HEAD.size : starts[i + 1]] for i in range(len(starts) - 1)]


def make_row(found: Sequence[Value]) -> bytes:
    """A DataRow."""
    return frame(ByServer.DATA_ROW, values(found))
