"""What a superuser's account could be used for beside plain statements: each is blocked by a rule about effects, and
nothing of it reaches the server."""

from pathlib import Path

import pytest

from gateway.core.frame import FrameKind
from gateway.wire.postgres.messages import FunctionCall, make_function_call, make_query
from tests.postgres.by_hand import by_hand, rows_of, told
from tests.postgres.house import House
from tests.postgres.servers import DatabaseServer

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres")]

RULES = """
[[rule]]
id = "everybody"
match = { user = "*" }
do = "allow"

[[rule]]
id = "no-powers"
match = { user = "*", effect = ["define", "control", "run", "transfer"] }
do = "block"
message = "only reading and writing"
"""

ELSEWHERE = {
    "another role": "set role by_trust",
    "another role in a function": "select set_config('role', 'by_trust', false)",
    "another role by a name put together": "select set_config('ro' || 'le', 'by_trust', false)",
    "another person": "set session authorization by_trust",
    "another person by default": "reset session authorization",
    "another path": "set search_path = evil, public",
    "another path for a transaction": "begin; set local search_path = evil; rollback",
    "a temporary table in front": "create temp table t as select 99 as a",
    "a view in front": "create temp view t as select 99 as a",
    "another name": "alter table t rename to u",
    "another schema": "alter table t set schema evil",
    "a table like it": "create table u (like t including all)",
    "a child of it": "create table u () inherits (t)",
    "a foreign table": "create foreign table u (a int) server elsewhere",
    "a function as its owner": "create function f() returns int language sql security definer as 'select 1'",
    "a rule": "create rule r as on insert to t do also delete from t",
    "a trigger": "create trigger g before insert on t execute function suppress_redundant_updates_trigger()",
    "a table out of a query": "select a into u from t",
}

POWERS = {
    "a file": "select pg_read_file('/etc/hostname')",
    "a file by its schema": "select pg_catalog.pg_read_file('PG_VERSION', 0, 3)",
    "a file in quotes": "select \"pg_read_file\"('PG_VERSION')",
    "a file in other letters": "select U&\"pg\\005fread_file\"('PG_VERSION')",
    "a file as bytes": "select pg_read_binary_file('PG_VERSION')",
    "a directory": "select * from pg_ls_dir('.')",
    "what is in it": "select * from pg_stat_file('PG_VERSION')",
    "a large object in": "select lo_import('/etc/hostname')",
    "a large object out": "select lo_export(1, '/tmp/hoop-threat')",
    "another server": "select * from dblink('host=127.0.0.1', 'select 1') as d(a int)",
    "an extension": "create extension dblink",
    "a library": "load 'auto_explain'",
    "the server's settings": "alter system set archive_command = 'true'",
    "its configuration again": "select pg_reload_conf()",
    "somebody else's session": "select pg_terminate_backend(1)",
    "somebody else's statement": "select pg_cancel_backend(1)",
    "a language": "create language plperlu",
    "a function of C": "create function f() returns int language c as 'libc', 'getpid'",
    "code": "do $$begin perform pg_read_file('PG_VERSION'); end$$",
    "a query in a text": "select query_to_xml('select pg_read_file(''PG_VERSION'')', true, true, '')",
    "where nobody looks": "select 1 where pg_read_file('PG_VERSION') is not null",
    "explained": "explain analyze select pg_read_file('PG_VERSION')",
    "prepared": "prepare p as select pg_read_file('PG_VERSION')",
    "in a cursor": "declare c cursor for select pg_read_file('PG_VERSION')",
}

COPIES = {
    "a program in": "copy t from program 'echo 1'",
    "a program out": "copy t to program 'cat > /dev/null'",
    "a program of a query": "copy (select 1) to program 'cat > /dev/null'",
    "a file in": "copy t from '/etc/hostname'",
    "a file out": "copy t to '/tmp/hoop-threat'",
    "in a comment": "copy t /* from stdin */ from program 'echo 1'",
    "behind another": "select 1; copy t from program 'echo 1'",
}


@pytest.fixture
def house(house: House, postgres: DatabaseServer, database: str) -> House:
    with postgres.connect(database) as connection:
        connection.execute("create schema evil")
        connection.execute("create table t as select generate_series(1, 5) as a")
    house.rules(RULES)
    return house


async def is_blocked(house: House, statement: str) -> None:
    """It does not get to the server, and it is written down."""
    async with by_hand(house.port) as hand:
        answer = await hand.say(make_query(statement))
        (error,) = told(answer)
        assert error.startswith("hoop: blocked - "), error
        assert rows_of(answer) == b""
        untouched = rows_of(await hand.say(make_query("select session_user, current_user, count(*) from t")))
        assert b"\x04hoop\0\0\0\x04hoop\0\0\0\x015" in untouched
    (denied,) = await house.entries("operation.denied")
    assert denied.body["rule"] == "no-powers"


@pytest.mark.parametrize("what", ELSEWHERE)
async def test_names_can_not_be_made_to_mean_something_else(house: House, what: str) -> None:
    await is_blocked(house, ELSEWHERE[what])


@pytest.mark.parametrize("what", POWERS)
async def test_powers_of_a_superuser(house: House, what: str) -> None:
    await is_blocked(house, POWERS[what])


@pytest.mark.parametrize("what", COPIES)
async def test_copies_of_files_and_programs(house: House, what: str) -> None:
    await is_blocked(house, COPIES[what])


async def test_a_copy_of_what_a_change_returns_is_a_change(
    house: House, postgres: DatabaseServer, database: str
) -> None:
    house.rules(RULES.replace('"define", "control", "run", "transfer"', '"write"'))
    async with by_hand(house.port) as hand:
        (error,) = told(await hand.say(make_query("copy (delete from t returning a) to stdout")))
    assert error == "hoop: blocked - only reading and writing"
    with postgres.connect(database) as connection:
        assert connection.execute("select count(*) from t").fetchone() == (5,)


async def test_what_is_copied_is_counted(house: House) -> None:
    async with await house.connect() as connection:
        async with connection.cursor().copy("copy t from stdin") as copy:
            await copy.write(b"6\n7\n")
        async with connection.cursor().copy("copy t to stdout") as copy:
            assert b"".join([bytes(part) async for part in copy]).count(b"\n") == 7
    await house.over()
    results = [each for each in house.recording().facts_of(FrameKind.MARK) if each["kind"] == "result"]
    assert [(each["tag"], each["bytes"] > 0) for each in results] == [("COPY 2", True), ("COPY 7", True)]


CALLS = {
    "lo_import": (764, b"/etc/hostname"),
    "lo_export": (765, b"/tmp/hoop-threat"),
    "pg_read_file": (2624, b"PG_VERSION"),
    "version, which is harmless by name": (89, None),
    "a number of nothing": (2_000_000_000, b"x"),
}


@pytest.mark.parametrize("what", CALLS)
async def test_functions_by_number(house: House, what: str) -> None:
    """Whatever restricts matches them, because a number says nothing; and the connection goes on."""
    number, value = CALLS[what]
    async with by_hand(house.port) as hand:
        answer = await hand.say(
            make_function_call(FunctionCall(number, (), () if value is None else (value,), 0))
        )
        (error,) = told(answer)
        assert error.startswith("hoop: blocked - ")
        assert b"\0\0\0\x011" in rows_of(await hand.say(make_query("select 1")))
    (denied,) = await house.entries("operation.denied")
    assert str(denied.body["text"]).startswith("-- function ")
    assert not Path("/tmp/hoop-threat").exists()


async def test_a_call_by_number_is_written_down_where_it_is_allowed(house: House) -> None:
    house.rules(RULES.partition('[[rule]]\nid = "no-powers"')[0])
    async with by_hand(house.port) as hand:
        answer = await hand.say(make_function_call(FunctionCall(89, (), (), 0)))
        assert told(answer) == []
    await house.over()
    (admitted,) = await house.entries("operation.admitted")
    assert admitted.body["text"] == "-- function 89()"
