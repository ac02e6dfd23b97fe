"""Looks for words in a recorded database session: statements, bound values and the rows that were kept.

In small steps, so that whoever searches a hundred thousand statements can stop in between.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from hoop_tui.replay.statements import StatementIndex

_STEPS = 64
"""Statements between two chances to stop."""


@dataclass(frozen=True, slots=True)
class Found:
    """The statement, and where in it: `statement`, `$2` or `row 17`."""

    place: int
    where: str


class StatementSearch:
    """For one text; upper and lower case are the same to it. Of repeats in a row, the first has the text."""

    def __init__(self, index: StatementIndex, text: str) -> None:
        self.text = text
        self._index = index
        self._needle = text.casefold()
        self._texts: dict[int, bool] = {}
        """Whether the text of the statement at this place has it: repeats need no second look."""

    def from_place(self, place: int, direction: int) -> Iterator[Found | None]:
        """What is found, nearest first, once around and back to `place` itself; None is a chance to stop."""
        count = len(self._index)
        for step in range(1, count + 1):
            if step % _STEPS == 0:
                yield None
            at = (place + direction * step) % count
            if where := self._where(at):
                yield Found(at, where)

    def _where(self, place: int) -> str:
        first = self._index.of(place)
        if first not in self._texts:
            self._texts[first] = self._is_in(self._index.statement(first).text)
        is_next_of_many = place > 0 and self._index.of(place - 1) == first
        if self._texts[first] and not is_next_of_many:
            return "statement"
        for number, value in enumerate(self._index.values(place), 1):
            if value is not None and self._is_in(value):
                return f"${number}"
        if self._index.has_rows(place):
            for number, row in enumerate(self._index.rows(place), 1):
                if any(cell is not None and self._is_in(cell) for cell in row):
                    return f"row {number}"
        return ""

    def _is_in(self, text: str) -> bool:
        return self._needle in text.casefold()
