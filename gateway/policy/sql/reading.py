"""From the syntax tree of a whole text to the facts of each of its statements."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

from gateway.core.sql import Reading, SqlFacts, unknown
from gateway.policy.sql import portable
from gateway.policy.sql.mentions import mentions_of
from gateway.policy.sql.statement import facts_of
from gateway.policy.sql.used import columns_of

MOST_STATEMENTS = 5000
"""In one text. Each is judged and recorded."""
_SPACE = " \t\r\n\f\v"


def read(tree: Mapping[str, Any], text: str, fingerprint: Callable[[str], str]) -> Reading:
    """`tree` is the JSON value that libpg_query made of `text`. `fingerprint` is asked for each statement."""
    raw = tree.get("stmts", ())
    if len(raw) > MOST_STATEMENTS:
        why = f"there are more than {MOST_STATEMENTS:,} statements in one text"
        return Reading((unknown(text, why),))
    if not raw:
        return Reading((SqlFacts("empty", text, frozenset()),))
    data = text.encode()
    facts = []
    start = 0
    for each in raw:
        length = each.get("stmt_len", 0)
        end = each.get("stmt_location", 0) + length if length else len(data)
        own = own_text(data[start:end].decode())
        start = end + 1
        ((kind, node),) = each["stmt"].items()
        found = facts_of(kind, node, own)
        found = replace(found, mentions=mentions_of(each["stmt"]), columns=columns_of(kind, node, found))
        facts.append(_shaped(found, fingerprint(own)))
    return Reading(tuple(facts))


def own_text(text: str) -> str:
    """Of a statement: without the space around it, and without semicolons that nothing stands before."""
    return text.strip(_SPACE).lstrip(";" + _SPACE)


def _shaped(facts: SqlFacts, fingerprint: str) -> SqlFacts:
    """Statements of one shape differ in constants only, and all that is known of them is the same. The fingerprint
    alone would not do: to libpg_query, `orders_01` and `orders_02` are alike, and so is all that is in a DO block."""
    told = f"{fingerprint}\n{portable.pack(facts)}\n{'' if facts.certain else facts.text}"
    return replace(facts, shape=sha256(told.encode()).hexdigest()[:16])
