"""What a server says unasked, and a server that is killed at any moment."""

import asyncio
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.core.frame import FrameKind
from gateway.session.database.parser import Parsers
from gateway.wire.postgres.frames import Message
from gateway.wire.postgres.messages import SYNC, make_query
from gateway.wire.postgres.tables import ByServer
from tests.postgres.by_hand import ByHand, bind, by_hand, execute, prepare
from tests.postgres.house import BOB, House, a_house
from tests.postgres.servers import DatabaseServer

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres")]

ASIDES = (ByServer.NOTICE, ByServer.NOTIFICATION, ByServer.PARAMETER_STATUS)
TALKATIVE = (
    make_query("listen news"),
    make_query("select pg_notify('news', 'one'); do $$begin raise notice 'two'; end$$; select 3"),
    make_query("set application_name = 'four'; notify news, 'five'; select 6"),
    prepare("", "select pg_notify('news', 'seven')") + bind("") + execute() + SYNC,
    make_query("do $$begin raise warning 'eight'; raise notice 'nine'; end$$"),
)


async def tags(hand: ByHand) -> list[tuple[int, bytes]]:
    """Of all answers; with the words of what the server says by itself."""
    came = []
    for data in TALKATIVE:
        for item in await hand.say(data):
            if isinstance(item, Message) and item.tag in ASIDES:
                body = item.body[4:] if item.tag == ByServer.NOTIFICATION else item.body
                came.append((int(item.tag), bytes(body)))
            else:
                came.append((int(item.tag), b""))
    return came


async def test_what_is_said_unasked_comes_in_its_place(house: House, postgres: DatabaseServer) -> None:
    async with by_hand(postgres.port, user="hoop", database="postgres") as direct:
        expected = await tags(direct)
    async with by_hand(house.port) as hand:
        assert await tags(hand) == expected
    said_by_itself = [tag for tag, _ in expected if tag in ASIDES]
    assert [said_by_itself.count(tag) for tag in ASIDES] == [3, 3, 1]
    await house.over()
    marks = house.recording().facts_of(FrameKind.MARK)
    said = [str(each) for each in marks if each["kind"] in ("notice", "notification")]
    words = ("one", "two", "five", "seven", "eight", "nine")
    assert sorted(word for each in said for word in words if word in each) == sorted(words)


@pytest.fixture
def fragile() -> Iterator[DatabaseServer]:
    """A server of its own, which may be killed."""
    with DatabaseServer.running() as server:
        yield server


async def get_in(house: House) -> psycopg.AsyncConnection[Any]:
    """Once the server is there again."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await house.connect()
            except psycopg.OperationalError:
                await asyncio.sleep(0.05)


async def read_until_killed(connection: psycopg.AsyncConnection[Any], kill_at: int, seen: list[int]) -> None:
    """Ten million rows are asked for. After so many, what sends them is killed."""
    async with asyncio.timeout(60):
        query = "select n, repeat('x', 50) from generate_series(1, 10000000) n"
        async for row in connection.cursor().stream(query):
            seen.append(int(row[0]))
            if len(seen) == kill_at:
                os.kill(connection.info.backend_pid, signal.SIGKILL)


@pytest.mark.slow
async def test_killed_at_any_moment(tmp_path: Path, parsers: Parsers, fragile: DatabaseServer) -> None:
    """Rows come in order and whole until there are no more; then an error, and a recording that says how it ended."""
    dice = random.Random(3)
    async with a_house(tmp_path, parsers) as house:
        house.offer(fragile, "postgres")
        for _ in range(30):
            connection = await get_in(house)
            seen: list[int] = []
            with pytest.raises(psycopg.OperationalError):
                await read_until_killed(connection, dice.randrange(1, 60_000), seen)
            assert seen == list(range(1, len(seen) + 1))
            await connection.close()
        await house.over()
        outcomes = [entry.body["outcome"] for entry in await house.entries("session.ended")]
        assert outcomes.count("disconnected") == 30
        for recording in house.recordings():
            (end,) = recording.facts_of(FrameKind.EXIT)
            assert end["reason"] in ("the server has hung up", "unreachable")


async def blocked(postgres: DatabaseServer, database: str) -> int:
    """So many wait for a lock."""

    def look() -> int:
        with postgres.connect(database) as connection:
            query = "select count(*) from pg_locks where not granted"
            row = connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])

    return await asyncio.to_thread(look)


async def test_locks_of_a_session_that_is_ended_are_free_soon(
    house: House, postgres: DatabaseServer, database: str
) -> None:
    with postgres.connect(database) as owner:
        owner.execute("create table t as select 1 as a")
    connection = await house.connect()
    await connection.execute("begin")
    await connection.execute("update t set a = 2")
    (gate,) = house.live
    with postgres.connect(database) as waiting:
        waiting.execute("set lock_timeout = '5s'")
        taken = asyncio.create_task(asyncio.to_thread(waiting.execute, "update t set a = a + 10 returning a"))
        async with asyncio.timeout(10):
            while await blocked(postgres, database) == 0:
                await asyncio.sleep(0.02)
        await gate.steering.end(BOB, "incident 4411")
        assert (await taken).fetchone() == (11,)
    await connection.close()
