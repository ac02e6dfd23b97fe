"""What is asked on the side to learn about how many rows a statement is, and of which statements it may be asked.

Whether planning one of them runs something that somebody wrote is asked in `guard.py`.
"""

import re

from gateway.core.operation import Effect
from gateway.core.sql import SqlFacts

LONGEST = 100_000
SETTLED = "SET standard_conforming_strings = on; SET client_encoding = 'UTF8'"
GENERIC_SINCE = 16
"""Of this version of PostgreSQL on, what has parameters can be planned without values."""
COMPILES_SINCE = 11
_PLANNED = frozenset({"select", "insert", "update", "delete", "merge", "declare"})
_HARMLESS = frozenset({Effect.READ, Effect.WRITE})
_PARAMETER = re.compile(r"\$[0-9]")


def statement_to_plan(facts: SqlFacts, version: int) -> str:
    """The question about how many rows it is; empty where it can not be asked. Send it in a way in which no server
    takes two statements."""
    text = facts.text
    if (
        not facts.certain
        or facts.verb not in _PLANNED
        or not facts.effects <= _HARMLESS
        or len(text) > LONGEST
    ):
        return ""
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        return ""
    if not _PARAMETER.search(text):
        return f"EXPLAIN (VERBOSE, FORMAT JSON) {text}"
    return f"EXPLAIN (VERBOSE, GENERIC_PLAN, FORMAT JSON) {text}" if version >= GENERIC_SINCE else ""


def begin(milliseconds: int, lock_milliseconds: int, version: int) -> str:
    """Nothing can be changed in what follows, and nothing takes long: compiling such questions takes many times as
    long as answering them."""
    jit = "; SET LOCAL jit TO off" if version >= COMPILES_SINCE else ""
    return (
        f"BEGIN READ ONLY; SET LOCAL statement_timeout = {milliseconds};"
        f" SET LOCAL lock_timeout = {lock_milliseconds}{jit}"
    )
