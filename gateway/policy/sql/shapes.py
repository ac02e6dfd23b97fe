"""Recognises texts that differ in whole numbers only, without parsing: they hold the same facts.

For clients that write each number into their statements, as `pgbench` does with simple queries. Strict: a text with
a quote, a comment, a dollar, a backslash or a letter beyond ASCII has no key, and a number that might be part of
something else is left as it is.
"""

import re

from gateway.core.sql import Reading, SqlFacts
from gateway.policy.sql.reading import own_text

LONGEST = 2000
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_ \t\r\n(),.=<>*+:\[\]-]*;?[ \t\r\n]*")
_INTEGER = re.compile(r"(?:(?<=[ \t\r\n(,=<>\[])|(?<=[ (,=]-))[0-9]{1,9}(?=[ \t\r\n),;\]]|\Z)")
_MATTERS = re.compile(r"(?:float|time|stamp|second|interval)[ \t\r\n]*\(", re.IGNORECASE)
"""Where the grammar looks at a number: FLOAT(99) is refused, and CURRENT_TIME(3) is another shape than one with 6."""
_VERBS = ("select", "insert", "update", "delete")


def key(text: str) -> str | None:
    """The same for texts of the same facts; None where only parsing tells."""
    if len(text) > LONGEST or not _PLAIN.fullmatch(text) or "--" in text or _MATTERS.search(text):
        return None
    return bare(text)


def bare(text: str) -> str:
    """Without its whole numbers. Where this is the key of some text, it is this one's, too: digits make no text plain
    that is not, nor the other way round."""
    return _INTEGER.sub("0", text) if len(text) <= LONGEST else ""


def may_stand_for_others(text: str, reading: Reading) -> bool:
    """Whether what was read of `text` is so of every text with its key."""
    if len(reading.statements) != 1 or reading.error:
        return False
    facts = reading.statements[0]
    plain = facts.verb in _VERBS and facts.certain and not (facts.sets or facts.inner or facts.name)
    return plain and facts.text == _only_statement(text)


def of_text(facts: SqlFacts, text: str) -> Reading:
    """The same facts, of another text with the same key."""
    same = SqlFacts(
        facts.verb,
        _only_statement(text),
        facts.effects,
        facts.reads,
        facts.writes,
        facts.functions,
        facts.has_where,
        facts.has_limit,
        facts.writes_in_with,
        shape=facts.shape,
        mentions=facts.mentions,
        columns=facts.columns,
    )
    return Reading((same,))


def _only_statement(text: str) -> str:
    return own_text(text.rstrip(" \t\r\n").removesuffix(";"))
