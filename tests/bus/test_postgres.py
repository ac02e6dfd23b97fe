"""Hints between gateways: they arrive at once, own ones come once, and a database that is gone stops nobody."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from gateway.bus.postgres import LONGEST, MOST_WAITING, PostgresBus
from gateway.core.ports import Hint
from gateway.core.secret import Secret
from gateway.store.postgres import libpq_address
from tests.contracts.postgres_server import PostgresServer

PATIENCE = 20.0
Open = Callable[[str], Awaitable[PostgresBus]]


@pytest.fixture
async def open_bus() -> AsyncIterator[Open]:
    """Buses of several gateways, connected."""
    opened: list[PostgresBus] = []

    async def open_one(url: str) -> PostgresBus:
        bus = PostgresBus(libpq_address(url, None), patience=1.0, pulse=0.2)
        opened.append(bus)
        bus.start()
        await asyncio.wait_for(bus.connected.wait(), PATIENCE)
        return bus

    yield open_one
    for bus in opened:
        await bus.stop()


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.url("postgres")


async def keys(hints: AsyncIterator[Hint], last: str) -> list[str]:
    """The keys of all hints up to the one with the key `last`."""
    found: list[str] = []
    async with asyncio.timeout(PATIENCE):
        while not found or found[-1] != last:
            found.append((await anext(hints)).key)
    return found


async def until_heard(one: PostgresBus, other: PostgresBus, key: str) -> None:
    """Hints of `one` arrive at `other` (again)."""
    async with other.subscribe("approval") as hints, asyncio.timeout(PATIENCE):
        heard = asyncio.create_task(keys(hints, key))
        while not heard.done():
            await one.publish(Hint("approval", key))
            await asyncio.wait([heard], timeout=0.05)
        await heard


async def test_others_hear_it_and_nobody_twice(open_bus: Open, url: str) -> None:
    east, west = await open_bus(url), await open_bus(url)
    async with east.subscribe() as at_east, west.subscribe() as at_west:
        for n in range(3):
            await east.publish(Hint("approval", f"e{n}"))
        assert await keys(at_west, "e2") == ["e0", "e1", "e2"]
        await west.publish(Hint("approval", "w"))
        assert await keys(at_east, "w") == ["e0", "e1", "e2", "w"]
        assert await keys(at_west, "w") == ["w"]


async def test_hints_of_recordings_stay_and_others_are_gathered(open_bus: Open, url: str) -> None:
    east, west = await open_bus(url), await open_bus(url)
    async with west.subscribe() as hints:
        for _ in range(500):
            await east.publish(Hint("recording", "s-1"))
            await east.publish(Hint("session", "s-1"))
        await asyncio.sleep(0)
        await east.publish(Hint("approval", "last"))
        assert await keys(hints, "last") == ["s-1", "last"]


async def test_another_ledger_in_the_same_database(
    open_bus: Open,
    url: str,
    postgres: PostgresServer,
) -> None:
    east, west, other = await open_bus(url), await open_bus(url), await open_bus(postgres.new_schema())
    async with west.subscribe() as hints:
        await other.publish(Hint("approval", "theirs"))
        await until_heard(east, west, "ours")
        assert "theirs" not in await keys(hints, "ours")


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "approval 7QF-2KM",
        "0123456789abcdef approval",
        "0123456789abcdef approval 7QF 2KM",
        "0123456789abcdef approval 7QF\x1b[2J",
        "0123456789abcdef approval " + "x" * LONGEST,
        "0123456789abcdef APPROVAL x",
        "x" * 7900,
        "\u202e\ud55c",
    ],
)
async def test_what_no_gateway_has_written(
    open_bus: Open, url: str, payload: str, postgres: PostgresServer
) -> None:
    east, west = await open_bus(url), await open_bus(url)
    async with west.subscribe() as hints:
        with postgres.connect() as stranger:
            stranger.execute("SELECT pg_notify(%s, %s)", [west._channel, payload])
            stranger.execute("SELECT pg_notify(%s, %s)", [west._channel, "0123456789abcdef approval known"])
        assert await keys(hints, "known") == ["known"]
        await until_heard(east, west, "goes-on")


async def test_what_can_not_be_told_is_not_sent(open_bus: Open, url: str) -> None:
    """It is heard here, and what comes after it everywhere."""
    east, west = await open_bus(url), await open_bus(url)
    async with east.subscribe() as here, west.subscribe() as there:
        await east.publish(Hint("approval", "x" * 9000))
        await east.publish(Hint("approval", "with blanks"))
        await east.publish(Hint("approval", "last"))
        assert len(await keys(here, "last")) == 3
        assert await keys(there, "last") == ["last"]


async def test_a_connection_that_is_cut(
    open_bus: Open,
    url: str,
    postgres: PostgresServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "hoop.bus")
    east, west = await open_bus(url), await open_bus(url)
    for _ in range(3):
        with postgres.connect() as killer:
            killer.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hoop-gateway bus'"
            )
        await until_heard(east, west, "again")
        await until_heard(west, east, "back")
    said = [record.message for record in caplog.records]
    assert any(line.startswith("hints of other gateways do not arrive") for line in said)
    assert said[-1] == "hints of other gateways arrive again"


async def test_a_database_that_is_restarted(
    open_bus: Open,
    url: str,
    postgres: PostgresServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Hints pass inside the process all the while, nobody who publishes waits, and the log says so once."""
    east, west = await open_bus(url), await open_bus(url)
    await asyncio.to_thread(postgres.stop, signal.SIGQUIT)
    try:
        async with asyncio.timeout(PATIENCE):
            while east.connected.is_set() or west.connected.is_set():
                await asyncio.sleep(0.01)
        async with east.subscribe("approval") as hints:
            for n in range(2 * MOST_WAITING):
                publishing = east.publish(Hint("approval", str(n)))
                with pytest.raises(StopIteration):
                    publishing.send(None)  # finished without ever giving control away
            assert (await keys(hints, str(2 * MOST_WAITING - 1)))[-1] == str(2 * MOST_WAITING - 1)
        assert len(east._outbox) == MOST_WAITING
        assert sum("do not arrive" in record.message for record in caplog.records) == 2  # of each of them one
    finally:
        await asyncio.to_thread(postgres.start)
    async with west.subscribe("approval") as hints:
        await asyncio.wait_for(west.connected.wait(), PATIENCE)
        await until_heard(east, west, "again")
        await until_heard(west, east, "back")


async def test_a_database_that_hangs(
    open_bus: Open,
    url: str,
    postgres: PostgresServer,
) -> None:
    """It is noticed although nothing is sent, and passes."""
    east, west = await open_bus(url), await open_bus(url)
    with postgres.hanging():
        async with asyncio.timeout(PATIENCE):
            while east.connected.is_set():
                await asyncio.sleep(0.01)
    await until_heard(east, west, "again")


async def test_a_database_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    bus = PostgresBus(Secret("host=127.0.0.1 port=1 user=hoop password=hunter2 dbname=hoop"))
    bus.start()
    async with asyncio.timeout(PATIENCE), bus.subscribe() as hints:
        while not caplog.records:
            await asyncio.sleep(0.01)
        await bus.publish(Hint("config", "x"))
        assert (await anext(hints)).key == "x"
    await bus.stop()
    assert "hunter2" not in caplog.text
    assert "hunter2" not in repr(vars(bus))
