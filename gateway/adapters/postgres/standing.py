"""What EXECUTE, FETCH and MOVE come to: the statement that a name stands for. Which one that is, others know.

Values and pure functions, so that what was judged can be judged once more from what the ledger has of it.
"""

from dataclasses import replace

from gateway.core.operation import Effect
from gateway.core.sql import SqlFacts

NAMED = {"execute": "prepared statement", "fetch": "cursor", "move": "cursor"}
_PARAMETERS = "what its parameters call does more than compute"


def mark_of(facts: SqlFacts) -> str:
    """What stands between the text of such a statement and of the one that it names."""
    return f"\n-- {NAMED[facts.verb]} {facts.name}: "


def stands_for(facts: SqlFacts, inner: SqlFacts) -> SqlFacts:
    """`facts` with `inner` in the place of its name."""
    text = f"{facts.text}{mark_of(facts)}{inner.text}"
    meant = replace(inner, text=text, shape="", inner=(*inner.inner, inner))
    if facts.effects <= {Effect.READ, Effect.UNKNOWN}:
        return meant
    both = inner.effects | facts.effects | {Effect.UNKNOWN}
    functions = (*inner.functions, *facts.functions)
    return replace(meant, effects=both, functions=functions, certain=False, why=_PARAMETERS)
