"""Masks on a real server's answers: ways around them, every type, both formats, COPY, errors and notices."""

import base64
import hashlib
from collections.abc import AsyncIterator, Iterator

import pytest

from gateway.adapters.postgres.catalog import read_catalog
from gateway.core.catalog import Catalog
from gateway.core.sql import SqlFacts
from gateway.masking.tables.columns import ColumnRules, Fate
from tests.masking.tables.conftest import facts
from tests.postgres.masked_talk import Answer, Talk
from tests.postgres.servers import DatabaseServer
from tests.postgres.upstream.dialling import dial_role, leave

pytestmark = pytest.mark.needs("postgres")

SSN = "078-05-1120"
RULES = frozenset({"app.customers.ssn", "app.customers.pin:null", "people.tax"})
SETUP = f"""
CREATE SCHEMA app;
SET search_path = app;
CREATE TABLE customers (id int PRIMARY KEY, name text, ssn text UNIQUE, pin int CHECK (pin > 0), city text NOT NULL);
INSERT INTO customers VALUES (1, 'Ann', '{SSN}', 78051120, 'Here');
ANALYZE customers;
CREATE TABLE orders (id int, customer int, item text);
INSERT INTO orders VALUES (1, 1, 'lamp'), (2, 1, 'desk');
CREATE TABLE children (note text) INHERITS (customers);
INSERT INTO children VALUES (2, 'Bob', '{SSN}', 78051120, 'There', 'x');
CREATE TABLE people (id int, tax text) PARTITION BY RANGE (id);
CREATE TABLE people_1 PARTITION OF people FOR VALUES FROM (0) TO (10);
INSERT INTO people VALUES (1, '{SSN}');
CREATE VIEW v AS SELECT id, name, ssn AS code FROM customers;
CREATE VIEW vv AS SELECT code || '' AS other FROM v;
CREATE VIEW whole AS SELECT c AS it FROM customers c;
CREATE VIEW plain AS SELECT id, upper(item) AS item FROM orders;
CREATE MATERIALIZED VIEW kept AS SELECT id, ssn AS code FROM customers;
CREATE FUNCTION ssn_of(int) RETURNS text LANGUAGE sql AS 'SELECT ssn FROM app.customers WHERE id = $1';
CREATE FUNCTION all_of() RETURNS SETOF customers LANGUAGE sql AS 'SELECT * FROM app.customers';
CREATE VIEW opaque AS SELECT ssn_of(1) AS x;
CREATE FUNCTION tells() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE NOTICE ''%'', (SELECT ssn FROM app.customers LIMIT 1); RETURN NEW; END';
CREATE TABLE audited (id int);
CREATE TRIGGER t BEFORE INSERT ON audited FOR EACH ROW EXECUTE FUNCTION tells();
CREATE TABLE ruled (id int);
INSERT INTO ruled VALUES (1);
CREATE RULE r AS ON UPDATE TO ruled DO INSTEAD SELECT ssn || '' FROM customers;
CREATE TABLE regions (id int PRIMARY KEY);
INSERT INTO regions VALUES (1);
ALTER TABLE customers ADD region int NOT NULL DEFAULT 1;
ALTER TABLE customers ADD FOREIGN KEY (region) REFERENCES regions ON DELETE SET NULL;
CREATE TABLE late (a text UNIQUE DEFERRABLE INITIALLY DEFERRED);
SELECT lo_from_bytea(4242, '{SSN}');
"""
FORMS = tuple(
    form
    for secret in (SSN.encode(), SSN.replace("-", "").encode(), b"78051120")
    for form in (
        secret,
        secret[::-1],
        hashlib.md5(secret).hexdigest().encode(),
        base64.b64encode(secret),
        secret.hex().encode(),
        secret[:6],
        (78051120).to_bytes(4, "big"),
    )
)


_read: dict[str, Catalog] = {}
"""By database: reading it once is enough."""


def leaks(data: bytes) -> bool:
    return any(form in data for form in FORMS)


@pytest.fixture(scope="module")
def shop(postgres: DatabaseServer) -> Iterator[str]:
    database = postgres.new_database()
    with postgres.connect(database) as connection:
        connection.execute(SETUP)
    yield database
    postgres.drop_database(database)


@pytest.fixture
async def talk(postgres: DatabaseServer, shop: str) -> AsyncIterator[Talk]:
    server = await dial_role(postgres, "hoop", database=shop, password=None)
    if shop not in _read:
        _read[shop] = await read_catalog(server)
    talk = Talk(server, ColumnRules.of(RULES), _read[shop])
    await talk.query("SET search_path = app")
    await talk.query("BEGIN")
    yield talk
    await leave(server)


LEAKING = """
SELECT * FROM customers
TABLE customers
SELECT ssn AS name FROM customers
SELECT s.x FROM (SELECT ssn AS x FROM customers) s
WITH c AS (SELECT * FROM customers) SELECT * FROM c
SELECT l.x FROM orders o, LATERAL (SELECT ssn AS x FROM customers WHERE id = o.customer) l
SELECT item FROM orders UNION ALL SELECT ssn FROM customers
SELECT U&"\\0073sn" FROM "customers"
SELECT c.ssn FROM orders o JOIN customers c ON c.id = o.customer
SELECT lag(ssn, 0) OVER (ORDER BY id) FROM customers
SELECT min(ssn), max(pin) FROM customers
SELECT coalesce(ssn, '') FROM customers
SELECT (SELECT ssn FROM customers WHERE id = 1)
SELECT CASE WHEN true THEN ssn END FROM customers
SELECT DISTINCT ssn FROM customers
SELECT ssn FROM customers GROUP BY ssn
SELECT ssn FROM customers ORDER BY 1 LIMIT 1 FOR UPDATE
SELECT pin FROM customers
SELECT pin + 0 FROM customers
SELECT c FROM customers c
SELECT c FROM ONLY customers c
SELECT (c).ssn FROM customers c
SELECT c.* FROM customers c
SELECT ssn(c) FROM customers c
SELECT row(c.*) FROM customers c
SELECT c::text FROM customers c
SELECT row_to_json(c) FROM customers c
SELECT to_jsonb(c) ->> ('s' || 'sn') FROM customers c
SELECT jsonb_object_agg(id, ssn) FROM customers
SELECT table_to_xml('app.customers', true, false, '')
SELECT query_to_xml('select ssn from app.customers', true, false, '')
SELECT database_to_xml(true, false, '')
SELECT array[ssn] FROM customers
SELECT array_agg(ssn) FROM customers
SELECT string_agg(ssn, ',') FROM customers
SELECT reverse(ssn) FROM customers
SELECT substr(ssn, 1, 6), substr(ssn, 7) FROM customers
SELECT md5(ssn) FROM customers
SELECT encode(ssn::bytea, 'base64'), encode(ssn::bytea, 'hex') FROM customers
SELECT ssn::bytea FROM customers
SELECT ssn::varchar(20), ssn::name, ssn::char(20) FROM customers
SELECT unnest(string_to_array(ssn, 'x')) FROM customers
SELECT * FROM regexp_split_to_table((SELECT ssn FROM customers WHERE id = 1), 'x')
SELECT code FROM v
SELECT name, code FROM v
SELECT other FROM vv
SELECT it FROM whole
SELECT (it).ssn FROM whole
SELECT code FROM kept
SELECT code || '' FROM kept
SELECT x FROM opaque
SELECT ssn_of(1)
SELECT * FROM ssn_of(1)
SELECT * FROM all_of()
SELECT (all_of()).ssn
SELECT ssn FROM children
SELECT ssn || '' FROM children
SELECT tax FROM people
SELECT tax FROM people_1
SELECT tax || '' FROM people_1
SELECT p FROM people_1 p
SELECT most_common_vals::text FROM pg_stats WHERE tablename = 'none' UNION SELECT ssn FROM customers
SELECT convert_from(lo_get(4242), 'UTF8')
SELECT convert_from(data, 'UTF8') FROM pg_largeobject
SELECT data FROM pg_largeobject
UPDATE customers SET name = name RETURNING *
UPDATE customers SET name = name RETURNING ssn || ''
DELETE FROM children RETURNING ssn
INSERT INTO customers SELECT id + 10, name, ssn || 'x', pin, city, 1 FROM customers RETURNING ssn, pin
UPDATE orders SET item = ssn FROM customers c WHERE c.id = customer RETURNING item || ''
MERGE INTO orders USING customers c ON c.id = customer WHEN MATCHED THEN UPDATE SET item = c.ssn
WITH d AS (DELETE FROM children RETURNING ssn) SELECT ssn || '' FROM d
EXPLAIN VERBOSE SELECT * FROM customers WHERE ssn = '078-05-1120'
COPY customers TO STDOUT
COPY customers (id, ssn) TO STDOUT (FORMAT csv, HEADER)
COPY customers TO STDOUT (FORMAT binary)
COPY (SELECT ssn FROM customers) TO STDOUT
COPY (SELECT c FROM customers c) TO STDOUT (FORMAT csv, QUOTE '|', FORCE_QUOTE *)
COPY (SELECT reverse(ssn) FROM customers) TO STDOUT (FORMAT binary)
COPY (SELECT code FROM v) TO STDOUT (DELIMITER ';')
COPY (UPDATE customers SET name = name RETURNING ssn) TO STDOUT
COPY (TABLE kept) TO STDOUT
COPY people_1 TO STDOUT
SELECT ssn::int FROM customers
SELECT ssn::numeric FROM customers
SELECT to_date(ssn, 'MONTH') FROM customers
SELECT ssn::date FROM customers
SELECT ssn::uuid FROM customers
SELECT ssn::regclass FROM customers
SELECT ('["' || ssn || '" x')::json FROM customers
SELECT count(*) FROM orders WHERE (SELECT ssn::int FROM customers LIMIT 1) = id
INSERT INTO customers SELECT 50, name, ssn, pin, city, 1 FROM customers
INSERT INTO customers SELECT 51, ssn || 'y', NULL, 1, NULL, 1 FROM customers
UPDATE customers SET pin = -pin
UPDATE customers SET city = NULL
ALTER TABLE customers ALTER city TYPE int USING ssn::int
CREATE TABLE other AS SELECT ssn::int FROM customers
CREATE UNIQUE INDEX ON customers ((ssn::int))
DELETE FROM regions
INSERT INTO audited VALUES (1)
DO $$ BEGIN RAISE NOTICE '%', (SELECT ssn FROM app.customers LIMIT 1); END $$
DO $$ BEGIN RAISE EXCEPTION '%', (SELECT ssn FROM app.customers LIMIT 1); END $$
""".strip().splitlines()
NEEDS_NEWER = "MERGE"


async def ask(talk: Talk, text: str, format: int) -> Answer:
    answer = await talk.run(text, facts(text), format)
    await talk.query("ROLLBACK; BEGIN")
    return answer


@pytest.mark.parametrize("text", LEAKING)
async def test_ways_around_masks(talk: Talk, text: str) -> None:
    sent = b""
    for format in (0, 1):
        answer = await ask(talk, text, format)
        sent += answer.everything_sent()
        assert not leaks(answer.everything_shown()), (
            format,
            answer.shown,
            answer.shown_words,
            answer.shown_copy,
        )
        assert len(answer.shown) == len(answer.sent)
        assert [len(row) for row in answer.shown] == [len(row) for row in answer.sent]
        for before, after in zip(answer.sent, answer.shown, strict=True):
            assert all(new is None for old, new in zip(before, after, strict=True) if old is None)
    if not text.startswith(
        (NEEDS_NEWER, "UPDATE orders", "SELECT most", "UPDATE customers SET name = name RETURNING *")
    ):
        assert leaks(sent), "the server did not tell it in the first place"


async def test_what_a_rule_selects_instead_of_a_change(talk: Talk) -> None:
    answer = await talk.query("UPDATE ruled SET id = 2", facts("UPDATE ruled SET id = 2"))
    assert leaks(answer.everything_sent())
    assert answer.shown == [[b"[masked]"]] * 2


@pytest.mark.parametrize("format", [0, 1])
async def test_what_a_cursor_and_a_prepared_statement_give(talk: Talk, format: int) -> None:
    binary = "BINARY " if format else ""
    for first, second in (
        (f"DECLARE c {binary}CURSOR FOR SELECT ssn, ssn || '' FROM customers", "FETCH ALL FROM c"),
        ("PREPARE p AS SELECT ssn, ssn || '' FROM customers", "EXECUTE p"),
    ):
        await talk.run(first, facts(first))
        answer = await talk.query(second, facts(second))
        assert leaks(answer.everything_sent())
        assert not leaks(answer.everything_shown())
        assert answer.shown == [[b"[masked:ssn]", b"[masked]"]] * 2


async def test_statistics_are_hidden(talk: Talk) -> None:
    for format in (0, 1):
        answer = await ask(talk, "SELECT * FROM pg_stats WHERE schemaname = 'app'", format)
        assert leaks(answer.everything_sent()) or b"histogram" not in answer.everything_sent()
        assert answer.shown
        assert not leaks(answer.everything_shown())
        assert all(cell is None or cell == b"[masked]" for row in answer.shown for cell in row)


SHOWN = """
SELECT id, name, city FROM customers
SELECT id FROM v
SELECT item FROM plain
SELECT id, upper(item), now() FROM orders
SELECT count(*) FROM orders
SELECT o FROM orders o
SELECT oid, relname FROM pg_class WHERE relname = 'customers'
SELECT pg_get_viewdef('app.v'::regclass)
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'app.customers'::regclass
SELECT pg_get_expr(adbin, adrelid), obj_description(adrelid) FROM pg_attrdef UNION SELECT 'x', 'y'
SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'app'
SELECT current_setting('server_version'), version(), current_user, current_schema()
SELECT id, tableoid, ctid FROM customers
SELECT 1, 'x', NULL, ARRAY[1, 2], '{"a": 1}'::jsonb
SHOW search_path
INSERT INTO orders VALUES (3, 1, 'x') RETURNING id + 1
COPY orders TO STDOUT
COPY customers (id, name) TO STDOUT (FORMAT binary)
COPY (SELECT item FROM plain) TO STDOUT
SELECT 1 / 0
SELECT nothing FROM orders
""".strip().splitlines()


@pytest.mark.parametrize("text", SHOWN)
async def test_what_is_none_of_the_rules_business(talk: Talk, text: str) -> None:
    for format in (0, 1):
        answer = await ask(talk, text, format)
        assert answer.sent or answer.sent_copy or answer.sent_words
        assert (answer.shown, answer.shown_copy) == (answer.sent, answer.sent_copy)
        assert answer.shown_words == answer.sent_words


async def test_what_was_made_in_a_transaction_is_masked_until_it_is_known(talk: Talk) -> None:
    """As the gateway has it: its own connection does not see what is not committed."""
    known = talk.catalog
    assert known is not None
    await talk.query("""
        CREATE TABLE mine AS SELECT ssn FROM customers;
        CREATE OR REPLACE VIEW plain AS SELECT id, ssn AS item FROM customers;
        ALTER TABLE orders RENAME TO swapped; ALTER TABLE customers RENAME TO orders""")
    talk.catalog = known.in_doubt()
    for text in (
        "SELECT ssn FROM mine",
        "SELECT item FROM plain",
        "SELECT ssn || '' FROM orders",
        "SELECT ssn FROM orders",
    ):
        answer = await talk.run(text, facts(text))
        assert leaks(answer.everything_sent())
        assert not leaks(answer.everything_shown()), text


async def test_without_a_catalog(talk: Talk) -> None:
    talk.catalog = None
    for text in ("SELECT * FROM customers", "SELECT ssn || '' FROM customers"):
        assert not leaks((await ask(talk, text, 0)).everything_shown())
    assert (await ask(talk, "SELECT 1", 0)).shown == [[b"1"]]


async def test_without_facts(talk: Talk) -> None:
    answer = await talk.query("SELECT ssn || '', ssn, name FROM customers WHERE id = 1", None)
    assert answer.shown == [[b"[masked]", b"[masked:ssn]", b"Ann"]]


TYPES = {
    "text": ("a@example.com", Fate.WORDS),
    "varchar(30)": ("a@example.com", Fate.WORDS),
    "char(20)": ("a@example.com", Fate.WORDS),
    "name": ("a@example.com", Fate.WORDS),
    "app.word": ("a@example.com", Fate.WORDS),
    '"char"': ("a", Fate.NULL),
    "app.mood": ("sad", Fate.NULL),
    "bool": ("t", Fate.NULL),
    "int2": ("7", Fate.NULL),
    "int8": ("4111111111111111", Fate.NULL),
    "numeric": ("4111111111111111", Fate.NULL),
    "float8": ("1.5", Fate.NULL),
    "money": ("1", Fate.NULL),
    "bytea": ("a@example.com", Fate.NULL),
    "date": ("2020-01-01", Fate.NULL),
    "timestamptz": ("2020-01-01 00:00:00+00", Fate.NULL),
    "interval": ("1 day", Fate.NULL),
    "uuid": ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", Fate.NULL),
    "inet": ("10.0.0.1", Fate.NULL),
    "json": ('{"m": "a@example.com"}', Fate.NULL),
    "jsonb": ('{"m": "a@example.com"}', Fate.NULL),
    "xml": ("<m>a@example.com</m>", Fate.NULL),
    "text[]": ('{a@example.com,"x y"}', Fate.NULL),
    "int[]": ("{{1,2},{3,4}}", Fate.NULL),
    "app.word[]": ("{a@example.com}", Fate.NULL),
    "int4range": ("[1,5)", Fate.NULL),
    "app.pair": ("(1,a@example.com)", Fate.NULL),
    "tsvector": ("'a@example.com':1", Fate.NULL),
    "point": ("(1,2)", Fate.NULL),
    "bit varying": ("101", Fate.NULL),
    "oid": ("5", Fate.NULL),
    "regclass": ("pg_class", Fate.NULL),
}


@pytest.fixture
async def typed(postgres: DatabaseServer, database: str) -> AsyncIterator[Talk]:
    with postgres.connect(database) as connection:
        connection.execute("""CREATE SCHEMA app; CREATE DOMAIN app.word AS varchar(30) CHECK (length(VALUE) < 20);
            CREATE TYPE app.mood AS ENUM ('sad', 'ok'); CREATE TYPE app.pair AS (a int, b text)""")
        columns = ", ".join(f"c{place} {type}" for place, type in enumerate(TYPES))
        connection.execute(f"CREATE TABLE app.t ({columns})")
        values = ["a" if type == '"char"' else value for type, (value, _) in TYPES.items()]
        marks = ", ".join(["%s"] * len(values))
        connection.execute(f"INSERT INTO app.t VALUES ({marks})", values)
        connection.execute("INSERT INTO app.t SELECT")
    server = await dial_role(postgres, "hoop", database=database, password=None)
    yield Talk(server, ColumnRules.of(frozenset({"app.t.*"})), await read_catalog(server))
    await leave(server)


@pytest.mark.parametrize("format", [0, 1])
async def test_every_type_under_a_column_rule(typed: Talk, format: int) -> None:
    answer = await typed.run("SELECT * FROM app.t", facts("SELECT * FROM app.t"), format)
    assert answer.plan is not None
    assert answer.plan.fates == tuple(fate for _, fate in TYPES.values())
    wanted = [
        f"[masked:c{place}]".encode() if fate is Fate.WORDS else None
        for place, (_, fate) in enumerate(TYPES.values())
    ]
    assert answer.shown == [wanted, [None] * len(TYPES)]


@pytest.mark.parametrize("format", [0, 1])
async def test_every_type_under_detectors(typed: Talk, format: int) -> None:
    typed.rules = ColumnRules.of(frozenset({"email", "card"}))
    answer = await typed.run("SELECT * FROM app.t", facts("SELECT * FROM app.t"), format)
    shown = dict(zip(TYPES, answer.shown[0], strict=True))
    sent = dict(zip(TYPES, answer.sent[0], strict=True))
    for type, (value, _) in TYPES.items():
        before, after = sent[type], shown[type]
        assert before is not None
        if b"example.com" not in before and b"4111111111111111" not in before:
            assert after == before  # among them numbers in binary, and bytes in hexadecimal
        elif type in ("text", "varchar(30)", "char(20)", "name", "app.word", "xml", "json", "jsonb"):
            assert after == before.replace(b"a@example.com", b"[email******]")
        else:
            assert after is None, (type, value)
    assert answer.shown[1] == [None] * len(TYPES)


@pytest.mark.parametrize("options", ["", "(FORMAT csv)", "(FORMAT csv, FORCE_QUOTE *)", "(FORMAT binary)"])
@pytest.mark.parametrize("source", ["app.t", "(SELECT * FROM app.t)"])
async def test_every_type_copied(typed: Talk, source: str, options: str) -> None:
    text = f"COPY {source} TO STDOUT {options}"
    answer = await typed.query(text, facts(text))
    assert not answer.failed
    assert b"example.com" in answer.sent_copy
    assert b"example.com" not in answer.shown_copy
    typed.rules = ColumnRules.of(frozenset({"email", "card"}))
    answer = await typed.query(text, facts(text))
    assert b"example.com" not in answer.shown_copy
    assert (b"4111111111111111" in answer.shown_copy) is (
        b"4111111111111111" in answer.sent_copy and "binary" in options
    )


async def test_what_copy_writes_can_be_read_again(
    typed: Talk, postgres: DatabaseServer, database: str
) -> None:
    """What is left of a masked copy is a copy: the server takes it back."""
    typed.rules = ColumnRules.of(frozenset({"email", "card"}))
    for options in ("", "(FORMAT csv)", "(FORMAT binary)"):
        for source in ("app.t", "(SELECT * FROM app.t)"):
            text = f"COPY {source} TO STDOUT {options}"
            answer = await typed.query(text, facts(text))
            with postgres.connect(database) as connection:
                connection.execute("CREATE TEMP TABLE back (LIKE app.t)")
                with (
                    connection.cursor() as cursor,
                    cursor.copy(f"COPY back FROM STDIN {options}".encode()) as copy,
                ):
                    copy.write(answer.shown_copy)
                assert connection.execute("SELECT count(*) FROM back").fetchone() == (2,)


def test_the_forms_of_the_secret_are_found() -> None:
    assert leaks(f"x{SSN}y".encode())
    assert leaks(SSN[::-1].encode())
    assert not leaks(b"[masked:ssn]")
    assert isinstance(facts("SELECT 1"), SqlFacts)
