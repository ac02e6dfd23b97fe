"""What is read of a real database: relations, views down to their tables, whose functions are whose."""

from collections.abc import AsyncIterator

import pytest

from gateway.adapters.postgres.catalog import read_catalog
from gateway.adapters.postgres.upstream.server import Server
from gateway.core.catalog import Catalog, Relation
from gateway.core.errors import Unreachable
from gateway.core.sql import Named
from tests.postgres.servers import DatabaseServer
from tests.postgres.upstream.dialling import dial_role, leave

pytestmark = pytest.mark.needs("postgres")

SHOP = """
CREATE SCHEMA app;
CREATE DOMAIN app.secret AS varchar(20);
CREATE TABLE app.customers (id int PRIMARY KEY, gone int, name text, ssn app.secret, "Odd ""name" text);
ALTER TABLE app.customers DROP gone;
CREATE TABLE app.orders (id int, customer int REFERENCES app.customers ON DELETE CASCADE, item text);
CREATE TABLE app.archive () INHERITS (app.customers);
CREATE TABLE app.people (id int, tax text) PARTITION BY RANGE (id);
CREATE TABLE app.people_1 (tax text, id int);
ALTER TABLE app.people ATTACH PARTITION app.people_1 FOR VALUES FROM (0) TO (10);
CREATE VIEW app.names AS SELECT id, upper(name) AS name FROM app.customers WHERE ssn IS NOT NULL;
CREATE VIEW app.over AS SELECT name, id AS "my id" FROM app.names;
CREATE VIEW app.rows AS SELECT c FROM app.customers c;
CREATE VIEW app.over_rows AS SELECT c FROM app.rows;
CREATE VIEW app.whole_rows AS SELECT r FROM app.rows r;
CREATE VIEW app.nested AS SELECT id, x FROM (SELECT ssn AS id, id AS x FROM app.customers) q;
CREATE VIEW app.joined AS SELECT id, (SELECT ssn FROM app.customers LIMIT 1) AS x FROM app.customers;
CREATE VIEW app.either AS
    SELECT id::text AS id, name AS x FROM app.customers UNION SELECT ssn, ssn FROM app.customers;
CREATE VIEW app.odd AS SELECT ssn AS " :resno 2 :resname x :ressortgroupref 0 :resorigtbl 1 :resorigcol 1 :resjunk",
    upper(name) FROM app.customers;
CREATE MATERIALIZED VIEW app.counted AS SELECT item, count(*) FROM app.orders GROUP BY item;
CREATE VIEW app.stats AS SELECT most_common_vals::text AS x FROM pg_stats;
CREATE VIEW app.raw_stats AS SELECT stavalues1::text AS x FROM pg_statistic;
CREATE FUNCTION app.ssn_of(int) RETURNS text LANGUAGE sql AS 'SELECT ssn FROM app.customers WHERE id = $1';
CREATE VIEW app.opaque AS SELECT app.ssn_of(1) AS x;
CREATE VIEW app.xml AS SELECT table_to_xml('app.customers', true, false, '') AS x;
CREATE FUNCTION app.noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''%', 'x'; RETURN NEW; END';
CREATE TABLE app.audited (id int);
CREATE TRIGGER t BEFORE INSERT ON app.audited FOR EACH ROW EXECUTE FUNCTION app.noted();
CREATE TABLE app.ruled (id int);
CREATE RULE r AS ON UPDATE TO app.ruled DO INSTEAD SELECT ssn FROM app.customers;
""".replace("''%', 'x'", "''x''")


@pytest.fixture
async def server(postgres: DatabaseServer, database: str) -> AsyncIterator[Server]:
    with postgres.connect(database) as connection:
        connection.execute(SHOP)
    server = await dial_role(postgres, "hoop", database=database, password=None)
    yield server
    await leave(server)


@pytest.fixture
async def catalog(server: Server) -> Catalog:
    return await read_catalog(server)


def find(catalog: Catalog, name: str, schema: str = "app") -> Relation:
    (found,) = [oid for oid in catalog.names[name] if catalog.relations[oid].schema == schema]
    return catalog.relations[found]


def origins(catalog: Catalog, name: str, column: str) -> set[tuple[str, str]]:
    """Of a column of a view, by name; `*` is all columns."""
    view = find(catalog, name)
    (number,) = [each.number for each in view.columns.values() if each.name == column]
    named = set()
    for oid, place in view.origins[number]:
        relation = catalog.relations[oid]
        named.add((relation.name, relation.columns[place].name if place else "*"))
    return named


async def test_columns_by_their_numbers(catalog: Catalog) -> None:
    assert catalog.complete
    customers = find(catalog, "customers")
    assert customers.kind == "r"
    names = {number: column.name for number, column in customers.columns.items()}
    assert names == {1: "id", 3: "name", 4: "ssn", 5: 'Odd "name'}
    domain = catalog.types[customers.columns[4].type]
    assert (domain.name, domain.category, domain.base) == ("secret", "S", 1043)
    assert catalog.types[3802].category == "U"


async def test_families(catalog: Catalog) -> None:
    assert find(catalog, "archive").parents == {find(catalog, "customers").oid}
    assert find(catalog, "people_1").parents == {find(catalog, "people").oid}
    assert find(catalog, "people").kind == "p"


async def test_where_views_take_their_columns_from(catalog: Catalog) -> None:
    used = {("customers", "id"), ("customers", "name"), ("customers", "ssn")}
    assert origins(catalog, "names", "id") == {("customers", "id")}
    assert origins(catalog, "names", "name") == used
    assert origins(catalog, "over", "name") == used | {("names", "name")}
    assert origins(catalog, "over", "my id") == {("names", "id"), ("customers", "id")}
    assert origins(catalog, "counted", "item") == {("orders", "item")}
    assert origins(catalog, "counted", "count") == {("orders", "item")}
    assert origins(catalog, "rows", "c") == {("customers", "*")}
    assert origins(catalog, "over_rows", "c") == {("rows", "c"), ("customers", "*")}
    assert origins(catalog, "whole_rows", "r") == {("rows", "*"), ("customers", "*")}
    assert ("pg_stats", "*") in origins(catalog, "stats", "x")
    assert ("pg_statistic", "*") in origins(catalog, "raw_stats", "x")
    over = find(catalog, "over")
    assert over.depends == {find(catalog, "names").oid, find(catalog, "customers").oid}
    assert set(over.origins) == set(over.columns)
    assert Named("pg_catalog", "upper") in over.calls
    assert find(catalog, "opaque").calls == {Named("app", "ssn_of")}
    assert Named("pg_catalog", "table_to_xml") in find(catalog, "xml").calls


async def test_with_a_second_list_of_columns_a_view_is_taken_as_a_whole(catalog: Catalog) -> None:
    both = {("customers", "id"), ("customers", "ssn")}
    for name in ("nested", "joined", "either"):
        for column in ("id", "x"):
            assert origins(catalog, name, column) >= both, name


async def test_a_name_can_not_pass_for_a_part_of_the_tree(catalog: Catalog) -> None:
    odd = find(catalog, "odd")
    customers = find(catalog, "customers").oid
    assert odd.origins[1] == {(customers, 4)}
    assert odd.origins[2] == {(customers, 3), (customers, 4)}


async def test_what_a_change_sets_off(catalog: Catalog) -> None:
    assert find(catalog, "audited").triggers
    assert not find(catalog, "orders").triggers
    assert find(catalog, "customers").cascades == {find(catalog, "orders").oid}
    assert find(catalog, "ruled").depends == {find(catalog, "customers").oid}


async def test_functions(catalog: Catalog) -> None:
    assert {Named("pg_catalog", name) for name in ("lower", "md5", "count", "max", "substr")} <= catalog.pure
    assert not {Named("pg_catalog", name) for name in ("query_to_xml", "now", "pg_read_file")} & catalog.pure
    assert {"ssn_of", "noted"} <= catalog.own
    assert "lower" not in catalog.own
    assert not catalog.implicit


async def test_an_operator_that_runs_statements(
    postgres: DatabaseServer, database: str, server: Server
) -> None:
    with postgres.connect(database) as connection:
        connection.execute("""
            CREATE FUNCTION app.peek(int, int) RETURNS text LANGUAGE sql AS 'SELECT ssn FROM app.customers LIMIT 1';
            CREATE OPERATOR app.### (LEFTARG = int, RIGHTARG = int, FUNCTION = app.peek)""")
    assert (await read_catalog(server)).implicit


async def test_names_in_any_encoding(postgres: DatabaseServer) -> None:
    with postgres.connect() as connection:
        connection.execute(
            "CREATE DATABASE bytes TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
        )
    try:
        with postgres.connect("bytes") as connection:
            connection.execute("SET client_encoding = 'SQL_ASCII'")
            connection.execute(b'CREATE TABLE "caf\xe9" (a int)')
        server = await dial_role(postgres, "hoop", database="bytes", password=None)
        catalog = await read_catalog(server)
        await leave(server)
        assert catalog.complete
        assert "caf\udce9" in catalog.names
    finally:
        postgres.drop_database("bytes")


async def test_a_role_that_may_see_nothing(postgres: DatabaseServer, database: str) -> None:
    with postgres.connect(database) as connection:
        connection.execute("REVOKE SELECT ON pg_catalog.pg_rewrite, pg_catalog.pg_trigger FROM PUBLIC")
        connection.execute("CREATE TABLE public.t (a int); CREATE VIEW public.v AS SELECT a FROM t")
    server = await dial_role(postgres, "by_trust", database=database)
    catalog = await read_catalog(server)
    await leave(server)
    assert not catalog.complete
    assert "v" not in catalog.names
    with postgres.connect(database) as connection:
        connection.execute("GRANT SELECT ON pg_catalog.pg_trigger TO PUBLIC")
    server = await dial_role(postgres, "by_trust", database=database)
    catalog = await read_catalog(server)
    await leave(server)
    assert not catalog.complete
    assert find(catalog, "v", "public").origins == {}


async def test_an_ordinary_role_sees_all_of_it(
    postgres: DatabaseServer, database: str, catalog: Catalog
) -> None:
    other = await dial_role(postgres, "by_scram", database=database)
    seen = await read_catalog(other)
    await leave(other)
    assert seen.complete
    assert seen.relations == catalog.relations


async def test_a_server_that_goes_away_or_takes_too_long(postgres: DatabaseServer, server: Server) -> None:
    with pytest.raises(Unreachable):
        await read_catalog(server, patience=0.0)
    with postgres.connect() as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", (server.pid,))
    with pytest.raises(Unreachable):
        await read_catalog(server)
