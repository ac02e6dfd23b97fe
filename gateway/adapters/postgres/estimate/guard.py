"""Whether a statement may be planned: asked of the server right before, on the connection that plans it.

Planning runs functions: constant calls of those that are immutable or stable are worked out then, in a statement as
well as in views, defaults, constraints, indexes and policies of what it names. So it is planned only where none of
them was written by somebody who may write functions: all are the server's own, or in C, which takes a superuser. The
questions themselves are asked where operators are the server's own, whatever path the session looks names up in.
"""

from collections.abc import Awaitable, Callable, Sequence

from gateway.adapters.postgres.estimate.names import Names, Numbers, among_ours, can_be_asked, literals
from gateway.core.sql import SqlFacts

Ask = Callable[[str], Awaitable[Sequence[str]]]
"""The cells of the first row that the server answers; none where it does not."""
_OTHERS = 16384
"""Where the numbers of what is not the server's own begin."""

_SAFE = """
WITH RECURSIVE used (oid) AS (
    SELECT given.oid FROM pg_catalog.unnest(ARRAY[{relations}]::pg_catalog.oid[]) AS given (oid)
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
written (oid, name, takes) AS (
    SELECT p.oid, p.proname::pg_catalog.text, p.pronargs
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE p.oid >= {others} AND l.lanname NOT IN ('internal', 'c'))
SELECT NOT EXISTS (
        SELECT 1 FROM used JOIN pg_catalog.pg_class c ON c.oid = used.oid
        WHERE c.relkind NOT IN ('r', 'p', 'v', 'm', 'S') OR c.relpersistence = 't')
    AND NOT EXISTS (SELECT 1 FROM written WHERE name = ANY (ARRAY[{functions}]::pg_catalog.text[]))
    AND NOT EXISTS (
        SELECT 1 FROM written WHERE takes > 0 AND (
            name = ANY (ARRAY[{words}]::pg_catalog.text[]) OR {odd} AND name ~ '[^] -[^-~]'))
    AND NOT EXISTS (
        SELECT 1 FROM written JOIN pg_catalog.pg_operator o ON written.oid IN (o.oprcode, o.oprrest, o.oprjoin))
    AND NOT EXISTS (SELECT 1 FROM written JOIN pg_catalog.pg_cast c ON c.castfunc = written.oid)
    AND NOT EXISTS (
        SELECT 1 FROM parts JOIN pg_catalog.pg_depend d ON d.classid = parts.classid AND d.objid = parts.objid
            JOIN written ON d.refobjid = written.oid
        WHERE d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass)
    AND ({unbound} OR NOT EXISTS (
        SELECT 1 FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_depend d ON d.objid = k.oid
        WHERE k.contypid <> 0 AND d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
            AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass))"""


def can_be_guarded(facts: SqlFacts) -> bool:
    """Whether all that it names can be asked about."""
    nothing = not facts.reads and not facts.writes
    return (nothing or Names.of(facts) is not None) and can_be_asked(_functions(facts))


async def may_be_planned(facts: SqlFacts, ask: Ask, *, bound: bool = False) -> bool:
    """Whether planning it runs nothing that somebody wrote. Asked within a transaction that changes nothing. `bound`:
    it comes with values, and those are checked by the constraints of domains before anything is planned."""
    if not can_be_guarded(facts):
        return False
    numbers, names = Numbers(), Names.of(facts)
    if names is not None:
        row = await ask(names.question)
        if len(row) != len(names.every):
            return False
        numbers = names.numbers(row)
    return numbers.complete and list(await ask(among_ours(is_safe(facts, numbers, bound=bound)))) == ["t"]


def is_safe(facts: SqlFacts, numbers: Numbers, *, bound: bool) -> str:
    """The question: `t` or `f`. For where names are the server's own. A word that can not stand in it may be any name
    that is not all ASCII, or has a backslash."""
    words = [word for word in sorted(_words(facts)) if can_be_asked([word])]
    return _SAFE.format(
        relations=numbers.every,
        functions=literals(sorted(_functions(facts))),
        words=literals(words),
        odd="true" if len(words) < len(_words(facts)) else "false",
        others=_OTHERS,
        unbound="false" if bound else "true",
    )


def _functions(facts: SqlFacts) -> frozenset[str]:
    return frozenset(function.name for function in facts.functions)


def _words(facts: SqlFacts) -> frozenset[str]:
    """Names of columns: `row.name` may be a call of name(row)."""
    return frozenset(column.name for column in facts.columns) | facts.mentions
