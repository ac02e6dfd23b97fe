"""What a PostgreSQL server is asked about a database. Every account may read that, unless somebody took it away.

Works on 12 to 18. Rules of views are looked at as printed trees: the numbers of relations and functions in them are
exact, where their text would have to be understood again.
"""

from enum import Enum

SETTINGS = """
    SET search_path TO ''; SET standard_conforming_strings TO on; SET client_encoding TO '{encoding}'"""
WITHOUT_ENCODING = "SQL_ASCII"
"""Of a server that keeps bytes and knows nothing of letters: it can not make UTF8 of them."""

_KINDS = "('r', 'v', 'm', 'p', 'f', 't', 'S')"
FIRST_OF_OTHERS = 16384
"""Below are the numbers of what a server brings with it."""


class Question(Enum):
    """Each with the statement that asks it."""

    RELATIONS = f"""
        SELECT c.oid, n.nspname, c.relname, c.relkind,
            EXISTS (SELECT 1 FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN {_KINDS}"""  # noqa: S608 - nothing of anybody's is in it
    COLUMNS = f"""
        SELECT a.attrelid, a.attnum, a.attname, a.atttypid
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
        WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN {_KINDS}"""  # noqa: S608
    PARENTS = "SELECT inhrelid, inhparent FROM pg_catalog.pg_inherits"
    CASCADES = """
        SELECT DISTINCT confrelid, conrelid FROM pg_catalog.pg_constraint
        WHERE contype = 'f' AND (confdeltype IN ('c', 'n', 'd') OR confupdtype IN ('c', 'n', 'd'))"""
    TYPES = """
        SELECT oid, typname, typcategory, typbasetype, typelem FROM pg_catalog.pg_type
        WHERE typrelid = 0 AND typcategory <> 'A'"""
    RULE_COLUMNS = f"""
        SELECT DISTINCT r.ev_class, d.refobjid, d.refobjsubid
        FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d ON d.objid = r.oid
        WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
            AND d.refobjsubid > 0 AND d.refobjid <> r.ev_class AND r.ev_class >= {FIRST_OF_OTHERS}"""  # noqa: S608
    RULE_RELATIONS = f"""
        SELECT DISTINCT r.ev_class, m.found[1]
        FROM pg_catalog.pg_rewrite r,
            LATERAL pg_catalog.regexp_matches(
                r.ev_action::pg_catalog.text || r.ev_qual::pg_catalog.text, ':relid ([1-9][0-9]*)', 'g') m (found)
        WHERE r.ev_class >= {FIRST_OF_OTHERS} AND m.found[1] <> r.ev_class::pg_catalog.text"""  # noqa: S608
    RULE_TARGETS = rf"""
        SELECT r.ev_class, m.found[1], m.found[2], m.found[3]
        FROM pg_catalog.pg_rewrite r,
            LATERAL pg_catalog.regexp_matches(
                r.ev_action::pg_catalog.text,
                ':resno ([0-9]+) :resname (?:[^ \\]|\\.)+ :ressortgroupref [0-9]+ '
                    || ':resorigtbl ([1-9][0-9]*) :resorigcol (-?[0-9]+) :resjunk false', 'g') m (found)
        WHERE r.ev_type = '1' AND r.ev_class >= {FIRST_OF_OTHERS}
            AND pg_catalog.regexp_replace(r.ev_action::pg_catalog.text, ':targetList ', '') !~ ':targetList '"""  # noqa: S608
    """Columns of views that are columns of what they read, unchanged: where there is one list of columns only, and so
    no subquery whose list could be taken for that of the view."""
    RULE_WHOLE_ROWS = f"""
        SELECT DISTINCT r.ev_class FROM pg_catalog.pg_rewrite r
        WHERE (r.ev_action::pg_catalog.text || r.ev_qual::pg_catalog.text) ~ ':varattno 0 '
            AND r.ev_class >= {FIRST_OF_OTHERS}"""  # noqa: S608
    RULE_FUNCTIONS = f"""
        SELECT DISTINCT f.ev_class, n.nspname, p.proname
        FROM (
            SELECT DISTINCT r.ev_class, m.found[1]::pg_catalog.oid AS oid
            FROM pg_catalog.pg_rewrite r,
                LATERAL pg_catalog.regexp_matches(
                    r.ev_action::pg_catalog.text || r.ev_qual::pg_catalog.text,
                    ':(?:funcid|opfuncid|aggfnoid|winfnoid|tsmhandler) ([0-9]+)', 'g') m (found)
            WHERE r.ev_class >= {FIRST_OF_OTHERS}) f
        LEFT JOIN pg_catalog.pg_proc p ON p.oid = f.oid
        LEFT JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        WHERE f.oid <> 0"""  # noqa: S608
    PURE = f"""
        SELECT n.nspname, p.proname
        FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname IN ('pg_catalog', 'information_schema')
        GROUP BY n.nspname, p.proname
        HAVING pg_catalog.bool_and(p.provolatile = 'i' AND p.oid < {FIRST_OF_OTHERS})"""  # noqa: S608
    OWN = f"""
        SELECT DISTINCT p.proname
        FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        WHERE p.oid >= {FIRST_OF_OTHERS} OR n.nspname NOT IN ('pg_catalog', 'information_schema')"""  # noqa: S608
    IMPLICIT = f"""
        SELECT 1
        FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
        WHERE p.oid >= {FIRST_OF_OTHERS} AND l.lanname NOT IN ('internal', 'c')
            AND (EXISTS (SELECT 1 FROM pg_catalog.pg_operator o WHERE o.oprcode = p.oid)
                OR EXISTS (SELECT 1 FROM pg_catalog.pg_cast c WHERE c.castfunc = p.oid))"""  # noqa: S608
