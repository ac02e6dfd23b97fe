"""Masks single fields of a COPY stream: what they all have in common, whatever the stream looks like."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.masking.tables.cells import CellMasker
from gateway.masking.tables.columns import Fate, Plan
from gateway.masking.tables.rows import words
from gateway.masking.tables.types import TEXT_FORMAT, Kind

BINARY_FORMAT = 1


class FieldMasker:
    """Carries out a plan on values, one at a time."""

    def __init__(self, plan: Plan, *, binary: bool) -> None:
        self._columns = plan.columns
        self._format = BINARY_FORMAT if binary else TEXT_FORMAT
        self._cells = CellMasker(plan.detectors, plan.nulling)
        self._counts: dict[str, int] = {}
        self.only_looks = all(column.fate is Fate.SHOW for column in plan.columns)

    @property
    def columns(self) -> int:
        """How many there are."""
        return len(self._columns)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many values were masked, by what they are counted as."""
        counts = dict(self._cells.counts)
        for name, count in self._counts.items():
            counts[name] = counts.get(name, 0) + count
        return MappingProxyType(counts)

    def is_quiet(self, data: bytes) -> bool:
        """Whether detectors have nothing to say about any part of this."""
        return self._cells.is_quiet(data)

    def is_shown(self, number: int) -> bool:
        """Whether values of this column are looked into, not replaced."""
        return self._columns[number].fate is Fate.SHOW

    def mask(self, number: int, value: bytes) -> bytes | None:
        """What to show of a value of this column that is not NULL; None for NULL."""
        column = self._columns[number]
        if column.fate is Fate.SHOW:
            return self._cells.mask(value, column.kind, self._format)
        self._counts[column.label] = self._counts.get(column.label, 0) + 1
        can_say = column.kind is Kind.TEXT or self._format == TEXT_FORMAT
        return words(column.label) if column.fate is Fate.WORDS and can_say else None
