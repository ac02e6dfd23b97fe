"""COPY in binary format: a header, then rows of fields with their lengths, then a count of -1."""

from struct import Struct

from gateway.core.errors import Fault
from gateway.masking.tables import numbers
from gateway.masking.tables.copy_fields import FieldMasker
from gateway.masking.tables.copy_text import ROW_MOST

_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_HEADER = len(_SIGNATURE) + 8
_COUNT = Struct(">h")
_FLAGS = Struct(">ii")
_TRAILER = -1
_NULL = b"\xff\xff\xff\xff"


class CopyBinary:
    """Follows one stream. Rows are shown once they are whole."""

    def __init__(self, fields: FieldMasker) -> None:
        self._fields = fields
        self._kept = b""
        self._begun = False
        self._ended = False

    def feed(self, data: bytes) -> bytes:
        """Take a piece of the stream; return what may be shown now."""
        self._kept += data
        shown: list[bytes] = []
        at = 0
        while (end := self._part(at, shown)) is not None:
            at = end
        self._kept = self._kept[at:]
        if len(self._kept) > ROW_MOST:
            raise Fault("a row of this copy is too long to be masked")
        return b"".join(shown)

    def finish(self) -> None:
        """The stream is over. Raises Fault where it stops within a row."""
        if self._kept:
            raise Fault("this copy ends within a row")

    def _part(self, at: int, shown: list[bytes]) -> int | None:
        if not self._begun:
            return self._header(shown)
        if len(self._kept) - at < _COUNT.size:
            return None
        if self._ended:
            raise Fault("this copy goes on behind its end")
        (count,) = _COUNT.unpack_from(self._kept, at)
        if count == _TRAILER:
            self._ended = True
            shown.append(self._kept[at : at + _COUNT.size])
            return at + _COUNT.size
        if count != self._fields.columns:
            raise Fault("a row of this copy has another number of fields than it should")
        return self._row(at, shown)

    def _header(self, shown: list[bytes]) -> int | None:
        if len(self._kept) < _HEADER:
            return None
        flags: int
        more: int
        flags, more = _FLAGS.unpack_from(self._kept, len(_SIGNATURE))
        if not self._kept.startswith(_SIGNATURE) or flags or not 0 <= more <= ROW_MOST:
            raise Fault("this copy does not begin as it should")
        if len(self._kept) < _HEADER + more:
            return None
        self._begun = True
        shown.append(self._kept[: _HEADER + more])
        return _HEADER + more

    def _row(self, start: int, shown: list[bytes]) -> int | None:
        sizes: list[tuple[int, int]] = []
        at: int = start + _COUNT.size
        for _ in range(self._fields.columns):
            if len(self._kept) - at < 4:
                return None
            size: int = numbers.size_at(self._kept, at)[0]
            if size < -1:
                raise Fault("a field of this copy has a negative length")
            sizes.append((at + 4, size))
            at += 4 + max(size, 0)
        if len(self._kept) < at:
            return None
        pieces = [self._kept[start : start + _COUNT.size]]
        for number, (begin, size) in enumerate(sizes):
            value = None if size < 0 else self._fields.mask(number, self._kept[begin : begin + size])
            pieces.append(_NULL if value is None else numbers.packed(len(value)) + value)
        shown.append(b"".join(pieces))
        return at
