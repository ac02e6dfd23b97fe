"""The in-process bus: hints arrive in order, a slow subscriber loses the oldest, leaving unsubscribes."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.bus.inprocess import InProcessBus
from gateway.core.ports import Bus, Hint


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


async def test_hints_reach_every_subscriber_in_order() -> None:
    bus: Bus = InProcessBus()
    async with bus.subscribe() as first, bus.subscribe() as second:
        for number in range(5):
            await bus.publish(Hint("session", str(number)))
        assert await take(first, 5) == await take(second, 5) == ["0", "1", "2", "3", "4"]


async def test_only_the_named_topics_arrive() -> None:
    bus = InProcessBus()
    async with bus.subscribe("approval", "config") as hints:
        for topic in ("session", "approval", "recording", "config"):
            await bus.publish(Hint(topic, topic))
        assert await take(hints, 2) == ["approval", "config"]
        assert await nothing_waits(hints)


async def test_what_came_before_the_context_is_not_heard() -> None:
    bus = InProcessBus()
    await bus.publish(Hint("session", "early"))
    async with bus.subscribe() as hints:
        assert await nothing_waits(hints)
        await bus.publish(Hint("session", "late"))
        assert await take(hints, 1) == ["late"]


async def test_a_slow_subscriber_loses_the_oldest_and_the_publisher_never_waits() -> None:
    bus = InProcessBus(queue_length=3)
    async with bus.subscribe() as slow, bus.subscribe() as quick:
        for number in range(10):
            publishing = bus.publish(Hint("session", str(number)))
            with pytest.raises(StopIteration):
                publishing.send(None)  # finished without ever giving control away
            assert await take(quick, 1) == [str(number)]
        assert await take(slow, 3) == ["7", "8", "9"]
        assert await nothing_waits(slow)


async def test_a_waiting_subscriber_wakes_up() -> None:
    bus = InProcessBus()
    async with bus.subscribe("session") as hints:
        waiting = asyncio.create_task(take(hints, 1))
        await asyncio.sleep(0)
        await bus.publish(Hint("approval", "not for you"))
        await bus.publish(Hint("session", "for you"))
        assert await waiting == ["for you"]


async def test_leaving_the_context_ends_the_iterator_and_unsubscribes() -> None:
    bus = InProcessBus()
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


async def test_an_error_inside_the_context_unsubscribes_too() -> None:
    bus = InProcessBus()
    context = bus.subscribe()
    hints = await context.__aenter__()
    problem = LookupError()
    assert not await context.__aexit__(LookupError, problem, None)
    await bus.publish(Hint("session", "nobody listens"))
    with pytest.raises(StopAsyncIteration):
        await anext(hints)


async def test_a_cancelled_reader_loses_no_hint() -> None:
    bus = InProcessBus()
    async with bus.subscribe() as hints:
        waiting = asyncio.ensure_future(anext(hints))
        await asyncio.sleep(0)
        await bus.publish(Hint("session", "kept"))
        waiting.cancel()
        await asyncio.wait({waiting})
        assert await take(hints, 1) == ["kept"]


async def _all(hints: AsyncIterator[Hint]) -> list[str]:
    return [hint.key async for hint in hints]
