"""Cancel requests: guessed keys, keys of others, and requests that come too late for what they were meant for."""

import asyncio
import random
import secrets
from functools import partial
from typing import Any

import psycopg
import pytest

from gateway.adapters.postgres.cancel import CancelKeys
from gateway.adapters.postgres.upstream.server import Server
from gateway.core.events import OperationAdmitted
from gateway.wire.postgres.messages import make_query
from gateway.wire.postgres.startup import make_cancel_request
from tests.postgres.by_hand import by_hand, rows_of, told
from tests.postgres.house import House

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres")]

GUESSES = 10_000


async def show(port: int, pid: int, secret: bytes) -> bytes:
    """What is answered to whoever shows this key."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(make_cancel_request(pid, secret))
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_keys_can_not_be_guessed(house: House) -> None:
    """Each guess is answered by silence, and what runs goes on to its end."""
    dice = random.Random(7)
    async with by_hand(house.port) as hand:
        assert len(hand.secret) == 4
        hand.writer.write(make_query("select pg_sleep(1.5), 'to its end'"))
        for _ in range(300):
            guess = dice.randbytes(dice.choice((4, 4, 4, 5, 32, 256)))
            assert guess == hand.secret or await show(house.port, hand.pid, guess) == b""
        assert await show(house.port, hand.pid + 1, hand.secret) == b""
        answer = await hand.until_ready()
        assert told(answer) == []
        assert b"to its end" in rows_of(answer)
        hand.writer.write(make_query("select pg_sleep(60)"))
        answering = asyncio.create_task(hand.until_ready())
        while not answering.done():  # one that comes before the statement has begun cancels nothing
            assert await show(house.port, hand.pid, hand.secret) == b""
        assert told(await answering) == ["canceling statement due to user request"]


async def test_what_is_still_being_judged_is_cancelled_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it runs: the server forgets what comes before that."""
    asked, written = asyncio.Event(), asyncio.Event()
    real = house.ledger.append

    async def append(entry: Any) -> int:
        if isinstance(entry, OperationAdmitted):
            asked.set()
            await written.wait()
        return await real(entry)

    monkeypatch.setattr(house.ledger, "append", append)
    async with by_hand(house.port) as hand:
        hand.writer.write(make_query("select pg_sleep(60)"))
        await asked.wait()
        showing = asyncio.create_task(show(house.port, hand.pid, hand.secret))
        await asyncio.sleep(0.3)
        written.set()
        assert told(await hand.until_ready()) == ["canceling statement due to user request"]
        assert await showing == b""


async def test_a_server_that_had_not_begun_is_asked_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It forgets a request that comes before it has read what it is about, as where it is busy."""
    asked, written = asyncio.Event(), asyncio.Event()
    real, pass_on = house.ledger.append, Server.cancel
    lost: list[Server] = []

    async def append(entry: Any) -> int:
        if isinstance(entry, OperationAdmitted):
            asked.set()
            await written.wait()
        return await real(entry)

    async def cancel(server: Server) -> None:
        if lost:
            await pass_on(server)
        lost.append(server)

    monkeypatch.setattr(house.ledger, "append", append)
    monkeypatch.setattr(Server, "cancel", cancel)
    async with by_hand(house.port) as hand:
        hand.writer.write(make_query("select pg_sleep(60)"))
        await asked.wait()
        showing = asyncio.create_task(show(house.port, hand.pid, hand.secret))
        await asyncio.sleep(0.3)
        written.set()
        assert told(await hand.until_ready()) == ["canceling statement due to user request"]
        assert await showing == b""
        hand.writer.write(make_query("select pg_sleep(2)"))
        assert told(await hand.until_ready()) == []
    assert len(lost) == 2


async def test_a_secret_opens_one_session_though_servers_number_theirs_alike() -> None:
    """Two servers may give two sessions the same process number: each has its own secret, and nobody the other's."""
    cancelled: list[str] = []

    async def cancel(name: str) -> None:
        cancelled.append(name)

    keys = CancelKeys()
    one = keys.give(4711, (3, 0), partial(cancel, "one"))
    other = keys.give(4711, (3, 2), partial(cancel, "other"))
    assert (len(one), len(other)) == (4, 32)
    for _ in range(GUESSES):
        guess = secrets.token_bytes(4)
        assert guess == one or keys.find(4711, guess) is None
    assert keys.find(4711, other[:4]) is None
    for secret in (one, other):
        found = keys.find(4711, secret)
        assert found is not None
        await found()
    assert cancelled == ["one", "other"]
    keys.take_back(4711, one)
    assert keys.find(4711, one) is None
    assert keys.find(4711, other) is not None


async def test_requests_that_come_too_late_hit_nobody_else(house: House) -> None:
    """Hundreds, at short statements: each of the victim's is cancelled or answered, none of anybody else's is ever
    cancelled, and neither gets the answer to another statement."""
    async with by_hand(house.port) as hand, await house.connect() as other:
        over = asyncio.Event()
        cancelled = answered = 0

        async def bystand() -> int:
            number = 0
            while not over.is_set():
                cursor = await other.execute("select %s::int", [number])
                assert await cursor.fetchone() == (number,)
                number += 1
            return number

        async def cancel() -> None:
            for _ in range(300):
                await show(house.port, hand.pid, hand.secret)
            over.set()

        async with asyncio.TaskGroup() as group:
            bystander = group.create_task(bystand())
            group.create_task(cancel())
            number = 0
            while not over.is_set():
                number += 1
                answer = await hand.say(make_query(f"select pg_sleep(0.002), 'number {number}.'"))
                if told(answer):
                    assert told(answer) == ["canceling statement due to user request"]
                    cancelled += 1
                else:
                    assert f"number {number}.".encode() in rows_of(answer)
                    answered += 1
        assert bystander.result() > 0
        assert cancelled + answered == number
        assert cancelled


async def test_a_session_that_is_over_has_no_key(house: House) -> None:
    async with by_hand(house.port) as hand:
        pid, secret = hand.pid, hand.secret
    await house.over()
    async with await psycopg.AsyncConnection.connect(house.conninfo) as connection:
        assert await show(house.port, pid, secret) == b""
        assert await (await connection.execute("select 1")).fetchone() == (1,)
