"""A few rows as people may see them: masked like any result, each cell short."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.adapters.postgres.impact.side import Answer
from gateway.core.impact import ImpactTable
from gateway.core.sql import SqlFacts
from gateway.session.database.masks import Masks
from gateway.wire.postgres.messages import ColumnDescription
from gateway.wire.postgres.rows import rows

ROWS_MOST, COLUMNS_MOST, CELL_MOST = 5, 30, 80


@dataclass(frozen=True, slots=True)
class Shower:
    """What is masked in the answers about one statement."""

    masks: Masks
    names: frozenset[str]
    facts: SqlFacts

    def table(self, title: str, answer: Answer, of: int) -> ImpactTable | None:
        """The columns of an answer that are those of the relation with this number. None: there are none, or no
        rows."""
        places = [at for at, column in enumerate(answer.columns) if column.table == of and column.column > 0]
        places = places[:COLUMNS_MOST]
        if not places or not answer.rows:
            return None
        masker, _ = self.masks.of_rows(self.names, answer.columns, self.facts)
        runs = [run if masker is None else masker.mask(run) for run in answer.rows]
        shown = [
            tuple(_short(row[at]) for at in places) for run in runs for row in rows(run, len(answer.columns))
        ]
        return ImpactTable(title, tuple(answer.columns[at].name for at in places), tuple(shown[:ROWS_MOST]))

    def why_not(self) -> str:
        """Why it would be stopped because of what is masked; empty where it would not."""
        return self.masks.why_not(self.names, self.facts) if self.names else ""

    def words(self, answer: Answer) -> str:
        """What the server has against it, as far as that may be shown."""
        fields = dict(
            self.masks.of_words(self.names, self.facts, answer.error) if self.names else answer.error
        )
        return fields.get("M", "the server refuses it")


def keys(answer: Answer, of: int, numbers: Sequence[int]) -> list[tuple[str, ...]]:
    """The values of these columns in each row, unmasked: to find the same rows again, and for nobody's eyes. Empty
    where one of them is not in it."""
    places = [_place(answer.columns, of, number) for number in numbers]
    if not numbers or None in places:
        return []
    found = []
    for run in answer.rows:
        for row in rows(run):
            cells = [row[at] for at in places if at is not None]
            if all(cell is not None for cell in cells):
                found.append(tuple(str(cell, "utf-8") for cell in cells if cell is not None))
    return found


def _place(columns: Sequence[ColumnDescription], of: int, number: int) -> int | None:
    return next((at for at, each in enumerate(columns) if each.table == of and each.column == number), None)


def _short(cell: memoryview | None) -> str:
    if cell is None:
        return "NULL"
    text = str(cell[: CELL_MOST * 4], "utf-8", "replace")
    return text if len(text) <= CELL_MOST and len(cell) <= CELL_MOST * 4 else f"{text[:CELL_MOST]}..."
