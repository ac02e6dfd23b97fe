"""A real API about requests, with a real ledger and engine behind it, in a thread of its own: for commands."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from gateway.api.app import build_api
from gateway.app.web import WebDoor, listen
from gateway.blobs.local import LocalBlobs
from gateway.core.ports import Approval
from tests.api.asking import Asked, Askers, askers
from tests.api.house import HeldClock, House, WatchedBus
from tests.store.fresh import fresh_ledger

T = TypeVar("T")


class RequestsGateway:
    """Everybody's token is `token-of-NAME`, as in `tests.api.house`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._done: asyncio.Event
        self.house: House
        self.asking: Askers
        self.port = 0
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self._thread.start()
        assert self._ready.wait(30)

    async def _serve(self) -> None:
        self._done = asyncio.Event()
        clock = HeldClock()
        ledger = await fresh_ledger(self._directory / "ledger.db", now=clock.now)
        self.house = House(
            ledger,
            LocalBlobs(self._directory / "blobs", reserve_bytes=0),
            WatchedBus(),
            clock,
            self._directory,
        )
        api = build_api(self.house.services())
        door = WebDoor(api, listen("127.0.0.1", 0, "tests"))
        async with AsyncExitStack() as stack:
            self.asking = await stack.enter_async_context(askers(self.house))
            self.port = await door.start()
            self._ready.set()
            await self._done.wait()
            api.state.services.stopping.set()
            await door.stop()
        await ledger.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def ask(self, *words: Any, **more: Any) -> Asked:
        return self.run(self.asking.ask(*words, **more))

    def settled(self, asked: Asked) -> Approval:
        async def waited() -> Approval:
            async with asyncio.timeout(10):
                return await asked.waiting

        return self.run(waited())

    def later(self, by: timedelta) -> None:
        async def move() -> None:
            self.house.clock.move(by)

        self.run(move())

    def until(self, holds: Callable[[], bool]) -> None:
        async def looking() -> None:
            async with asyncio.timeout(10):
                while not holds():
                    await asyncio.sleep(0.01)

        self.run(looking())

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(30)
        self._loop.close()
