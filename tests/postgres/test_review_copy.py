"""COPY, errors and Sync in unusual places: the line of what is awaited stays in step with the server."""

import pytest

from gateway.wire.postgres.copying import make_copy_data
from gateway.wire.postgres.messages import COPY_DONE, SYNC, make_query
from tests.postgres.by_hand import bind, by_hand, execute, prepare, rows_of, told
from tests.postgres.house import House
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
        seen: list[int] = []
        while ord("E") not in seen:
            if (item := hand.frames.next()) is not None:
                seen.append(item.tag)
            else:
                hand.frames.receive(await hand.reader.read(1 << 16))
        answer = await hand.say(prepare("s", "select 2"), bind("s"), execute(), make_query("select 3"), SYNC)
        assert [item.tag for item in answer] == [ord("Z")]
        assert b"4" in rows_of(await hand.say(prepare("s", "select 4"), bind("s"), execute(), SYNC))
