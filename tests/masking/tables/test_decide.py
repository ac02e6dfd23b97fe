"""What becomes of a column: the table that says it, with the real grammar's facts."""

from dataclasses import replace

import pytest

from gateway.core.catalog import Catalog
from gateway.core.sql import SqlFacts
from gateway.masking.tables.columns import Fate, touches_ruled
from tests.masking.tables.conftest import (
    COPY_OF,
    CUSTOMERS,
    DATE,
    HARMLESS_VIEW,
    INT4,
    JSONB,
    ORDERS,
    PART,
    PARTED,
    STATS,
    VIEW,
    Described,
    catalog,
    facts,
    planned,
    relation,
    rules,
)

SHOW, WORDS, NULL = Fate.SHOW, Fate.WORDS, Fate.NULL
SSN = "app.customers.ssn"


@pytest.mark.parametrize(
    ("column", "masks", "fate"),
    [
        (Described(CUSTOMERS, 3), (SSN,), WORDS),
        (Described(CUSTOMERS, 3), (SSN + ":null",), NULL),
        (Described(CUSTOMERS, 3), ("*.ssn",), WORDS),
        (Described(CUSTOMERS, 3), ("customers.ssn",), WORDS),
        (Described(CUSTOMERS, 3), ("app.*.s?n",), WORDS),
        (Described(CUSTOMERS, 3), ("APP.Customers.SSN",), WORDS),
        (Described(CUSTOMERS, 3), ('"app"."customers"."ssn"',), WORDS),
        (Described(CUSTOMERS, 3), ("other.customers.ssn",), SHOW),
        (Described(CUSTOMERS, 3), ("*.name",), SHOW),
        (Described(CUSTOMERS, 3), ("email",), SHOW),
        (Described(CUSTOMERS, 6, INT4), ("*.ssn_n",), NULL),
        (Described(CUSTOMERS, 2), (SSN,), SHOW),
        (Described(COPY_OF, 2), (SSN,), SHOW),
        (Described(COPY_OF, 2), ("*.ssn",), WORDS),
        # A row in one value; a column of the system's own; one that the catalog has not seen yet.
        (Described(CUSTOMERS, 0, 16400), (SSN,), NULL),
        (Described(ORDERS, 0, 16400), (SSN,), SHOW),
        (Described(CUSTOMERS, -1, 27), (SSN,), SHOW),
        (Described(CUSTOMERS, 7), (SSN,), WORDS),
        (Described(ORDERS, 9), (SSN,), WORDS),
        (Described(99999, 1), (SSN,), WORDS),
        # Views, and statistics of the server's own.
        (Described(VIEW, 2), (SSN,), WORDS),
        (Described(VIEW, 1, INT4), (SSN,), NULL),
        (Described(VIEW, 2), ("customers.email",), SHOW),
        (Described(VIEW, 2), ("*.code",), WORDS),
        (Described(HARMLESS_VIEW, 1), (SSN,), SHOW),
        (Described(HARMLESS_VIEW, 1), ("*.name",), WORDS),
        (Described(HARMLESS_VIEW, 2), ("*.name",), WORDS),
        (Described(12100, 1, 2277), (SSN,), NULL),
        # Partitions: a rule about one is about what is read through the other.
        (Described(PART, 1), ("people.tax",), WORDS),
        (Described(PARTED, 2), ("people_2024.tax",), WORDS),
        (Described(PART, 2, INT4), ("people.tax",), SHOW),
        # Types.
        (Described(CUSTOMERS, 3, 1043), (SSN,), WORDS),
        (Described(CUSTOMERS, 3, 1042), (SSN,), WORDS),
        (Described(CUSTOMERS, 3, 19), (SSN,), WORDS),
        (Described(CUSTOMERS, 3, DATE), (SSN,), NULL),
        (Described(CUSTOMERS, 3, JSONB), (SSN,), NULL),
        (Described(CUSTOMERS, 3, 77777), (SSN,), NULL),
    ],
)
def test_a_column_of_a_relation(shop: Catalog, column: Described, masks: tuple[str, ...], fate: Fate) -> None:
    (found,) = planned(shop, "SELECT ssn FROM app.customers", [column], *masks).fates
    assert found is fate


TOUCHES = """
SELECT ssn || '' FROM app.customers
SELECT s || '' AS x FROM (SELECT ssn AS s FROM customers) q
WITH c AS (SELECT * FROM customers) SELECT lower(ssn) FROM c
SELECT l.x || '' FROM orders o, LATERAL (SELECT ssn AS x FROM customers WHERE id_n = o.customer_n) l
SELECT ssn FROM customers UNION ALL SELECT item FROM orders
SELECT max(ssn) FROM "customers"
SELECT lag(ssn) OVER (ORDER BY id_n) FROM customers
SELECT item || (SELECT ssn FROM app.customers LIMIT 1) FROM orders
SELECT row_to_json(c) FROM customers c
SELECT to_jsonb(c) ->> ('s' || 'sn') FROM customers c
SELECT table_to_xml('app.customers', true, false, '')
SELECT query_to_xml('select ssn from app.customers', true, false, '')
SELECT array_agg(ssn) FROM customers
SELECT md5(ssn) FROM customers
SELECT reverse(ssn) FROM U&"\\0063ustomers"
SELECT code || '' FROM customer_view
SELECT later || '' FROM names
SELECT most_common_vals::text FROM pg_stats
SELECT secret_of(1)
SELECT app.secret_of(1)
SELECT upper('x')
SELECT operator_free FROM nowhere
EXPLAIN SELECT * FROM customers WHERE ssn = '1'
EXPLAIN ANALYZE SELECT * FROM customers
UPDATE orders SET item = (SELECT ssn FROM customers LIMIT 1) RETURNING item || ''
INSERT INTO customers (ssn) VALUES ('1') RETURNING lower(ssn)
DELETE FROM app.customers RETURNING md5(ssn)
DECLARE c CURSOR FOR SELECT ssn || '' FROM customers
FETCH ALL FROM c
EXECUTE p
DO $$ BEGIN RAISE NOTICE '%', (SELECT ssn FROM app.customers LIMIT 1); END $$
CALL something()
SELECT set_config('my.x', ssn, false) FROM customers
SELECT * FROM dblink('x', 'y') AS t (a text)
SELECT pg_read_file('x')
SELECT lo_get(1)
INSERT INTO audited VALUES ('x')
DELETE FROM regions WHERE id_n = 1
COMMIT
SET CONSTRAINTS ALL IMMEDIATE
VACUUM
ANALYZE customers
CREATE INDEX ON customers (ssn)
ALTER TABLE app.customers ALTER ssn TYPE int USING ssn::int
CREATE TABLE x AS SELECT ssn FROM customers
CREATE VIEW x AS SELECT ssn FROM customers
COPY customers TO STDOUT
COPY (SELECT ssn || '' FROM customers) TO STDOUT
SELECT tax || '' FROM people_2024
SELECT tax || '' FROM people
""".strip().splitlines()


@pytest.mark.parametrize("text", TOUCHES)
def test_what_may_touch_a_ruled_column(shop: Catalog, text: str) -> None:
    masks = (SSN, "people.tax")
    assert touches_ruled(facts(text), rules(*masks), shop)
    assert planned(shop, text, [Described(0, 0), Described(0, 0, INT4)], *masks).fates == (WORDS, NULL)


BENIGN = """
SELECT 1
SELECT 'x' || 'y', now(), lower('X')
SELECT count(*) FROM orders
SELECT count(*) FROM app.orders o JOIN app.orders p USING (id_n)
SELECT lower(item) FROM orders UNION SELECT 'x'
SELECT ssn || '' FROM other.customers
SELECT pg_catalog.upper('x')
SELECT current_setting('server_version'), version(), current_user
INSERT INTO orders VALUES (1, 'x', 2) RETURNING id_n + 1
UPDATE orders SET item = 'x' WHERE id_n = 1 RETURNING lower(item)
SHOW search_path
SET application_name = 'x'
BEGIN
ROLLBACK
VALUES (1), (2)
EXPLAIN SELECT * FROM orders
CREATE TABLE new_one (a int)
DROP TABLE IF EXISTS orders
DECLARE c CURSOR FOR SELECT count(*) FROM orders
COPY orders TO STDOUT
LISTEN news
WITH customers AS (SELECT 1 AS a) SELECT a + 1 FROM customers
""".strip().splitlines()


@pytest.mark.parametrize("text", BENIGN)
def test_what_provably_touches_none_is_shown(shop: Catalog, text: str) -> None:
    assert not touches_ruled(facts(text), rules(SSN), shop)
    assert planned(shop, text, [Described(0, 0)], SSN).is_idle


@pytest.mark.parametrize("text", ["SELECT 1", "SHOW search_path", "BEGIN", "VALUES (1)"])
def test_what_names_nothing_needs_no_catalog(text: str) -> None:
    assert planned(None, text, [Described(0, 0)], SSN).fates == (SHOW,)


@pytest.mark.parametrize(
    "text", ["SELECT count(*) FROM orders", "SELECT now()", "SELECT item || '' FROM orders"]
)
def test_without_a_whole_catalog_everything_else_is_masked(shop: Catalog, text: str) -> None:
    for known in (None, shop.in_doubt(), replace(shop, implicit=True, notes={})):
        assert planned(known, text, [Described(0, 0)], SSN).fates == (WORDS,)
    assert planned(None, text, [Described(ORDERS, 2)], SSN).fates == (WORDS,)


def test_without_facts_everything_that_nothing_names_is_masked(shop: Catalog) -> None:
    assert planned(shop, None, [Described(0, 0), Described(ORDERS, 2)], SSN).fates == (WORDS, SHOW)


def test_in_doubt_tables_are_known_and_views_are_not(shop: Catalog) -> None:
    columns = [
        Described(ORDERS, 2),
        Described(CUSTOMERS, 3),
        Described(HARMLESS_VIEW, 1),
        Described(ORDERS, 0, 7),
    ]
    assert planned(shop, "SELECT 1", columns, SSN).fates == (SHOW, WORDS, SHOW, SHOW)
    assert planned(shop.in_doubt(), "SELECT 1", columns, SSN).fates == (SHOW, WORDS, WORDS, NULL)


def test_an_implicit_call_makes_even_constants_suspect(shop: Catalog) -> None:
    assert planned(replace(shop, implicit=True, notes={}), "SELECT 1 + 1", [Described(0, 0)], SSN).fates == (
        WORDS,
    )


def test_what_is_known_of_a_cursor_or_a_prepared_statement_counts(shop: Catalog) -> None:
    fetch = facts("FETCH ALL FROM c")
    for inner, fate in (("SELECT item || '' FROM orders", SHOW), ("SELECT ssn || '' FROM customers", WORDS)):
        given = replace(facts(inner), verb="fetch", inner=(facts(inner),))
        assert planned(shop, given, [Described(0, 0)], SSN).fates == (fate,)
    assert planned(shop, fetch, [Described(0, 0)], SSN).fates == (WORDS,)


def test_a_view_that_calls_what_somebody_wrote_may_hold_anything() -> None:
    opaque = {"origins": {1: frozenset[tuple[int, int]]()}, "kind": "v"}
    known = catalog(
        relation(1 << 20, "v", {1: "x"}, calls=frozenset(facts("SELECT secret_of(1)").functions), **opaque),
        relation((1 << 20) + 1, "w", {1: "x"}, **opaque),
    )
    columns = [Described(1 << 20, 1), Described((1 << 20) + 1, 1)]
    assert planned(known, "SELECT x FROM v", columns, SSN).fates == (WORDS, SHOW)
    assert touches_ruled(facts("SELECT x || '' FROM v"), rules(SSN), known)
    assert not touches_ruled(facts("SELECT x || '' FROM w"), rules(SSN), known)


def test_the_words_of_a_label_come_from_the_rule(shop: Catalog) -> None:
    columns = [Described(CUSTOMERS, 3), Described(CUSTOMERS, 4), Described(0, 0)]
    plan = planned(shop, "SELECT ssn, email, md5(ssn) FROM customers", columns, SSN, "*.em*")
    assert [column.label for column in plan.columns] == ["ssn", "email", "hidden"]


def test_a_rule_that_asks_for_null_goes_before_others(shop: Catalog) -> None:
    assert planned(shop, "SELECT 1", [Described(CUSTOMERS, 3)], "*.ssn", SSN + ":null").fates == (NULL,)


def test_without_column_rules_nothing_is_masked_as_a_whole(shop: Catalog) -> None:
    plan = planned(None, None, [Described(0, 0), Described(99999, 1)], "email", "card:null")
    assert plan.fates == (SHOW, SHOW)
    assert not plan.is_idle
    assert plan.nulling == {"card"}
    assert not touches_ruled(None, rules("email"), None)


def test_rules_of_one_catalog_say_nothing_about_another(shop: Catalog) -> None:
    other = catalog(relation(CUSTOMERS, "customers", {1: "ssn", 3: "name"}))
    for known, fate in ((shop, WORDS), (other, SHOW), (shop, WORDS)):
        assert planned(known, "SELECT 1", [Described(CUSTOMERS, 3)], SSN).fates == (fate,)


def test_the_same_statistics_are_named_by_anybody(shop: Catalog) -> None:
    assert STATS not in shop.relations
    assert touches_ruled(facts("SELECT count(*) FROM pg_catalog.pg_stats"), rules(SSN), shop)


def test_an_uncertain_statement_touches(shop: Catalog) -> None:
    known = facts("SELECT 1")
    assert touches_ruled(replace(known, certain=False), rules(SSN), shop)
    outer = SqlFacts("explain", "", known.effects, inner=(replace(known, certain=False),))
    assert touches_ruled(outer, rules(SSN), shop)


@pytest.mark.parametrize(
    "mask", ["ssn", "a.b.c.d", ".ssn", "ssn.", "a..b", "no-such-detector", '"a.b', "a.b" * 100, '"a"x.b']
)
def test_a_mask_that_means_nothing_is_refused(mask: str) -> None:
    with pytest.raises(ValueError, match=r"no "):
        rules(mask)


def test_names_with_dots_and_quotes() -> None:
    (pattern,) = rules('"a.b"."c""d".e').patterns
    assert (pattern.schema, pattern.table, pattern.column) == ("a.b", 'c"d', "e")
    assert pattern.matches("a.b", 'c"d', "e")
    assert not pattern.matches("aXb", 'c"d', "e")


def test_a_pattern_of_many_stars_is_quick() -> None:
    (pattern,) = rules("t." + "*a" * 40).patterns
    assert not pattern.matches("s", "t", "a" * 39 + "b" * 5000)
    assert pattern.matches("s", "t", "xa" * 40)
    assert rules("t.sch?n").patterns[0].matches("s", "t", "schön")
