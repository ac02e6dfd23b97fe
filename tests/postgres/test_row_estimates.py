"""Rules about how many rows a statement is, on a live server: who asks for much is held, who asks for little is not,
and where nobody knows it is taken for much."""

import asyncio
import time
from typing import Any

import psycopg
import pytest

from gateway.adapters.postgres import session as postgres_session
from gateway.adapters.postgres.estimate.guard import may_be_planned
from gateway.core.errors import Unreachable
from tests.policy.sql_text import facts
from tests.postgres.house import House
from tests.postgres.servers import DatabaseServer
from tests.postgres.test_holds import decide, the_held

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres", "psql")]

RULES = """
[[rule]]
id = "everybody"
match = { target = "appdb" }
do = "allow"

[[rule]]
id = "bulk"
match = { table = ["cards", "recent"], rows = ">1000", label = { env = "prod" } }
do = "hold"
mode = "fail"
ask = { group = "sre" }
"""
SCHEMA = """
CREATE TABLE cards (id int PRIMARY KEY, card text, kind int);
INSERT INTO cards SELECT i, 'card ' || i, i % 5 FROM generate_series(1, 20000) i;
CREATE TABLE other (id int);
CREATE VIEW recent AS SELECT * FROM cards WHERE id > 19990;
CREATE SCHEMA app; CREATE TABLE app.cards (id int);
CREATE FUNCTION marked(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION leaves_a_lock(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
    'BEGIN PERFORM pg_try_advisory_lock(4411); RETURN $1; END';
CREATE VIEW trap AS SELECT c.* FROM cards c WHERE id = leaves_a_lock(3);
ANALYZE;
"""
FEW = [
    "select * from cards where id = 7",
    "select * from cards where id between 7 and 90",
    "select count(*) from cards",
    "select kind, count(*), max(card) from cards group by kind",
    "select * from cards order by id limit 10",
    "table recent",
    "delete from cards where id = 3",
    "update cards set card = '' where id < 20",
    "insert into cards values (0, '', 0)",
    "with few as (select * from cards where id < 9) select * from few",
    "-- a comment\nselect * from cards where id = 7 -- behind;",
    "select * from other",
]
MANY = [
    "select * from cards",
    "select * from cards where id > 10 limit 5000",
    "copy cards to stdout",
    "select array_agg(card) from cards",
    "select string_agg(card, ',') from cards limit 1",
    "select json_agg(c) from (select * from cards) c",
    "select array(select card from cards)",
    "select array_agg(card) over () from cards limit 1",
    "delete from cards",
    "update cards set card = '' where id > 7",
    "insert into other select id from cards",
    "with gone as (delete from cards returning 1) select count(*) from gone",
    "declare c cursor with hold for select * from cards",
]


@pytest.fixture
def cards(house: House, postgres: DatabaseServer, database: str) -> House:
    with postgres.connect(database) as connection:
        connection.execute(SCHEMA)
    house.rules(RULES)
    return house


def on_the_side(server: DatabaseServer, database: str) -> int:
    """How many connections there are that only plan."""
    with server.connect("postgres") as connection:
        row = connection.execute(
            "select count(*) from pg_stat_activity where datname = %s and application_name like 'hoop: rows%%'",
            [database],
        ).fetchone()
    assert row is not None
    return int(row[0])


async def is_held(connection: psycopg.AsyncConnection[Any], statement: str, *values: Any) -> bool:
    try:
        async with connection.transaction(force_rollback=True):
            await connection.execute(statement, values or None)
    except psycopg.errors.InsufficientPrivilege as problem:
        return "hoop: held" in str(problem)
    return False


async def test_who_asks_for_much_is_held_and_who_asks_for_little_is_not(
    cards: House, postgres: DatabaseServer, database: str
) -> None:
    async with await cards.connect() as connection:
        held = [each for each in FEW + MANY if await is_held(connection, each)]
        assert held == MANY
        assert on_the_side(postgres, database) == 1
    await cards.over()
    async with asyncio.timeout(5):
        while on_the_side(postgres, database):
            await asyncio.sleep(0.05)
    known = {each.text: each.facts.get("rows") for each in await cards.ledger.approvals()}
    assert known["select * from cards"] == 20_000
    assert known["delete from cards"] == 20_000
    assert known["copy cards to stdout"] is None


async def test_a_held_one_runs_once_granted_and_its_card_says_how_many(cards: House) -> None:
    cards.rules(RULES.replace('mode = "fail"\n', ""))
    running = asyncio.create_task(
        cards.psql("-At", "-c", "select count(*) from (select distinct id from cards) c")
    )
    code, out, _ = await running
    assert (code, out) == (0, "20000\n")
    running = asyncio.create_task(cards.psql("-At", "-c", "select * from cards where id > 17000"))
    request = await the_held(cards)
    assert 2500 < request.facts["rows"] < 3500
    await decide(cards, granted=True)
    code, out, _ = await running
    assert (code, out.count("\n")) == (0, 3000)


async def test_the_same_with_other_values_is_estimated_anew(cards: House) -> None:
    async with await cards.connect() as connection:
        for most, held in ((10, False), (15000, True), (20, False), (19000, True)):
            assert await is_held(connection, f"select * from cards where id < {most}") is held


async def test_what_has_parameters_is_not_known_to_servers_before_16(
    cards: House, postgres: DatabaseServer
) -> None:
    async with await cards.connect() as connection:
        is_new = connection.info.server_version >= 160000
        assert await is_held(connection, "select * from cards where id = %s", 7) is not is_new
        assert await is_held(connection, "select * from cards where id <> %s", 7)


async def test_what_is_blocked_by_rows_is_only_blocked_where_it_is_many(cards: House) -> None:
    cards.rules(RULES.replace('do = "hold"\nmode = "fail"\nask = { group = "sre" }', 'do = "block"'))
    async with await cards.connect() as connection:
        for prepare in (False, True):
            found = await connection.execute("select id from cards where id = 7", prepare=prepare)
            assert await found.fetchall() == [(7,)]
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="hoop: blocked"):
                await connection.execute("select id from cards where id <> 7", prepare=prepare)


async def test_a_cursor_that_was_let_through_can_be_read(cards: House) -> None:
    async with await cards.connect() as connection, connection.transaction():
        await connection.execute("declare c cursor for select id from cards where id < 4")
        assert await (await connection.execute("fetch all from c")).fetchall() == [(1,), (2,), (3,)]


async def test_nothing_that_somebody_wrote_runs_while_it_is_planned(
    cards: House, postgres: DatabaseServer, database: str
) -> None:
    async with await cards.connect() as connection:
        for statement in (
            "select * from cards where id = leaves_a_lock(3)",
            "select * from cards join trap using (id) where id = 3",
        ):
            assert await is_held(connection, statement)
        with postgres.connect(database) as other:
            locks = other.execute("select count(*) from pg_locks where locktype = 'advisory'").fetchone()
        assert locks == (0,)


TRAPS = {
    "an operator of the statement": (
        "CREATE FUNCTION evil.same(int, int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS {body};"
        "CREATE OPERATOR evil.= (FUNCTION = evil.same, LEFTARG = int, RIGHTARG = int)",
        "select * from cards where 1 = 1 and id < 3",
    ),
    "a function that looks like a column": (
        "CREATE FUNCTION evil.trick(public.cards) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS {body}",
        "select * from cards where ('(3,x,0)'::public.cards).trick and id < 3",
    ),
    "a function that looks like an odd column": (
        'CREATE FUNCTION evil."\xfc\\" (public.cards) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS {body}',
        "select * from cards where ('(3,x,0)'::public.cards).\"\xfc\\\" and id < 3",
    ),
    "a cast": (
        "CREATE TYPE evil.pair AS (x int);"
        "CREATE FUNCTION evil.one(evil.pair) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS {body};"
        "CREATE CAST (evil.pair AS bool) WITH FUNCTION evil.one(evil.pair) AS IMPLICIT",
        "select * from cards where ('(3)'::evil.pair) and id < 3",
    ),
}
BODY = "'BEGIN PERFORM pg_try_advisory_lock(4412), pg_sleep(0.1); RETURN true; END'"


@pytest.mark.parametrize("trap", TRAPS)
async def test_what_somebody_put_in_front_does_not_run_on_the_side(
    cards: House, postgres: DatabaseServer, database: str, trap: str
) -> None:
    """By a session that begins with a path of its own: names are looked up in it on the side as well."""
    wrote, statement = TRAPS[trap]
    with postgres.connect(database) as other:
        other.execute("DROP VIEW trap; CREATE SCHEMA evil; GRANT USAGE ON SCHEMA evil TO PUBLIC")
        async with await cards.connect(options="-c search_path=evil,pg_catalog,public") as connection:
            assert not await is_held(connection, "select * from cards where id < 3")
            other.execute(wrote.replace("{body}", BODY))
            held = asyncio.create_task(is_held(connection, statement))
            while not held.done():
                locks = other.execute("select count(*) from pg_locks where objid = 4412").fetchone()
                assert locks == (0,)
                await asyncio.sleep(0.01)
            assert await held, "nobody knows about how many it is"


async def test_what_is_asked_first_runs_none_of_it_either(postgres: DatabaseServer, database: str) -> None:
    """Operators that the path has in front of the server's own."""
    with postgres.connect(database) as connection:
        connection.execute("CREATE TABLE cards (id int); CREATE SCHEMA evil")
        wrote = "CREATE FUNCTION evil.same(oid, oid) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS {body};"
        connection.execute(wrote.replace("{body}", BODY))
        connection.execute("CREATE OPERATOR evil.= (FUNCTION = evil.same, LEFTARG = oid, RIGHTARG = oid)")
        connection.execute("SET search_path = evil, pg_catalog, public; SET statement_timeout = '5s'; BEGIN")
        asked: list[str] = []

        async def ask(question: str) -> list[str]:
            asked.append(question)
            cursor = connection.execute(question)
            while cursor.description is None and cursor.nextset():
                pass
            row = cursor.fetchone() if cursor.description else None
            return ["" if cell is None else str(cell)[:5].replace("False", "f") for cell in row or ()]

        read = facts("select * from cards where id < 3")
        assert not await may_be_planned(read, ask), "an operator that somebody wrote is there"
        assert len(asked) == 2
        locks = connection.execute("SELECT 1 FROM pg_locks WHERE locktype LIKE 'advisory'").fetchall()
        assert locks == []


async def test_names_in_other_letters_are_known(
    cards: House, postgres: DatabaseServer, database: str
) -> None:
    with postgres.connect(database) as other:
        other.execute('ALTER TABLE cards RENAME COLUMN kind TO "gr\xf6\xdfe"')
    async with await cards.connect() as connection:
        assert not await is_held(connection, 'select "gr\xf6\xdfe" from cards where id = 7')
        assert await is_held(connection, 'select "gr\xf6\xdfe" from cards where id <> 7')


@pytest.mark.parametrize(
    "before",
    [
        "set search_path = app",
        "create temp table cards (id int)",
        "select marked(3)",
        "set role hoop",
    ],
)
async def test_where_names_may_mean_something_else_nobody_knows(cards: House, before: str) -> None:
    async with await cards.connect() as connection:
        assert not await is_held(connection, "select * from cards where id = 7")
        await connection.execute(before)
        assert await is_held(connection, "select * from cards where id = 7")


@pytest.mark.parametrize(
    "before",
    [
        "set search_path = app, public",
        "create view app.v as select 1",
        "select set_config('search_path', 'app', false)",
    ],
)
async def test_what_stands_before_it_in_one_query_may_change_what_it_means(cards: House, before: str) -> None:
    code, _, err = await cards.psql("-c", f"{before}; select * from cards where id = 7")
    assert code == 1
    assert "hoop: held" in err


async def test_what_a_transaction_has_defined_is_not_seen_on_the_side(cards: House) -> None:
    async with await cards.connect(options="-c search_path=app,public") as connection:
        await connection.execute("create view app.fresh as select 1")
        assert not await is_held(connection, "select * from public.cards where id = 7")
        async with connection.transaction(force_rollback=True):
            await connection.execute("drop table app.cards")
            await connection.execute("create view app.cards as select 7 as id, card from public.cards")
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="hoop: held"):
                await connection.execute("select * from cards where id = 7")
        assert not await is_held(connection, "select * from public.cards where id = 7")


async def test_the_settings_of_the_beginning_are_those_on_the_side(cards: House) -> None:
    async with await cards.connect(options="-c search_path=app") as connection:
        await connection.execute("set statement_timeout = '1min'")
        await connection.execute("begin")
        assert await (await connection.execute("select * from cards where id <> 7")).fetchall() == []


async def test_what_the_session_has_locked_itself_is_not_waited_for(cards: House) -> None:
    async with await cards.connect() as connection:
        assert not await is_held(connection, "select * from cards where id = 7")
        await connection.execute("begin")
        await connection.execute("lock table cards in access exclusive mode")
        before = time.monotonic()
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="hoop: held"):
            await connection.execute("select * from cards where id = 7")
        assert time.monotonic() - before < 2
        await connection.execute("rollback")
        assert not await is_held(connection, "select * from cards where id = 7")


@pytest.mark.parametrize("way", ["slow", "refused"])
async def test_where_the_server_does_not_answer_nobody_knows(
    cards: House, monkeypatch: Any, way: str
) -> None:
    async def dial(*given: Any) -> Any:
        if way == "refused":
            raise Unreachable("no more connections")
        await asyncio.Event().wait()

    monkeypatch.setattr(postgres_session.PostgresSession, "_dial_aside", dial)
    async with await cards.connect() as connection:
        before = time.monotonic()
        assert await is_held(connection, "select * from cards where id = 7")
        assert time.monotonic() - before < 5
        assert not await is_held(connection, "select * from other")
    await cards.over()


async def test_nobody_is_asked_where_no_rule_asks(cards: House, monkeypatch: Any) -> None:
    async def dial(*given: Any) -> Any:
        pytest.fail("the server was asked on the side")

    monkeypatch.setattr(postgres_session.PostgresSession, "_dial_aside", dial)
    async with await cards.connect() as connection:
        await connection.execute("select * from other")
        cards.rules(RULES.replace(', rows = ">1000"', ""))
        assert await is_held(connection, "select * from cards where id = 7")
