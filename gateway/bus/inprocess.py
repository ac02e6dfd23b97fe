"""A Bus inside one process: a short queue for each subscriber.

It does not reach other gateways and keeps nothing: whoever subscribes later has missed what came before.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.core.ports import Hint

QUEUE_LENGTH = 256


class InProcessBus:
    """Hands hints to every subscriber of this process. Publishing never waits for any of them."""

    def __init__(self, queue_length: int = QUEUE_LENGTH) -> None:
        self._queue_length = queue_length
        self._subscribers: set[_Subscriber] = set()

    async def publish(self, hint: Hint) -> None:
        """Queue `hint` with every subscriber of its topic. A full queue loses its oldest hint."""
        for subscriber in self._subscribers:
            subscriber.offer(hint)

    @asynccontextmanager
    async def subscribe(self, *topics: str) -> AsyncIterator[AsyncIterator[Hint]]:
        """Hints of these topics, of all when none is named. The iterator ends when the context is left."""
        subscriber = _Subscriber(frozenset(topics), self._queue_length)
        self._subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)
            subscriber.end()


class _Subscriber:
    """One subscriber's queue, which is also the iterator that empties it."""

    def __init__(self, topics: frozenset[str], queue_length: int) -> None:
        self._topics = topics
        self._waiting: deque[Hint] = deque(maxlen=queue_length)
        self._news = asyncio.Event()
        self._ended = False

    def offer(self, hint: Hint) -> None:
        if not self._topics or hint.topic in self._topics:
            self._waiting.append(hint)
            self._news.set()

    def end(self) -> None:
        self._ended = True
        self._news.set()

    def __aiter__(self) -> AsyncIterator[Hint]:
        return self

    async def __anext__(self) -> Hint:
        while not self._ended:
            if self._waiting:
                return self._waiting.popleft()
            self._news.clear()
            await self._news.wait()
        raise StopAsyncIteration
