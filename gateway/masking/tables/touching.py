"""Whether a statement may use a column that rules are about: by the names in it, before a single row is seen.

It answers yes wherever it can not prove the contrary, and it does not look at single columns.
"""

from gateway.core.catalog import Catalog
from gateway.core.operation import Effect
from gateway.core.sql import Named, SqlFacts
from gateway.masking.tables.harmless import is_harmless
from gateway.masking.tables.ruled import Ruled
from gateway.masking.tables.rules import ColumnRules

_BY_ANOTHER_NAME = frozenset({"execute", "fetch", "move", "do", "call", "load", "unknown"})
"""What they use is said elsewhere: in what was prepared or declared before, or in code."""
_OF_EVERYTHING = frozenset({"analyze", "cluster", "reindex", "vacuum"})
"""Without a name these work through the whole database."""
_AT_THE_END = frozenset({"commit", "prepare-transaction", "set"})
"""Without a name, a statement or a setting: what was put off until now is checked here, and may fail."""
_EVERYTHING = "*"
"""In place of a name: all that there is."""
_TEMPORARY = "pg_temp"


def touches_ruled(facts: SqlFacts | None, rules: ColumnRules, catalog: Catalog | None) -> bool:
    """Whether the statement may read, change or tell of a column that `rules` name."""
    if not rules.patterns:
        return False
    if facts is None or not facts.certain or Effect.UNKNOWN in facts.effects:
        return True
    return _touches(facts, rules, catalog) or any(
        touches_ruled(inner, rules, catalog) for inner in facts.inner
    )


def _touches(facts: SqlFacts, rules: ColumnRules, catalog: Catalog | None) -> bool:
    if facts.verb in _BY_ANOTHER_NAME and not facts.inner:
        return True
    if not (facts.reads or facts.writes or facts.functions):
        return _names_nothing(facts) or (catalog is not None and catalog.implicit)
    if catalog is None or not catalog.complete or catalog.implicit:
        return True
    if not all(is_harmless(function, catalog) for function in facts.functions):
        return True
    ruled = Ruled.of(rules, catalog)
    return any(_reads(name, ruled, catalog) for name in facts.reads) or any(
        _changes(name, ruled, catalog, facts) for name in facts.writes
    )


def _names_nothing(facts: SqlFacts) -> bool:
    if facts.verb in _OF_EVERYTHING:
        return True
    return facts.verb in _AT_THE_END and not (facts.inner or facts.sets)


def _reads(name: Named, ruled: Ruled, catalog: Catalog) -> bool:
    found = named(name, catalog)
    return not found or any(ruled.touches(oid) for oid in found)


def _changes(name: Named, ruled: Ruled, catalog: Catalog, facts: SqlFacts) -> bool:
    found = named(name, catalog)
    if not found:
        return name.name == _EVERYTHING or Effect.DEFINE not in facts.effects
    return any(
        ruled.touches(oid)
        or catalog.relations[oid].triggers
        or any(ruled.touches(other) for other in catalog.relations[oid].cascades)
        for oid in found
    )


def named(name: Named, catalog: Catalog) -> tuple[int, ...]:
    """The relations that this may mean. Without a schema every one of that name, because a path decides."""
    every = catalog.names.get(name.name, ())
    if not name.schema:
        return every
    if name.schema == _TEMPORARY:
        return tuple(oid for oid in every if catalog.relations[oid].schema.startswith(_TEMPORARY))
    return tuple(oid for oid in every if catalog.relations[oid].schema == name.schema)
