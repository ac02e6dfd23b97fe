"""What a database is asked about the tables of a statement: how large they are, and what depends on them.

Relations go by their numbers here, and names mean what they mean to the server itself: `estimate/names.py`.
"""

from gateway.adapters.postgres.estimate.names import Numbers

MOST = 40
"""Rows of one answer."""

_TREE = """
WITH RECURSIVE asked (oid) AS (
    SELECT DISTINCT given.oid FROM pg_catalog.unnest(ARRAY[{every}]::pg_catalog.oid[]) AS given (oid)),
whole (root, oid) AS (
    SELECT oid, oid FROM asked
    UNION SELECT whole.root, i.inhrelid FROM whole JOIN pg_catalog.pg_inherits i ON i.inhparent = whole.oid)"""
_SHOWN = "n.nspname || '.' || c.relname"

_TABLES = (
    _TREE  # noqa: S608 - only numbers are put in
    + """
SELECT {shown}, c.relkind, s.size, s.rows, c.oid = ANY (ARRAY[{written}]::pg_catalog.oid[])
FROM asked JOIN pg_catalog.pg_class c ON c.oid = asked.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (
        SELECT pg_catalog.sum(pg_catalog.pg_total_relation_size(p.oid)) FILTER (WHERE p.relkind IN ('r', 'm')),
            pg_catalog.sum(p.reltuples) FILTER (WHERE p.relkind IN ('r', 'm') AND p.reltuples >= 0)
        FROM whole JOIN pg_catalog.pg_class p ON p.oid = whole.oid
        WHERE whole.root = c.oid) AS s (size, rows)
ORDER BY 5 DESC, 1 LIMIT {most}"""
)

_DEPENDANTS = (
    _TREE  # noqa: S608 - only numbers are put in
    + """
SELECT what, name, how FROM (
    SELECT DISTINCT 1, 'foreign key', {shown}, CASE
            WHEN k.confdeltype = 'c' THEN 'ON DELETE CASCADE' WHEN k.confdeltype = 'n' THEN 'ON DELETE SET NULL'
            WHEN k.confdeltype = 'd' THEN 'ON DELETE SET DEFAULT' ELSE 'points to it' END
        || CASE WHEN k.confupdtype = 'c' THEN ', ON UPDATE CASCADE' ELSE '' END
    FROM whole JOIN pg_catalog.pg_constraint k ON k.confrelid = whole.oid AND k.contype = 'f'
        JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE k.conparentid = 0
    UNION ALL SELECT DISTINCT 2, 'trigger', t.tgname || ' on ' || {shown},
        CASE WHEN t.tgenabled = 'D' THEN 'switched off' ELSE 'runs ' || t.tgfoid::pg_catalog.regproc END
    FROM whole JOIN pg_catalog.pg_trigger t ON t.tgrelid = whole.oid AND NOT t.tgisinternal
        JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    UNION ALL SELECT DISTINCT 3, 'rule', r.rulename || ' on ' || {shown}, ''
    FROM whole JOIN pg_catalog.pg_rewrite r ON r.ev_class = whole.oid AND r.ev_type <> '1'
        JOIN pg_catalog.pg_class c ON c.oid = r.ev_class JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    UNION ALL SELECT DISTINCT 4, 'view', {shown}, CASE WHEN c.relkind = 'm' THEN 'materialised' ELSE '' END
    FROM whole JOIN pg_catalog.pg_depend d ON d.refobjid = whole.oid
            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
            AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
        JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid AND r.ev_class <> whole.oid
        JOIN pg_catalog.pg_class c ON c.oid = r.ev_class AND c.relkind IN ('v', 'm')
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace) AS found (place, what, name, how)
ORDER BY place, name LIMIT {most}"""
)


def tables(numbers: Numbers) -> str:
    """Name, kind, bytes, rows as far as known, and whether the statement changes it."""
    return _TABLES.format(every=numbers.every, written=numbers.written, shown=_SHOWN, most=MOST)


def dependants(numbers: Numbers) -> str:
    """What depends on what is changed: what it is, its name, and how it does."""
    return _DEPENDANTS.format(every=numbers.written, shown=_SHOWN, most=MOST)
