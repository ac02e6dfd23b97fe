"""Whether a statement might carry masked values to where no mask finds them again: into another column or table, a
setting, a notification, a definition. Seen before it runs, by names.

What only reads is no concern here: its answer is masked. Whatever can not be told may.
"""

from gateway.core.catalog import Catalog
from gateway.core.operation import Effect
from gateway.core.sql import Named, SqlFacts
from gateway.masking.tables.harmless import is_harmless
from gateway.masking.tables.ruled import Ruled
from gateway.masking.tables.rules import ColumnRules
from gateway.masking.tables.touching import named

WHOLE_ROW = "*"
_HARMLESS = frozenset({Effect.READ})
_ASIDE = frozenset({"set_config", "pg_notify", "setval", "lo_from_bytea", "lo_put", "lowrite", "lo_import"})
"""Functions of the server itself that leave what they are given somewhere else."""

DOUBTFUL = "columns are masked here, and what this does can not be told"
CARRIED = "masked columns can not be copied, or used in what changes something"
REDEFINED = "what has masked columns can not be defined anew"


def why_not(facts: SqlFacts, rules: ColumnRules, catalog: Catalog | None) -> str:
    """Why it must not run where these columns are masked; empty where it may."""
    if not rules.patterns:
        return ""
    if not facts.certain:
        return DOUBTFUL
    leaves = any(function.name in _ASIDE for function in facts.functions)
    if facts.effects <= _HARMLESS and not leaves:
        return ""
    if not (facts.reads or facts.writes or facts.functions):
        return ""
    if catalog is None or not catalog.complete:
        return DOUBTFUL
    ruled = Ruled.of(rules, catalog)
    if Effect.DEFINE in facts.effects and any(_touched(name, ruled, catalog) for name in facts.writes):
        return REDEFINED
    if not all(is_harmless(function, catalog) for function in facts.functions):
        return DOUBTFUL
    if Effect.DEFINE in facts.effects and any(_touched(name, ruled, catalog) for name in facts.reads):
        return CARRIED
    used = _masked_names((*facts.reads, *facts.writes), ruled, catalog)
    if not used:
        return ""
    return CARRIED if WHOLE_ROW in facts.mentions or used & facts.mentions else ""


def _touched(name: Named, ruled: Ruled, catalog: Catalog) -> bool:
    return any(ruled.touches(oid) for oid in named(name, catalog))


def _masked_names(names: tuple[Named, ...], ruled: Ruled, catalog: Catalog) -> frozenset[str]:
    """What the masked columns of these relations are called."""
    return frozenset(
        catalog.relations[oid].columns[number].name
        for name in names
        for oid in named(name, catalog)
        for number in ruled.columns(oid)
        if number in catalog.relations[oid].columns
    )
