"""COPY, errors and Sync in unusual places: the line of what is awaited stays in step with the server."""

import asyncio

import pytest

from gateway.wire.postgres.copying import make_copy_data
from gateway.wire.postgres.messages import COPY_DONE, SYNC, Bind, make_bind, make_query
from tests.postgres.by_hand import ByHand, bind, by_hand, execute, prepare, rows_of, told
from tests.postgres.house import BOB, House
from tests.postgres.leaks import SCHEMA, SECRET
from tests.postgres.servers import DatabaseServer
from tests.postgres.test_masks import RULES

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres")]

COPY = "copy app.clean_copy from stdin"
RUN_COPY = prepare("", COPY) + bind("") + execute()
BAD = make_copy_data(b"not a number\tx\ty\n")
GOOD = make_copy_data(b"1\tx\ty\n")
LOOK = make_query("select ssn || '' from app.customers")


@pytest.fixture
def house(house: House, postgres: DatabaseServer, database: str) -> House:
    with postgres.connect(database) as connection:
        connection.execute(SCHEMA)
        connection.execute("create view app.one as select 1 as one")
    house.rules(RULES)
    return house


ATTACKS: dict[str, list[tuple[bytes, int]]] = {
    "Sync within a simple copy": [
        (make_query(COPY) + SYNC + COPY_DONE, 1),
        (make_query("select 1/0"), 1),
        (LOOK, 1),
    ],
    "Sync within the second of two copies": [
        (make_query(f"{COPY}; {COPY}") + COPY_DONE + SYNC + COPY_DONE, 1),
        (make_query("select 1/0"), 1),
        (LOOK, 1),
    ],
    "Sync behind an error within a copy": [
        (RUN_COPY + BAD + SYNC + COPY_DONE + SYNC + LOOK + make_query("select 1"), 4),
    ],
    "Sync before an error that comes at once": [
        (
            prepare("", "copy app.one from stdin")
            + bind("")
            + execute()
            + SYNC
            + COPY_DONE
            + SYNC
            + LOOK
            + LOOK,
            4,
        )
    ],
}


@pytest.mark.parametrize("what", ATTACKS)
async def test_answers_are_not_taken_for_those_of_another(house: House, what: str) -> None:
    async with by_hand(house.port) as hand:
        seen = b""
        try:
            for data, ready in ATTACKS[what]:
                seen += rows_of(await hand.say(data, ready=min(ready, 1)))
            for _ in range(3):
                seen += rows_of(await hand.say(LOOK))
        except (AssertionError, OSError):
            pass  # it may end
        assert SECRET.encode() not in seen


async def test_a_copy_that_fails_before_it_reads_anything(house: House) -> None:
    """As drivers send it: Sync is behind Execute already."""
    async with by_hand(house.port) as hand:
        hand.writer.write(prepare("", "copy app.one from stdin") + bind("") + execute() + SYNC)
        answer = await hand.say(make_copy_data(b"1\n"), COPY_DONE, SYNC)
        assert any("view" in each for each in told(answer))
        answer = await hand.say(make_query("select 42"))
        assert b"42" in rows_of(answer) or b"42" in rows_of(await hand.until_ready())


async def test_a_copy_that_is_sent_ahead(house: House) -> None:
    async with by_hand(house.port) as hand:
        answer = await hand.say(RUN_COPY, SYNC, GOOD, SYNC, COPY_DONE, SYNC)
        assert told(answer) == []
        answer = await hand.say(make_query(f"{COPY}; {COPY}"), GOOD, COPY_DONE, GOOD, COPY_DONE)
        assert told(answer) == []
        assert b"3" in rows_of(await hand.say(make_query("select count(*) from app.clean_copy")))


async def test_it_goes_on_behind_an_error_before_its_sync(house: House) -> None:
    """What comes between an error and Sync is skipped by the server, also where the error was heard of before."""
    async with by_hand(house.port) as hand:
        hand.writer.write(prepare("", "select 1/0") + bind("") + execute() + b"H\0\0\0\4")
        await _until(hand, "E")
        answer = await hand.say(prepare("s", "select 2"), bind("s"), execute(), make_query("select 3"), SYNC)
        assert [item.tag for item in answer] == [ord("Z")]
        assert b"4" in rows_of(await hand.say(prepare("s", "select 4"), bind("s"), execute(), SYNC))


async def _until(hand: ByHand, tag: str) -> None:
    seen: list[int] = []
    while ord(tag) not in seen:
        if (item := hand.frames.next()) is not None:
            seen.append(item.tag)
        else:
            hand.frames.receive(await hand.reader.read(1 << 16))


@pytest.mark.parametrize("copies", [True, False])
async def test_an_error_within_a_message_that_is_under_way(
    house: House, postgres: DatabaseServer, database: str, copies: bool
) -> None:
    """Its rest goes on to the server, which would else take for it what comes behind."""
    smuggled = make_query("delete from app.orders")
    sent = 100 if copies else 2 << 20
    inside = (b"x" * 1000 + smuggled).ljust(2000, b"x")
    async with by_hand(house.port) as hand:
        if copies:
            hand.writer.write(RUN_COPY + b"H\0\0\0\4")
            await _until(hand, "G")
            whole = make_copy_data(inside)
            hand.writer.write(BAD + whole[:sent])
        else:
            whole = make_bind(Bind("", "", (), (b"y" * (32 << 20) + inside,), ()))
            hand.writer.write(prepare("", "select pg_sleep(0.5), 1/(random()*0)::int"))
            hand.writer.write(bind("") + execute() + b"H\0\0\0\4" + whole[:sent])
        await _until(hand, "E")
        behind = make_query("select 'behind" + "x" * 900 + "'") * 3
        answer = await hand.say(whole[sent:], SYNC, behind, ready=4)
        assert b"behind" in rows_of(answer)
    with postgres.connect(database) as connection:
        assert connection.execute("select count(*) from app.orders").fetchone() == (1,)


async def test_staff_say_something_within_a_message(
    house: House, postgres: DatabaseServer, database: str
) -> None:
    """Nothing of the gateway's own comes between the pieces of what is copied."""
    row = b"7\t" + b"z" * 5000 + b"\ty\n"
    async with by_hand(house.port) as hand:
        (gate,) = house.live
        hand.writer.write(RUN_COPY + b"H\0\0\0\4")
        await _until(hand, "G")
        whole = make_copy_data(row)
        hand.writer.write(whole[:1000])
        async with asyncio.timeout(10):
            while not gate._sent:  # it has gone on to the server
                await asyncio.sleep(0.02)
        await gate.steering.message(BOB, "lunch")
        await _until(hand, "N")
        assert told(await hand.say(whole[1000:], COPY_DONE, SYNC)) == []
    with postgres.connect(database) as connection:
        found = connection.execute("select name from app.clean_copy").fetchall()
    assert found == [("z" * 5000,)]
