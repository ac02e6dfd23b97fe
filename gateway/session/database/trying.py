"""Whether a statement may be tried and taken back, as far as the statement alone tells. What the database adds to
it - triggers, defaults, functions of its own - is asked there.

Rolling back undoes what was done to rows. It does not undo what functions do beside that: sequences go on, messages
to other servers are sent, files are written. So nothing is tried but plain changes of rows that call nothing except
what only computes.
"""

from gateway.core.operation import Effect
from gateway.core.sql import SqlFacts
from gateway.policy.sql.functions import is_harmless
from gateway.policy.sql.harmless import FUNCTIONS

TRIED = ("insert", "update", "delete", "merge")
_ROWS = frozenset({Effect.READ, Effect.WRITE})
_WAITS = frozenset({"pg_sleep", "pg_sleep_for", "pg_sleep_until"})
"""Harmless, and a way to hold locks."""
COMPUTES = tuple(sorted(FUNCTIONS - _WAITS))
"""Names of PostgreSQL's own functions that only compute, or tell about the database."""


def why_not_tried(facts: SqlFacts) -> str:
    """One clause; empty where the statement itself is no reason."""
    if facts.verb not in TRIED:
        return "only a plain INSERT, UPDATE, DELETE or MERGE is tried"
    if not facts.certain:
        return f"what it does is not certain: {facts.why}"
    if facts.writes_in_with or len(facts.writes) != 1:
        return "it changes more than one table"
    if not facts.effects <= _ROWS or facts.sets:
        return "it does more than change rows"
    for function in facts.functions:
        if not is_harmless(function) or function.name in _WAITS:
            return f"it calls {function}, and what that does may not be undone"
    return ""
