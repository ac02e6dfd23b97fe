"""Masks the rows of one result, as they are on the wire: a run of whole DataRow messages in, another one out."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from gateway.core.errors import Fault
from gateway.masking.tables import numbers
from gateway.masking.tables.cells import CellMasker
from gateway.masking.tables.columns import UNNAMED, Fate, Plan, PlannedColumn
from gateway.masking.tables.rewrite import rewrite
from gateway.masking.tables.types import TEXT_FORMAT, Kind

_NULL = b"\xff\xff\xff\xff"
_TAG = b"D"


def words(label: str) -> bytes:
    """What stands in place of a value."""
    return b"[masked]" if label == UNNAMED else f"[masked:{label}]".encode()


class RowMasker:
    """Carries out one plan on the rows of one result. `formats`: 0 text, 1 binary, one for each column."""

    def __init__(self, plan: Plan, formats: Sequence[int]) -> None:
        if len(formats) != len(plan.columns):
            raise Fault("the formats of a result do not go with its columns")
        self._columns = plan.columns
        self._formats = tuple(formats)
        self._stencil = _stencil(plan.columns, self._formats)
        self.masked = tuple(each.fate is not Fate.SHOW for each in plan.columns)
        """Which columns are masked as a whole."""
        self._nulls = [0] * len(plan.columns)
        self._rows = 0
        self._cells = CellMasker(plan.detectors, plan.nulling)
        self._looks = bool(plan.detectors) and any(each.fate is Fate.SHOW for each in plan.columns)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many values were masked, by what they are counted as."""
        counts = dict(self._cells.counts)
        for column, nulls in zip(self._columns, self._nulls, strict=True):
            if column.fate is not Fate.SHOW and self._rows > nulls:
                counts[column.label] = counts.get(column.label, 0) + self._rows - nulls
        return MappingProxyType(counts)

    def mask(self, run: bytes) -> bytes:
        """The same rows with masked values. Raises Fault for anything but whole rows of this result."""
        if self._stencil:
            run, rows = rewrite(run, len(self._columns), self._stencil, self._nulls)
            self._rows += rows
        if self._looks and not self._cells.is_quiet(run):
            return self._look(run)
        return run

    def _look(self, run: bytes) -> bytes:
        shown: list[bytes] = []
        at = 0
        while at < len(run):
            end = _row_end(run, at, len(self._columns))
            quiet = self._cells.is_quiet(run, at, end)
            shown.append(run[at:end] if quiet else self._look_at_row(run, at, end))
            at = end
        return b"".join(shown)

    def _look_at_row(self, run: bytes, start: int, end: int) -> bytes:
        pieces = [run[start + 5 : start + numbers.ROW_HEAD]]
        at = start + numbers.ROW_HEAD
        for column, format in zip(self._columns, self._formats, strict=True):
            size, after = _cell(run, at, end)
            cell: bytes | None = None if size < 0 else run[at + 4 : after]
            if cell is not None and column.fate is Fate.SHOW:
                cell = self._cells.mask(cell, column.kind, format)
            pieces.append(_NULL if cell is None else numbers.packed(len(cell)) + cell)
            at = after
        if at != end:
            raise Fault("a row is longer than its cells")
        body = b"".join(pieces)
        return _TAG + numbers.packed(len(body) + 4) + body


def _stencil(columns: Sequence[PlannedColumn], formats: Sequence[int]) -> tuple[bytes | None, ...]:
    """What goes in place of each cell, up to the last column that anything is done to."""
    pieces = [_piece(column, format) for column, format in zip(columns, formats, strict=True)]
    while pieces and pieces[-1] is None:
        pieces.pop()
    return tuple(pieces)


def _piece(column: PlannedColumn, format: int) -> bytes | None:
    if column.fate is Fate.SHOW:
        return None
    says = column.fate is Fate.WORDS and (column.kind is Kind.TEXT or format == TEXT_FORMAT)
    said = words(column.label)
    return numbers.packed(len(said)) + said if says else _NULL


def _row_end(run: bytes, at: int, columns: int) -> int:
    if len(run) - at < numbers.ROW_HEAD:
        raise Fault("a row is cut off")
    tag, length, cells = numbers.row_at(run, at)
    end: int = at + 1 + length
    if tag != _TAG[0] or length < numbers.ROW_HEAD - 1 or end > len(run):
        raise Fault("a row is cut off, or is none")
    if cells != columns:
        raise Fault("a row has another number of cells than its description")
    return end


def _cell(run: bytes, at: int, end: int) -> tuple[int, int]:
    if at + 4 > end:
        raise Fault("a row ends before its cells do")
    (size,) = numbers.size_at(run, at)
    after: int = at + 4 + max(size, 0)
    if size < -1 or after > end:
        raise Fault("a cell is longer than its row")
    return size, after
