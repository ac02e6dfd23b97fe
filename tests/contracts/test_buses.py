"""What every bus promises: hints arrive in order, a slow subscriber loses the oldest, leaving unsubscribes."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from gateway.bus.inprocess import InProcessBus
from gateway.bus.postgres import PostgresBus
from gateway.core.ports import Bus, Hint
from gateway.store.postgres import libpq_address
from tests.contracts.postgres_server import PostgresServer

Make = Callable[[int], Bus]


@pytest.fixture(params=["inprocess", "postgresql"])
async def make(request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    """Makes buses with queues of a length. Those of PostgreSQL are connected: what they send out comes back to them,
    and must not be heard twice."""
    if request.param == "inprocess":
        yield InProcessBus
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    bus = PostgresBus(libpq_address(server.url("postgres"), None))
    bus.start()
    async with asyncio.timeout(20):
        await bus.connected.wait()

    def connected(queue_length: int) -> Bus:
        bus._here = InProcessBus(queue_length)
        return bus

    yield connected
    await bus.stop()


@pytest.fixture
def bus(make: Make) -> Bus:
    return make(256)


async def take(hints: AsyncIterator[Hint], count: int) -> list[str]:
    """The keys of the next `count` hints."""
    async with asyncio.timeout(5):
        return [(await anext(hints)).key for _ in range(count)]


async def nothing_waits(hints: AsyncIterator[Hint]) -> bool:
    """Whether asking for a hint would have to wait."""
    asking = asyncio.ensure_future(anext(hints))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asked_in_vain = not asking.done()
    asking.cancel()
    await asyncio.wait({asking})
    return asked_in_vain


async def test_hints_reach_every_subscriber_in_order(bus: Bus) -> None:
    async with bus.subscribe() as first, bus.subscribe() as second:
        for number in range(5):
            await bus.publish(Hint("session", str(number)))
        assert await take(first, 5) == await take(second, 5) == ["0", "1", "2", "3", "4"]


async def test_only_the_named_topics_arrive(bus: Bus) -> None:
    async with bus.subscribe("approval", "config") as hints:
        for topic in ("session", "approval", "recording", "config"):
            await bus.publish(Hint(topic, topic))
        assert await take(hints, 2) == ["approval", "config"]
        assert await nothing_waits(hints)


async def test_what_came_before_the_context_is_not_heard(bus: Bus) -> None:
    await bus.publish(Hint("session", "early"))
    async with bus.subscribe() as hints:
        assert await nothing_waits(hints)
        await bus.publish(Hint("session", "late"))
        assert await take(hints, 1) == ["late"]


async def test_a_slow_subscriber_loses_the_oldest_and_the_publisher_never_waits(make: Make) -> None:
    bus = make(3)
    async with bus.subscribe() as slow, bus.subscribe() as quick:
        for number in range(10):
            publishing = bus.publish(Hint("session", str(number)))
            with pytest.raises(StopIteration):
                publishing.send(None)  # finished without ever giving control away
            assert await take(quick, 1) == [str(number)]
        assert await take(slow, 3) == ["7", "8", "9"]
        assert await nothing_waits(slow)


async def test_a_waiting_subscriber_wakes_up(bus: Bus) -> None:
    async with bus.subscribe("session") as hints:
        waiting = asyncio.create_task(take(hints, 1))
        await asyncio.sleep(0)
        await bus.publish(Hint("approval", "not for you"))
        await bus.publish(Hint("session", "for you"))
        assert await waiting == ["for you"]


async def test_leaving_the_context_ends_the_iterator_and_unsubscribes(bus: Bus) -> None:
    async with bus.subscribe() as hints:
        everything = asyncio.create_task(_all(hints))
        await bus.publish(Hint("session", "one"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert await everything == ["one"]
    await bus.publish(Hint("session", "two"))
    with pytest.raises(StopAsyncIteration):
        await anext(hints)


async def test_an_error_inside_the_context_unsubscribes_too(bus: Bus) -> None:
    context = bus.subscribe()
    hints = await context.__aenter__()
    problem = LookupError()
    assert not await context.__aexit__(LookupError, problem, None)
    await bus.publish(Hint("session", "nobody listens"))
    with pytest.raises(StopAsyncIteration):
        await anext(hints)


async def test_a_cancelled_reader_loses_no_hint(bus: Bus) -> None:
    async with bus.subscribe() as hints:
        waiting = asyncio.ensure_future(anext(hints))
        await asyncio.sleep(0)
        await bus.publish(Hint("session", "kept"))
        waiting.cancel()
        await asyncio.wait({waiting})
        assert await take(hints, 1) == ["kept"]


async def _all(hints: AsyncIterator[Hint]) -> list[str]:
    return [hint.key async for hint in hints]
