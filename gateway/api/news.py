"""Waiting for hints without losing any to a timeout: one task listens, an event tells that there is something."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.core.ports import Bus


@asynccontextmanager
async def about(bus: Bus, key: str, *topics: str) -> AsyncIterator[asyncio.Event]:
    """An event that is set at each hint about `key`. Whoever waits for it clears it and looks again."""
    news = asyncio.Event()
    async with bus.subscribe(*topics) as hints:

        async def listen() -> None:
            async for hint in hints:
                if hint.key == key:
                    news.set()

        task = asyncio.create_task(listen(), name=f"news about {key}")
        try:
            yield news
        finally:
            task.cancel()
            await asyncio.wait([task])


async def first_of(*events: asyncio.Event, within: float) -> None:
    """Return when one of these is set, or when `within` seconds are over."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.wait(waits)
