"""Column rules on a live connection: nothing of a masked value gets through, and everything else does."""

import pytest

from gateway.core.frame import FrameKind
from tests.postgres.house import House
from tests.postgres.leaks import FORBIDDEN, SCHEMA, SECRET, STATEMENTS
from tests.postgres.servers import DatabaseServer

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres", "psql")]

RULES = """
[[rule]]
id = "everybody"
match = { user = "*" }
do = "allow"

[[rule]]
id = "no-ssn"
match = { user = "*" }
do = "mask"
mask = { "*.ssn" = "redact", email = "redact" }
"""


@pytest.fixture
def house(house: House, postgres: DatabaseServer, database: str) -> House:
    with postgres.connect(database) as connection:
        connection.execute(SCHEMA)
    house.rules(RULES)
    return house


async def test_nothing_of_a_masked_column_gets_through(house: House) -> None:
    leaked = []
    for statement in STATEMENTS:
        _, out, err = await house.psql("-At", stdin=statement + "\n")
        seen = out + err
        if any(each in seen for each in FORBIDDEN):
            leaked.append((statement, seen[:200]))
        if "hoop: ended" in err or "terminated" in err:
            leaked.append((statement, err[:200]))
    assert leaked == []
    await house.over()
    for recording in house.recordings():
        kept = recording.bytes_of(FrameKind.ROWS) + recording.bytes_of(FrameKind.ERROR)
        results = [each for each in recording.facts_of(FrameKind.MARK) if each["kind"] != "command"]
        assert SECRET.encode() not in kept
        assert not any(each["sha256"] for each in results if each["kind"] == "result" and each.get("masked"))
        assert SECRET not in str(results)


async def test_what_is_not_ruled_is_shown(house: House) -> None:
    benign = {
        "select id, name, born from app.customers where id = 1": "1|Ada|1815-12-10\n",
        "select count(*) from app.orders": "1\n",
        "select total * 2 from app.orders": "20\n",
        "select upper('abc'), now() is null": "ABC|f\n",
        "select id, name from app.clean where id = 1": "1|Ada\n",
        "insert into app.orders values (2, 1, 5) returning total": "5\nINSERT 0 1\n",
        "show server_version_num": None,
        "select relname from pg_class where relname = 'orders'": "orders\n",
    }
    for statement, expected in benign.items():
        code, out, err = await house.psql("-At", "-c", statement)
        assert code == 0, err
        if expected is not None:
            assert out == expected
        assert "masked" not in out


async def test_types_survive_in_text_and_in_binary(house: House) -> None:
    async with await house.connect() as connection:
        for binary in (False, True):
            cursor = await connection.execute("select * from app.customers where id = 1", binary=binary)
            row = await cursor.fetchone()
            assert row is not None
            assert (row[0], row[1], row[2], str(row[3])) == (1, "Ada", "[masked:ssn]", "1815-12-10")
    await house.over()
    (ended,) = await house.entries("session.ended")
    assert ended.body["masked"] == {"ssn": 2}


async def test_prepared_once_it_is_masked_each_time(house: House) -> None:
    async with await house.connect() as connection:
        for _ in range(4):
            cursor = await connection.execute(
                "select ssn from app.customers where id = %s", [1], prepare=True
            )
            assert await cursor.fetchone() == ("[masked:ssn]",)


async def test_detectors_look_into_values(house: House) -> None:
    async with await house.connect() as connection:
        cursor = await connection.execute("select 'write to ada@example.com, please'")
        assert await cursor.fetchone() == ("write to [email********], please",)


async def test_a_column_that_is_new_is_masked_once_it_is_there(house: House) -> None:
    async with await house.connect() as connection:
        await connection.execute("select 1 from app.orders")
        await connection.execute("create table app.later (ssn text)")
        await connection.execute("insert into app.later values (%s)", [SECRET])
        cursor = await connection.execute("select ssn from app.later")
        assert await cursor.fetchone() == ("[masked:ssn]",)


async def test_new_rules_hold_for_what_was_prepared_before(house: House) -> None:
    house.rules(RULES.partition('[[rule]]\nid = "no-ssn"')[0])
    async with await house.connect() as connection:
        query = "select ssn from app.customers where id = %s"
        for _ in range(2):
            cursor = await connection.execute(query, [1], prepare=True)
            assert await cursor.fetchone() == (SECRET,)
        house.rules(RULES)
        cursor = await connection.execute(query, [1], prepare=True)
        assert await cursor.fetchone() == ("[masked:ssn]",)
