"""Masks through a whole gateway: with stock clients, in transactions that change the database, and recorded."""

import pytest

from gateway.adapters.postgres.catalog import read_catalog
from gateway.adapters.postgres.upstream.server import Server
from gateway.core.catalog import Catalog
from gateway.core.frame import FrameKind
from gateway.core.verdict import Allow
from tests.postgres.house import House
from tests.postgres.servers import DatabaseServer

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres", "psql")]

SSN = "078-05-1120"


@pytest.fixture
def masked(house: House, postgres: DatabaseServer, database: str) -> House:
    with postgres.connect(database) as connection:
        connection.execute(f"""
            CREATE TABLE customers (id int PRIMARY KEY, name text, ssn text);
            INSERT INTO customers SELECT i, 'n' || i, '{SSN}' FROM generate_series(1, 3) i;
            CREATE TABLE orders (id int, item text);
            INSERT INTO orders VALUES (1, 'lamp');
            CREATE VIEW plain AS SELECT id, item FROM orders""")
    house.decide = lambda operation, session: Allow("pii", frozenset({"public.customers.ssn"}))
    return house


async def test_psql_sees_masks_and_is_told(masked: House) -> None:
    code, out, err = await masked.psql(
        *("-At", "-c", "SELECT * FROM customers", "-c", "SELECT max(ssn), count(*) FROM customers"),
        *("-c", "SELECT item || '!' FROM orders", "-c", "COPY customers TO STDOUT (FORMAT csv)"),
    )
    assert code == 0, err
    assert out.splitlines() == [
        *(f"{n}|n{n}|[masked:ssn]" for n in (1, 2, 3)),
        "[masked]|",
        "lamp!",
        *(f"{n},n{n},[masked:ssn]" for n in (1, 2, 3)),
    ]
    assert "masked 3 values in 3 rows (ssn)" in err
    await masked.over()
    recorded = masked.recording()
    assert SSN.encode() not in recorded.bytes_of(FrameKind.ROWS)
    assert b"[masked:ssn]" in recorded.bytes_of(FrameKind.ROWS)


async def test_binary_results_and_cursors(masked: House) -> None:
    async with await masked.connect() as connection:
        rows = await connection.execute("SELECT id, ssn FROM customers ORDER BY id", binary=True)
        assert await rows.fetchall() == [(n, "[masked:ssn]") for n in (1, 2, 3)]
        async with connection.transaction(), connection.cursor("c") as cursor:
            await cursor.execute("SELECT ssn, ssn || '' FROM customers")
            assert await cursor.fetchall() == [("[masked:ssn]", "[masked]")] * 3


@pytest.mark.parametrize(("masks", "times"), [("email", 1), ("public.customers.ssn", 6)])
async def test_who_only_looks_into_values_does_not_read_everything_after_each_change(
    masked: House, masks: str, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Server] = []

    async def counted(server: Server) -> Catalog:
        read.append(server)
        return await read_catalog(server)

    monkeypatch.setattr("gateway.adapters.postgres.session.read_catalog", counted)
    masked.decide = lambda operation, session: Allow("pii", frozenset({masks}))
    async with await masked.connect() as connection:
        for number in range(5):
            await connection.execute(f"CREATE TABLE made_{number} (address text, ssn text)")
        await connection.execute("INSERT INTO made_4 VALUES ('mail bob@example.com', '1')")
        rows = await (await connection.execute("SELECT * FROM made_4")).fetchall()
    assert len(read) == times
    assert rows == [("mail [email********]" if masks == "email" else "mail bob@example.com", "1")]


async def test_errors_of_ruled_tables_are_hidden_and_others_are_not(masked: House) -> None:
    code, _, err = await masked.psql(
        *("-At", "-c", "SELECT ssn::int FROM customers", "-c", "SELECT item::int FROM orders"),
    )
    assert code == 1
    assert SSN not in err
    assert "ERROR:  hoop: invalid text representation - the server's words are hidden" in err
    assert 'invalid input syntax for type integer: "lamp"' in err


WAYS = [
    "CREATE TABLE mine AS SELECT ssn FROM customers; SELECT ssn FROM mine",
    "CREATE OR REPLACE VIEW plain AS SELECT id, ssn AS item FROM customers; SELECT item FROM plain",
    "ALTER TABLE orders RENAME TO x; ALTER TABLE customers RENAME TO orders; SELECT ssn || '' FROM orders",
    "ALTER TABLE customers RENAME ssn TO item; SELECT item FROM customers",
]


@pytest.mark.parametrize("way", WAYS)
async def test_a_transaction_does_not_make_a_masked_column_something_else(masked: House, way: str) -> None:
    """In one text, and statement by statement, before anybody else can see it."""
    *changes, last = way.split("; ")
    warm = ["-c", "SELECT item FROM plain"]  # the catalog is known before
    each = [word for statement in ("BEGIN", *changes, last, "ROLLBACK") for word in ("-c", statement)]
    for arguments in ([*warm, "-c", f"BEGIN; {way}; ROLLBACK"], [*warm, *each]):
        _, out, err = await masked.psql("-At", *arguments)
        assert SSN not in out + err
        assert "hoop: blocked - " in err


async def test_what_is_committed_is_known_at_the_next_statement(
    masked: House, postgres: DatabaseServer, database: str
) -> None:
    async with await masked.connect() as connection:
        assert (await (await connection.execute("SELECT item FROM plain")).fetchall()) == [("lamp",)]
        with postgres.connect(database) as owner:
            owner.execute("CREATE OR REPLACE VIEW plain AS SELECT id, ssn AS item FROM customers")
        await connection.execute("CREATE TABLE early AS SELECT 'x'::text AS a")
        assert (await (await connection.execute("SELECT item FROM plain")).fetchall()) == [
            ("[masked:ssn]",)
        ] * 3
        await connection.execute("CREATE TABLE late AS SELECT 'x'::text AS a")
        assert (await (await connection.execute("SELECT a, a || '' FROM late")).fetchall()) == [("x", "x")]
