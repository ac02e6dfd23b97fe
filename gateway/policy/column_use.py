"""Compares the columns that a statement uses with the conditions of rules.

Without a catalog: a column without a relation is taken for any relation's where a rule restricts, and has to be
allowed for all of them where one allows. What takes whole rows uses every column.
"""

from collections.abc import Collection, Sequence

from gateway.core.sql import Column, Named, SqlFacts
from gateway.policy.columns import parts_of
from gateway.policy.glob import matches
from gateway.policy.sql.found import EVERYTHING
from gateway.policy.statements import does_no_more, is_named, may_be_named


def may_use(patterns: Sequence[str], facts: SqlFacts) -> bool:
    """For rules that restrict: one of the columns is, or may be, one of these."""
    return not facts.certain or any(_may_use(pattern, facts) for pattern in patterns)


def uses_only(patterns: Sequence[str], facts: SqlFacts, beside: Collection[str]) -> bool:
    """For rules that allow: every column is surely one of these, so is every relation, and nothing else is done."""
    relations = (*facts.reads, *facts.writes)
    if not facts.certain or not relations or not does_no_more(facts, beside):
        return False
    if not all(any(_is_of(pattern, each) for pattern in patterns) for each in relations):
        return False
    return all(
        any(_is_of(pattern, table) and _is_called(pattern, column) for pattern in patterns)
        for column in facts.columns
        for table in _tables(column, facts)
    )


def _may_use(pattern: str, facts: SqlFacts) -> bool:
    schema, table, name = parts_of(pattern)
    for column in facts.columns:
        if column.name != EVERYTHING and not matches(name.casefold(), column.name.casefold()):
            continue
        if schema == table == EVERYTHING:
            return True
        if any(may_be_named(schema, table, each) for each in _tables(column, facts)):
            return True
    return False


def _tables(column: Column, facts: SqlFacts) -> tuple[Named, ...]:
    return (Named(column.schema, column.table),) if column.table else (*facts.reads, *facts.writes)


def _is_of(pattern: str, table: Named) -> bool:
    schema, name, _ = parts_of(pattern)
    return is_named(schema, name, table)


def _is_called(pattern: str, column: Column) -> bool:
    name = parts_of(pattern)[2]
    return matches(name, column.name) and (column.name != EVERYTHING or name == EVERYTHING)
