"""What is judged is what runs, also where something that is on its way changes how the server reads."""

import pytest

from gateway.core.operation import Effect, Operation
from gateway.core.people import Session
from gateway.core.verdict import Allow, Deny, Verdict
from gateway.wire.postgres.messages import SYNC, make_query
from tests.postgres.by_hand import bind, by_hand, execute, prepare, rows_of
from tests.postgres.house import House
from tests.postgres.leaks import SCHEMA, SECRET
from tests.postgres.servers import DatabaseServer
from tests.postgres.test_masks import RULES

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres")]


def keep_tables(operation: Operation, session: Session) -> Verdict:
    """Settings may be changed, nothing else."""
    if operation.verb == "drop" or Effect.UNKNOWN in operation.effects:
        return Deny("keep", "not that")
    return Allow("everything")


OFF = "set standard_conforming_strings = off"
TEXT = r"select '\', '; drop table app.orders; --'"
AHEAD = {
    "simple": make_query(OFF) + make_query(TEXT),
    "in one group": prepare("", OFF) + bind("") + execute() + make_query(TEXT),
    "a group each": prepare("", OFF) + bind("") + execute() + SYNC + make_query(TEXT),
    "by a function": make_query("select set_config('standard_conforming_strings', 'off', false)")
    + make_query(TEXT),
    "another encoding": make_query("set client_encoding = sjis")
    + b"Q"
    + (5 + 4 + len(b"select E'\xc4\x83\\', '; drop table app.orders; --'") - 4).to_bytes(4, "big")
    + b"select E'\xc4\x83\\', '; drop table app.orders; --'\0",
}


@pytest.mark.parametrize("what", AHEAD)
async def test_settings_that_change_how_it_reads(
    house: House, postgres: DatabaseServer, database: str, what: str
) -> None:
    with postgres.connect(database) as connection:
        connection.execute(SCHEMA)
    house.decide = keep_tables
    async with by_hand(house.port) as hand:
        try:
            await hand.say(AHEAD[what])
            await hand.say(make_query("select 1"))
        except (AssertionError, OSError):
            pass
    with postgres.connect(database) as connection:
        assert connection.execute("select to_regclass('app.orders')").fetchone() == ("app.orders",)


async def test_a_prepared_statement_that_means_another_table(
    house: House, postgres: DatabaseServer, database: str
) -> None:
    """What was described once is described again where it is masked by what columns are."""
    with postgres.connect(database) as connection:
        connection.execute(SCHEMA)
        connection.execute("create schema b; create table b.customers (ssn text)")
        connection.execute("insert into b.customers values ('nothing')")
    house.rules(RULES.replace('"*.ssn"', '"app.customers.ssn"'))
    async with by_hand(house.port) as hand:
        await hand.say(make_query("set search_path = b"))
        run = bind("s") + execute() + SYNC
        await hand.say(prepare("s", "select ssn from customers"), b"D" + b"\0\0\0\7Ss\0", run)
        await hand.say(run)
        await hand.say(make_query("set search_path = app"))
        assert SECRET.encode() not in rows_of(await hand.say(run))


async def test_what_is_refused_undoes_the_group_it_ends(
    house: House, postgres: DatabaseServer, database: str
) -> None:
    """A Query ends a group that no Sync has ended. Refused, it takes the group with it."""
    with postgres.connect(database) as connection:
        connection.execute(SCHEMA)
    house.decide = keep_tables
    async with by_hand(house.port) as hand:
        hand.writer.write(prepare("", "delete from app.orders") + bind("") + execute() + b"H\0\0\0\4")
        seen: list[int] = []
        while ord("C") not in seen:
            if (item := hand.frames.next()) is not None:
                seen.append(item.tag)
            else:
                hand.frames.receive(await hand.reader.read(1 << 16))
        await hand.say(make_query("drop table app.orders"))
        await hand.say(SYNC)
    with postgres.connect(database) as connection:
        assert connection.execute("select count(*) from app.orders").fetchone() == (1,)
