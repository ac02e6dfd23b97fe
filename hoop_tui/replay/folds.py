"""Statements that repeat one another, folded into one line each: which lines there are, and what stands in them.

Lines are worked out when they are asked for, so that a hundred thousand of them cost nothing.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

from hoop_tui.replay.statements import StatementIndex


@dataclass(frozen=True, slots=True)
class Line:
    """A statement, or `count` that are alike and follow one another, of which `place` is the first."""

    place: int
    count: int
    unfolded: bool
    """It is one of several that stand in lines of their own."""


class Folds(Sequence[str]):
    """The lines, named by the place of their first statement, as text: what a table of rows wants as its keys."""

    def __init__(self, index: StatementIndex) -> None:
        self._index = index
        self._starts = array("q")
        """The first place of each group."""
        self._open: list[int] = []
        """Groups that are unfolded, in order."""
        self._ahead: list[int] = []
        """For each of those: how many lines more there are because of those before it."""
        self._total = 0

    def catch_up(self) -> None:
        """Take in the statements that have come."""
        for place in range(self._total, len(self._index)):
            if not self._starts or self._index.alike(place) != self._index.alike(self._starts[-1]):
                self._starts.append(place)
        self._total = len(self._index)
        self._count()

    def __len__(self) -> int:
        return len(self._starts) + (self._ahead[-1] if self._ahead else 0)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[str]: ...
    def __getitem__(self, at: int | slice) -> str | Sequence[str]:
        if isinstance(at, slice):
            return [self[each] for each in range(*at.indices(len(self)))]
        if at < 0:
            at += len(self)
        if not 0 <= at < len(self):
            raise IndexError(at)
        return str(self._place(at))

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._row(key) is not None

    def index(self, key: str, start: int = 0, stop: int | None = None) -> int:
        """The line of this key. Raises ValueError."""
        row = self._row(key)
        if row is None or not start <= row < (len(self) if stop is None else stop):
            raise ValueError(key)
        return row

    def line(self, key: str) -> Line:
        """What stands in the line of this key."""
        place = int(key)
        group = self._group(place)
        count = self._size(group)
        is_open = self._is_open(group)
        return Line(place, 1 if is_open else count, is_open)

    def key_of(self, place: int) -> str:
        """The line in which this statement stands."""
        group = self._group(place)
        return str(place if self._is_open(group) else self._starts[group])

    def toggle(self, place: int) -> bool:
        """Fold or unfold the statements around this one. False where there is but one."""
        group = self._group(place)
        if self._size(group) < 2:
            return False
        at = bisect_left(self._open, group)
        if self._is_open(group):
            del self._open[at]
        else:
            self._open.insert(at, group)
        self._count()
        return True

    def _count(self) -> None:
        more, self._ahead = 0, []
        for group in self._open:
            more += self._size(group) - 1
            self._ahead.append(more)

    def _is_open(self, group: int) -> bool:
        at = bisect_left(self._open, group)
        return at < len(self._open) and self._open[at] == group

    def _group(self, place: int) -> int:
        return bisect_right(self._starts, place) - 1

    def _size(self, group: int) -> int:
        end = self._starts[group + 1] if group + 1 < len(self._starts) else self._total
        return end - self._starts[group]

    def _row_of_group(self, group: int) -> int:
        before = bisect_left(self._open, group)
        return group + (self._ahead[before - 1] if before else 0)

    def _place(self, row: int) -> int:
        low, high = 0, len(self._starts) - 1
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self._row_of_group(middle) <= row else (low, middle - 1)
        return self._starts[low] + row - self._row_of_group(low)

    def _row(self, key: str) -> int | None:
        place = int(key) if key.isascii() and key.isdigit() else -1
        if not 0 <= place < self._total:
            return None
        group = self._group(place)
        inside = place - self._starts[group]
        return None if inside and not self._is_open(group) else self._row_of_group(group) + inside
