"""Reads SQL for whoever asks: in processes of its own, so that no text can harm the gateway.

A text that breaks, hangs or bloats its process is a statement of which nothing is known; everybody else goes on.
One process takes short texts only, and a short text does no harm: long ones never keep others waiting.
"""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from gateway.core.errors import Fault
from gateway.core.sql import Reading, unknown
from gateway.policy.sql.portable import unpack_reading
from gateway.session.database.parser_cache import ReadingCache
from gateway.session.database.parser_process import Lost, ParserProcess

log = logging.getLogger(__name__)

SHORT = 16 << 10
_NO_PARSER = "there is no parser to understand it"
_STOPPING = "the gateway is stopping"
_PASSING = (_NO_PARSER, _STOPPING)
"""Not the text's fault, so not remembered of it."""
_WAIT_SECONDS = 10.0
"""For a process that is free, and for one to say what it found: the machine may be busy."""


@dataclass(slots=True, eq=False)
class _Place:
    """Where one process works, or its successor."""

    short_only: bool
    process: ParserProcess | None = None


class Parsers:
    """`known` at once, or `read`. They never raise over a text."""

    def __init__(
        self,
        *,
        most_bytes: int = 1 << 20,
        processes: int = 2,
        seconds: float = 1.0,
        memory: int = 768 << 20,
        cache_entries: int = 10_000,
        cache_bytes: int = 64 << 20,
    ) -> None:
        """`most_bytes`: of a text. `seconds`: of work for a short one, others get more. `memory`: of one process."""
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._memory = memory
        self._cache = ReadingCache(cache_entries, cache_bytes)
        self._places = [_Place(short_only=at == 0) for at in range(max(processes, 2))]
        self._idle = list(self._places)
        self._waiting: deque[tuple[bool, asyncio.Future[_Place]]] = deque()
        self._reading: dict[str, asyncio.Task[Reading]] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._is_stopped = False

    async def start(self) -> None:
        """Start the first process ahead of the first text. Raises Fault where none can be started."""
        await self._process_of(self._places[0])

    async def stop(self) -> None:
        """End all processes. What was not read yet is unknown."""
        self._is_stopped = True
        while self._waiting:
            _, waiter = self._waiting.popleft()
            waiter.cancel()
        await self._end_all()
        if tasks := {*self._background, *self._reading.values()}:
            await asyncio.wait(tasks)
        await self._end_all()

    async def _end_all(self) -> None:
        for place in self._places:
            await self._end(place)

    def known(self, text: str) -> Reading | None:
        """What was read before, at once."""
        return self._cache.get(text)

    async def read(self, text: str) -> Reading:
        """The facts of every statement in the text. Those who ask for the same text wait for the same answer."""
        found = self._cache.get(text)
        if found is not None:
            return found
        task = self._reading.get(text)
        if task is None:
            data = self._checked(text)
            if isinstance(data, str):
                return _unknown(text, data)
            task = asyncio.get_running_loop().create_task(self._read(text, data))
            self._reading[text] = task
            task.add_done_callback(lambda _: self._reading.pop(text, None))
        return await asyncio.shield(task)

    def _checked(self, text: str) -> bytes | str:
        """The text in bytes, or why it is not even tried."""
        if len(text) > self._most_bytes:
            return f"it is longer than {self._most_bytes:,} bytes"
        try:
            data = text.encode()
        except UnicodeEncodeError:
            return "it is not valid UTF-8"
        if len(data) > self._most_bytes:
            return f"it is longer than {self._most_bytes:,} bytes"
        return "it has a zero byte in it" if b"\0" in data else data

    async def _read(self, text: str, data: bytes) -> Reading:
        try:
            place = await self._place(len(data) > SHORT)
        except (TimeoutError, asyncio.CancelledError):
            return _unknown(text, _STOPPING if self._is_stopped else "the parser has too much to do")
        reading = await self._ask(place, text, data)
        if not self._is_stopped and reading.statements[0].why not in _PASSING:
            self._cache.put(text, reading)
        return reading

    async def _ask(self, place: _Place, text: str, data: bytes) -> Reading:
        """Whatever comes of it, the place is free again, or will be."""
        tries = 2 if len(data) <= SHORT else 1  # no short text harms: something else did
        while True:
            tries -= 1
            try:
                process = await self._process_of(place)
                packed = await process.ask(data, self._seconds + _WAIT_SECONDS)
                reading = _unpacked(packed, text)
            except Fault as fault:
                self._free(place)
                log.error("%s", fault.sentence)
                return _unknown(text, _NO_PARSER)
            except Lost as lost:
                why = await self._bury(place, lost)
                if tries and not self._is_stopped:
                    continue
                self._later(self._replace(place))
                return _unknown(text, _STOPPING if self._is_stopped else why)
            if process.is_lost:
                self._later(self._replace(place))
            else:
                self._free(place)
            return reading

    async def _process_of(self, place: _Place) -> ParserProcess:
        if self._is_stopped:
            raise Lost(_STOPPING)
        if place.process is not None and place.process.is_lost:
            await self._end(place)
        if place.process is None:
            process = await ParserProcess.start(self._memory, self._seconds)
            if self._is_over():
                await process.end()
                raise Lost(_STOPPING)
            place.process = process
        return place.process

    def _is_over(self) -> bool:
        """By now: it may have been stopped meanwhile."""
        return self._is_stopped

    async def _bury(self, place: _Place, lost: Lost) -> str:
        """End what is left of a process, say why in words for people."""
        process = await self._end(place)
        why = (process.why() if process is not None else "") or str(lost)
        if not self._is_stopped:
            log.warning("a statement ended its SQL parser: %s", why)
        return why

    async def _end(self, place: _Place) -> ParserProcess | None:
        process, place.process = place.process, None
        if process is not None:
            await process.end()
        return process

    async def _replace(self, place: _Place) -> None:
        """Start another process in the background, so that whoever comes next need not wait for it."""
        try:
            await self._process_of(place)
        except Fault as fault:
            log.error("%s", fault.sentence)  # whoever comes next tries again
        except Lost:
            return  # stopped meanwhile
        self._free(place)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _place(self, is_long: bool) -> _Place:
        for place in self._idle:
            if not (is_long and place.short_only):
                self._idle.remove(place)
                return place
        # Not wait_for, which forgets that it was cancelled when a place comes free at that moment.
        async with asyncio.timeout(_WAIT_SECONDS):
            return await self._next_place(is_long)

    async def _next_place(self, is_long: bool) -> _Place:
        waiter: asyncio.Future[_Place] = asyncio.get_running_loop().create_future()
        self._waiting.append((is_long, waiter))
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._free(waiter.result())
            raise

    def _free(self, place: _Place) -> None:
        """Give the place to whoever waits longest for one like it."""
        for entry in list(self._waiting):
            is_long, waiter = entry
            if waiter.done():
                self._waiting.remove(entry)
            elif not (is_long and place.short_only):
                self._waiting.remove(entry)
                waiter.set_result(place)
                return
        self._idle.insert(0 if place.short_only else len(self._idle), place)


def _unpacked(packed: bytes, text: str) -> Reading:
    try:
        return unpack_reading(json.loads(packed), text)
    except (ValueError, TypeError, KeyError, RecursionError) as problem:
        raise Lost("the parser answers nonsense") from problem


def _unknown(text: str, why: str) -> Reading:
    return Reading((unknown(text, why),))
