"""What is asked on the side to learn about how many rows a statement is, and of which statements it may be asked.

Planning runs functions: constant calls of those that are immutable or stable are worked out then, in a statement as
well as in views, defaults, constraints, indexes and policies of what it names. So it is asked only where none of them
was written by somebody who may write functions: all are the server's own, or in C, which takes a superuser.
"""

import re
from collections.abc import Iterable, Sequence

from gateway.core.operation import Effect
from gateway.core.sql import Named, SqlFacts

LONGEST = 100_000
SETTLED = "SET standard_conforming_strings = on; SET client_encoding = 'UTF8'"
GENERIC_SINCE = 16
"""Of this version of PostgreSQL on, what has parameters can be planned without values."""
_PLANNED = frozenset({"select", "insert", "update", "delete", "merge", "declare"})
_HARMLESS = frozenset({Effect.READ, Effect.WRITE})
_PARAMETER = re.compile(r"\$[0-9]")
_OTHERS = 16384
"""Where the numbers of what is not the server's own begin."""

_SAFE = """
WITH RECURSIVE asked (oid) AS (
    SELECT pg_catalog.to_regclass(name)::pg_catalog.oid
    FROM pg_catalog.unnest(ARRAY[{relations}]::pg_catalog.text[]) AS given (name)),
used (oid) AS (
    SELECT oid FROM asked WHERE oid IS NOT NULL
    UNION
    SELECT below.oid FROM used CROSS JOIN LATERAL (
        SELECT d.refobjid FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d ON d.objid = r.oid
        WHERE r.ev_class = used.oid AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        UNION ALL SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = used.oid) AS below (oid)),
parts (classid, objid) AS (
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, oid FROM used
    UNION ALL SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass, r.oid
        FROM pg_catalog.pg_rewrite r JOIN used ON r.ev_class = used.oid
    UNION ALL SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, a.oid
        FROM pg_catalog.pg_attrdef a JOIN used ON a.adrelid = used.oid
    UNION ALL SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, c.oid
        FROM pg_catalog.pg_constraint c JOIN used ON c.conrelid = used.oid
    UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid
        FROM pg_catalog.pg_index i JOIN used ON i.indrelid = used.oid
    UNION ALL SELECT 'pg_catalog.pg_policy'::pg_catalog.regclass, p.oid
        FROM pg_catalog.pg_policy p JOIN used ON p.polrelid = used.oid
    UNION ALL SELECT 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, s.oid
        FROM pg_catalog.pg_statistic_ext s JOIN used ON s.stxrelid = used.oid),
written (oid, name) AS (
    SELECT p.oid, p.proname
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE p.oid >= {others} AND l.lanname NOT IN ('internal', 'c'))
SELECT NOT EXISTS (SELECT 1 FROM asked WHERE oid IS NULL)
    AND NOT EXISTS (
        SELECT 1 FROM used JOIN pg_catalog.pg_class c ON c.oid = used.oid
        WHERE c.relkind NOT IN ('r', 'p', 'v', 'm', 'S') OR c.relpersistence = 't')
    AND NOT EXISTS (SELECT 1 FROM written WHERE name::pg_catalog.text = ANY (ARRAY[{functions}]::pg_catalog.text[]))
    AND NOT EXISTS (SELECT 1 FROM written JOIN pg_catalog.pg_operator o ON o.oprcode = written.oid)
    AND NOT EXISTS (SELECT 1 FROM written JOIN pg_catalog.pg_cast c ON c.castfunc = written.oid)
    AND NOT EXISTS (
        SELECT 1 FROM parts JOIN pg_catalog.pg_depend d ON d.classid = parts.classid AND d.objid = parts.objid
            JOIN written ON d.refobjid = written.oid
        WHERE d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass)"""


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


def begin(milliseconds: int, lock_milliseconds: int) -> str:
    """Nothing can be changed in what follows, and nothing takes long."""
    return (
        f"BEGIN READ ONLY; SET LOCAL statement_timeout = {milliseconds};"
        f" SET LOCAL lock_timeout = {lock_milliseconds}"
    )


def is_safe(facts: SqlFacts) -> str:
    """The question whether planning it runs nothing that somebody wrote: `t` or `f`. Empty where its names can not be
    asked about."""
    relations = [quoted(name) for name in dict.fromkeys((*facts.reads, *facts.writes))]
    functions = [name.name for name in facts.functions]
    if not can_be_asked((*relations, *functions)):
        return ""
    return _SAFE.format(relations=literals(relations), functions=literals(functions), others=_OTHERS)


def can_be_asked(names: Iterable[str]) -> bool:
    """Whether these can stand in a question, however the server reads texts."""
    return all(name.isascii() and "\\" not in name and "\0" not in name for name in names)


def quoted(name: Named) -> str:
    """As a statement names it."""
    parts: Sequence[str] = (name.schema, name.name) if name.schema else (name.name,)
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def literals(texts: Iterable[str]) -> str:
    """The inside of an ARRAY of texts, where strings are what the standard says."""
    return ", ".join("'" + text.replace("'", "''") + "'" for text in texts)
