"""The feed: it says how old the data is, comes back by itself, and stops where the token is no good."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.api.schema import FeedEvent
from hoop_tui.demo import FakeGateway, FrozenClock, demo_gateway
from hoop_tui.errors import NotSignedIn, Unreachable
from hoop_tui.feed import RECONNECTED, Feed


class Line(FakeGateway):
    """A gateway whose feed is what the test sends, until it is cut."""

    def __init__(self) -> None:
        super().__init__(demo_gateway().kept)
        self.sent: asyncio.Queue[FeedEvent | Exception] = asyncio.Queue()
        self.connections = 0

    async def feed(self) -> AsyncIterator[FeedEvent]:
        self.connections += 1
        while True:
            event = await self.sent.get()
            if isinstance(event, Exception):
                raise event
            yield event


class Heard:
    def __init__(self) -> None:
        self.topics: list[str] = []
        self.refusals: list[NotSignedIn] = []
        self.news = asyncio.Event()

    def hear(self, event: FeedEvent) -> None:
        self.topics.append(event.topic)
        self.news.set()

    def refuse(self, trouble: NotSignedIn) -> None:
        self.refusals.append(trouble)
        self.news.set()

    async def next(self) -> None:
        await asyncio.wait_for(self.news.wait(), 10)
        self.news.clear()


async def test_the_age_of_the_data() -> None:
    line, clock, heard = Line(), FrozenClock(), Heard()
    feed = Feed(line, clock, heard.hear, heard.refuse)
    assert str(feed.freshness()) == "x offline"
    running = asyncio.create_task(feed.run())
    line.sent.put_nowait(FeedEvent(topic="beat"))
    await heard.next()
    assert str(feed.freshness()) == "* live"
    clock.pass_seconds(8)
    assert str(feed.freshness()) == "* live"
    clock.pass_seconds(4)
    assert str(feed.freshness()) == "~ 12s old"
    line.sent.put_nowait(FeedEvent(topic="session", key="s-1"))
    await heard.next()
    assert str(feed.freshness()) == "* live"
    assert heard.topics == [RECONNECTED, "session"]
    running.cancel()


async def test_it_comes_back_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hoop_tui.feed._FIRST_PAUSE", 0.01)
    line, clock, heard = Line(), FrozenClock(), Heard()
    feed = Feed(line, clock, heard.hear, heard.refuse)
    running = asyncio.create_task(feed.run())
    line.sent.put_nowait(FeedEvent(topic="beat"))
    await heard.next()
    line.sent.put_nowait(Unreachable("The line broke."))
    line.sent.put_nowait(FeedEvent(topic="beat"))
    await heard.next()
    assert heard.topics == [RECONNECTED, RECONNECTED]
    assert line.connections == 2
    running.cancel()


async def test_offline_until_it_is_back() -> None:
    line, clock, heard = Line(), FrozenClock(), Heard()
    feed = Feed(line, clock, heard.hear, heard.refuse)
    running = asyncio.create_task(feed.run())
    line.sent.put_nowait(FeedEvent(topic="beat"))
    await heard.next()
    line.sent.put_nowait(Unreachable("The line broke."))
    async with asyncio.timeout(10):
        while feed.freshness().standing == "live":
            await asyncio.sleep(0)
    assert str(feed.freshness()) == "x offline"
    assert feed.trouble == "The line broke."
    running.cancel()


async def test_a_token_that_holds_no_more() -> None:
    line, clock, heard = Line(), FrozenClock(), Heard()
    feed = Feed(line, clock, heard.hear, heard.refuse)
    line.sent.put_nowait(FeedEvent(topic="beat"))
    line.sent.put_nowait(NotSignedIn("no"))
    await asyncio.wait_for(feed.run(), 10)
    assert [trouble.sentence for trouble in heard.refusals] == ["no"]
    assert line.connections == 1
