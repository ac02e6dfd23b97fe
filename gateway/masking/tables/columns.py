"""What becomes of each column of a result. `decide` is the one function that says so.

It goes by the table and column that the server names for each column of a result. Where it names none - expressions,
functions, UNION - the column is masked, unless the statement provably touches nothing that rules are about. Lineage
of single columns would take the place of that last rule, and of nothing else here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from gateway.core.catalog import Catalog
from gateway.core.sql import SqlFacts
from gateway.masking.tables.ruled import HIDDEN, Masked, Ruled
from gateway.masking.tables.rules import ColumnRules
from gateway.masking.tables.touching import touches_ruled
from gateway.masking.tables.types import Kind, kind_of

__all__ = ["ColumnRules", "Described", "Fate", "Plan", "PlannedColumn", "decide", "touches_ruled"]


UNNAMED = "hidden"
"""What columns are counted as that no rule names: nobody can tell what is in them."""


class Described(Protocol):
    """A column of a result, as RowDescription has it."""

    @property
    def table(self) -> int: ...
    @property
    def column(self) -> int: ...
    @property
    def type(self) -> int: ...


class Fate(Enum):
    """What becomes of a column."""

    SHOW = "show"
    WORDS = "words"
    """Words in place of each value. Only of types that are text."""
    NULL = "null"


@dataclass(frozen=True, slots=True)
class PlannedColumn:
    """One column of a result."""

    fate: Fate
    kind: Kind
    label: str = ""
    """What it is counted as, and what the words say."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of a result."""

    columns: tuple[PlannedColumn, ...]
    detectors: frozenset[str] = frozenset()
    nulling: frozenset[str] = frozenset()

    @property
    def fates(self) -> tuple[Fate, ...]:
        """Of each column."""
        return tuple(column.fate for column in self.columns)

    @property
    def is_idle(self) -> bool:
        """There is nothing to do: rows may pass untouched."""
        return not self.detectors and all(column.fate is Fate.SHOW for column in self.columns)


def decide(
    columns: Sequence[Described], rules: ColumnRules, catalog: Catalog | None, facts: SqlFacts | None
) -> Plan:
    """What becomes of the columns of a statement's result."""
    touches = any(column.table == 0 for column in columns) and touches_ruled(facts, rules, catalog)
    planned = []
    for column in columns:
        masked = _masked(column, rules, catalog, touches) if rules.patterns else None
        planned.append(planned_column(masked, kind_of(column.type, catalog)))
    return Plan(tuple(planned), rules.detectors, rules.nulling)


def planned_column(masked: Masked | None, kind: Kind) -> PlannedColumn:
    """What follows from the rule about a column, for its type."""
    if masked is None:
        return PlannedColumn(Fate.SHOW, kind)
    is_text = kind in (Kind.TEXT, Kind.TEXT_AS_TEXT)
    fate = Fate.WORDS if is_text and not masked.null else Fate.NULL
    return PlannedColumn(fate, kind, masked.label or UNNAMED)


def _masked(column: Described, rules: ColumnRules, catalog: Catalog | None, touches: bool) -> Masked | None:
    if column.table == 0:
        return HIDDEN if touches else None
    if catalog is None or column.table not in catalog.relations:
        return HIDDEN
    return of_relation(column.table, column.column, rules, catalog)


def of_relation(oid: int, number: int, rules: ColumnRules, catalog: Catalog) -> Masked | None:
    """The rule about a column of a relation that the catalog knows. Number 0 is the whole row in one value."""
    ruled = Ruled.of(rules, catalog).columns(oid)
    if number == 0:
        return next(iter(ruled.values()), None if catalog.complete else HIDDEN)
    if number < 0 or number in ruled:
        return ruled.get(number)
    return None if number in catalog.relations[oid].columns else HIDDEN
