"""Whether rolling back would undo all that a change of a table does, as far as the database tells: asked before a dry
run, while what could change the answer is locked out.

The answer is a list of reasons against it. It is not tried where anything that it may run was written by somebody who
is not PostgreSQL itself - triggers, rules, functions in views, defaults, constraints, indexes, policies - or where it
reaches what is no plain table, or a sequence.
"""

import re

from gateway.adapters.postgres.estimate.names import Numbers, can_be_asked, literals
from gateway.core.sql import SqlFacts
from gateway.session.database.trying import COMPUTES

OLDEST = 12
"""Of PostgreSQL: what is asked here is there from this version on."""
_OTHERS = 16384
"""Where the numbers of what is not the server's own begin."""
_DEFAULT = re.compile(r"\bdefault\b", re.IGNORECASE)
_INSERTS = frozenset({"insert", "merge"})

_REACHED = """
WITH RECURSIVE asked (oid, written) AS (
    SELECT given.oid, given.oid = ANY (ARRAY[{written}]::pg_catalog.oid[])
    FROM pg_catalog.unnest(ARRAY[{every}]::pg_catalog.oid[]) AS given (oid)),
touched (oid) AS (
    SELECT oid FROM asked WHERE written
    UNION
    SELECT below.oid FROM touched CROSS JOIN LATERAL (
        SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = touched.oid
        UNION ALL SELECT k.conrelid FROM pg_catalog.pg_constraint k
        WHERE k.contype = 'f' AND k.confrelid = touched.oid
            AND (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd'))) AS below (oid)),
used (oid) AS (
    SELECT oid FROM touched UNION SELECT oid FROM asked
    UNION
    SELECT below.oid FROM used CROSS JOIN LATERAL (
        SELECT d.refobjid FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d ON d.objid = r.oid
        WHERE r.ev_class = used.oid AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        UNION ALL SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = used.oid
        UNION ALL SELECT k.confrelid FROM pg_catalog.pg_constraint k
        WHERE k.contype = 'f' AND k.conrelid = used.oid AND used.oid IN (SELECT oid FROM touched)
        ) AS below (oid))"""

_LOCKED = (
    _REACHED
    + """
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
FROM touched JOIN pg_catalog.pg_class c ON c.oid = touched.oid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') ORDER BY c.oid"""
)

_REASONS = (
    _REACHED  # noqa: S608 - numbers are put in, and names in quotes
    + """,
trees (name, tree) AS (
    SELECT 'a default of ' || a.adrelid::pg_catalog.regclass, a.adbin::pg_catalog.text
    FROM pg_catalog.pg_attrdef a JOIN touched ON a.adrelid = touched.oid
        JOIN pg_catalog.pg_attribute t ON t.attrelid = a.adrelid AND t.attnum = a.adnum
    WHERE {inserts} OR t.attgenerated <> ''
    UNION ALL SELECT 'a constraint of ' || k.conrelid::pg_catalog.regclass, k.conbin::pg_catalog.text
    FROM pg_catalog.pg_constraint k JOIN touched ON k.conrelid = touched.oid
    UNION ALL SELECT 'the type ' || k.contypid::pg_catalog.regtype, k.conbin::pg_catalog.text
    FROM pg_catalog.pg_constraint k WHERE k.contypid <> 0
    UNION ALL SELECT 'the index ' || i.indexrelid::pg_catalog.regclass,
        i.indexprs::pg_catalog.text || COALESCE(i.indpred::pg_catalog.text, '')
    FROM pg_catalog.pg_index i JOIN used ON i.indrelid = used.oid WHERE i.indexprs IS NOT NULL
    UNION ALL SELECT 'the index ' || i.indexrelid::pg_catalog.regclass, i.indpred::pg_catalog.text
    FROM pg_catalog.pg_index i JOIN used ON i.indrelid = used.oid WHERE i.indpred IS NOT NULL
    UNION ALL SELECT 'a policy of ' || p.polrelid::pg_catalog.regclass,
        COALESCE(p.polqual::pg_catalog.text, '') || COALESCE(p.polwithcheck::pg_catalog.text, '')
    FROM pg_catalog.pg_policy p JOIN used ON p.polrelid = used.oid
    UNION ALL SELECT 'the partitions of ' || p.partrelid::pg_catalog.regclass, p.partexprs::pg_catalog.text
    FROM pg_catalog.pg_partitioned_table p JOIN used ON p.partrelid = used.oid
    UNION ALL SELECT 'the view ' || r.ev_class::pg_catalog.regclass,
        r.ev_action::pg_catalog.text || r.ev_qual::pg_catalog.text
    FROM pg_catalog.pg_rewrite r JOIN used ON r.ev_class = used.oid),
called (name, oid) AS (
    SELECT DISTINCT t.name, m.found[1]::pg_catalog.oid
    FROM trees t, LATERAL pg_catalog.regexp_matches(
        t.tree, ':(?:funcid|opfuncid|aggfnoid|winfnoid|tsmhandler) ([0-9]+)', 'g') m (found)
    WHERE m.found[1] <> '0'),
harmless (oid) AS (
    SELECT p.oid FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace AND p.oid < {others}
        AND (p.provolatile = 'i' OR p.proname::pg_catalog.text = ANY (ARRAY[{computes}]::pg_catalog.text[]))
    UNION SELECT o.oprcode FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode
        JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE o.oid < {others} OR l.lanname IN ('internal', 'c')
    UNION SELECT k.castfunc FROM pg_catalog.pg_cast k WHERE k.oid < {others}),
written (oid) AS (
    SELECT p.oid FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE p.oid >= {others} AND l.lanname NOT IN ('internal', 'c'))
SELECT reason FROM (
    SELECT 2, c.oid::pg_catalog.regclass || ' is ' || CASE c.relkind
            WHEN 'v' THEN 'a view' WHEN 'f' THEN 'a foreign table' ELSE 'no plain table' END
    FROM touched JOIN pg_catalog.pg_class c ON c.oid = touched.oid WHERE c.relkind NOT IN ('r', 'p')
    UNION ALL SELECT 2, c.oid::pg_catalog.regclass || ' is one of the server''s own tables'
    FROM touched JOIN pg_catalog.pg_class c ON c.oid = touched.oid WHERE c.oid < {others}
    UNION ALL SELECT 3, c.oid::pg_catalog.regclass || ' is a foreign table'
    FROM used JOIN pg_catalog.pg_class c ON c.oid = used.oid WHERE c.relkind NOT IN ('r', 'p', 'v', 'm', 'S', 'i')
    UNION ALL SELECT 3, c.oid::pg_catalog.regclass || ' is kept in a way that is not PostgreSQL''s own'
    FROM used JOIN pg_catalog.pg_class c ON c.oid = used.oid WHERE c.relam >= {others}
    UNION ALL SELECT 3, i.indexrelid::pg_catalog.regclass || ' is an index of a kind that is not PostgreSQL''s own'
    FROM used JOIN pg_catalog.pg_index i ON i.indrelid = used.oid
        JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid WHERE c.relam >= {others}
    UNION ALL SELECT 4, 'the trigger ' || t.tgname || ' on ' || t.tgrelid::pg_catalog.regclass || ' would run'
    FROM touched JOIN pg_catalog.pg_trigger t ON t.tgrelid = touched.oid
        JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
    WHERE NOT t.tgisinternal OR p.oid >= {others}
        OR NOT (p.prosrc LIKE 'RI\\_FKey\\_%' OR p.prosrc = 'unique_key_recheck')
    UNION ALL SELECT 5, 'the rule ' || r.rulename || ' on ' || r.ev_class::pg_catalog.regclass || ' says otherwise'
    FROM touched JOIN pg_catalog.pg_rewrite r ON r.ev_class = touched.oid
    UNION ALL SELECT 6, 'a sequence would go on: ' || a.attrelid::pg_catalog.regclass || '.' || a.attname
    FROM touched JOIN pg_catalog.pg_attribute a ON a.attrelid = touched.oid
    WHERE {inserts} AND a.attidentity <> '' AND NOT a.attisdropped
    UNION ALL SELECT 6, 'the foreign key ' || k.conname || ' sets defaults'
    FROM touched JOIN pg_catalog.pg_constraint k ON k.confrelid = touched.oid AND k.contype = 'f'
    WHERE 'd' IN (k.confdeltype, k.confupdtype)
    UNION ALL SELECT 7, CASE WHEN p.proname IN ('nextval', 'setval') THEN 'a sequence would go on: '
            ELSE 'of a function, nobody can tell what it does: ' END
        || called.name || ' calls ' || COALESCE(p.oid::pg_catalog.regproc::pg_catalog.text, 'one that is gone')
    FROM called LEFT JOIN pg_catalog.pg_proc p ON p.oid = called.oid
    WHERE called.oid NOT IN (SELECT oid FROM harmless WHERE oid IS NOT NULL)
    UNION ALL SELECT 8, 'a function of the database may be meant by ' || p.proname
    FROM pg_catalog.pg_proc p
    WHERE p.oid >= {others} AND p.proname::pg_catalog.text = ANY (ARRAY[{words}]::pg_catalog.text[])
    UNION ALL SELECT 9, 'the operator ' || o.oprname || ' runs what somebody wrote'
    FROM pg_catalog.pg_operator o JOIN written ON written.oid IN (o.oprcode, o.oprrest, o.oprjoin)
    UNION ALL SELECT 9, 'a cast to ' || k.casttarget::pg_catalog.regtype || ' runs what somebody wrote'
    FROM pg_catalog.pg_cast k JOIN written ON written.oid = k.castfunc
    UNION ALL SELECT 9, 'an index may run what somebody wrote: ' || a.amproc
    FROM pg_catalog.pg_amproc a JOIN written ON written.oid = a.amproc::pg_catalog.oid
    UNION ALL SELECT 9, 'a type runs what somebody wrote: ' || t.typname
    FROM pg_catalog.pg_type t JOIN written ON written.oid IN (
        t.typinput::pg_catalog.oid, t.typoutput::pg_catalog.oid, t.typreceive::pg_catalog.oid,
        t.typsend::pg_catalog.oid, t.typmodin::pg_catalog.oid)) AS found (place, reason)
ORDER BY place, reason LIMIT 20"""
)


def locked(numbers: Numbers) -> str:
    """The tables that change with it, as statements name them."""
    return _LOCKED.format(written=numbers.written, every=numbers.every)


def reasons(facts: SqlFacts, numbers: Numbers) -> str:
    """The question for all reasons against trying it. Empty where it can not be asked."""
    words = {function.name for function in facts.functions}
    words |= {
        column.name for column in facts.columns
    } | facts.mentions  # `row.name` may be a call of name(row)
    if not can_be_asked(words) or not numbers.complete:
        return ""
    inserts = facts.verb in _INSERTS or _DEFAULT.search(facts.text) is not None
    return _REASONS.format(
        written=numbers.written,
        every=numbers.every,
        inserts="true" if inserts else "false",
        computes=literals(COMPUTES),
        words=literals(sorted(words)),
        others=_OTHERS,
    )
