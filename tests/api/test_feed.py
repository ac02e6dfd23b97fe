"""The feed over a real connection: hints in time, only to those who may have them, and an end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx2
import pytest
from fastapi import FastAPI

from gateway.api import feed
from gateway.api.schema import FeedEvent
from gateway.core.events import OperationHeld
from gateway.core.ports import Approval, Hint
from tests.api.house import NOON, House


class Reader:
    """One open feed."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self) -> FeedEvent:
        async with asyncio.timeout(10):
            async for line in self._lines:
                if line.startswith("data: "):
                    return FeedEvent.model_validate_json(line.removeprefix("data: "))
        raise EOFError

    async def hints(self, count: int) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        while len(found) < count:
            event = await self.next()
            if event.topic != "beat":
                found.append((event.topic, event.key))
        return found


@asynccontextmanager
async def reading(line: httpx2.AsyncClient, name: str) -> AsyncIterator[Reader]:
    headers = {"Authorization": f"Bearer token-of-{name}"}
    async with line.stream("GET", "/v1/feed", headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        reader = Reader(response)
        assert await reader.next() == FeedEvent(topic="beat")
        yield reader


async def publish(house: House, *hints: tuple[str, str]) -> None:
    for topic, key in hints:
        await house.bus.publish(Hint(topic, key))


async def test_staff_get_every_hint(line: httpx2.AsyncClient, house: House) -> None:
    async with reading(line, "alba") as reader:
        told = [("session", "s-1"), ("recording", "s-1"), ("approval", "7QF-2KM")]
        await publish(house, ("config", "x"), *told)
        assert await reader.hints(3) == told


async def test_others_get_hints_about_their_own(line: httpx2.AsyncClient, house: House) -> None:
    await house.begin("s-M1NE0000", person="ugo")
    await house.begin("s-THE1RS00", person="nina")
    for id, session, who in (("7QF-2KM", "s-M1NE0000", "ugo"), ("8QF-2KM", "s-THE1RS00", "nina")):
        await house.ledger.open_approval(approval(id, session, who), held(id, session))
    async with reading(line, "ugo") as reader:
        theirs = [("session", "s-THE1RS00"), ("recording", "s-THE1RS00"), ("approval", "8QF-2KM")]
        mine = [("session", "s-M1NE0000"), ("recording", "s-M1NE0000"), ("approval", "7QF-2KM")]
        await publish(house, *theirs, ("session", "s-00000000"), *mine, *theirs, *mine)
        assert await reader.hints(6) == mine * 2


async def test_whoever_is_asked_gets_hints_about_it(line: httpx2.AsyncClient, house: House) -> None:
    house.groups["ugo"] = {"ops"}
    for id in ("7QF-2KM", "8QF-2KM"):
        await house.ledger.open_approval(approval(id, "s-THE1RS00", "nina"), held(id, "s-THE1RS00"))
    async with reading(line, "ugo") as asked, reading(line, "nina") as requester:
        told = [("approval", "7QF-2KM"), ("approval", "8QF-2KM")]
        await publish(house, ("session", "s-THE1RS00"), ("approval", "0QF-2KM"), *told)
        assert await asked.hints(2) == told
        assert await requester.hints(2) == told


async def test_beats(line: httpx2.AsyncClient, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "BEAT_SECONDS", 0.02)
    async with reading(line, "alba") as reader:
        assert [(await reader.next()).topic for _ in range(4)] == ["beat"] * 4
        await publish(house, ("session", "s-1"))
        assert await reader.hints(1) == [("session", "s-1")]
        assert (await reader.next()).topic == "beat"


async def test_a_token_that_holds_no_more_ends_the_feed(
    line: httpx2.AsyncClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "BEAT_SECONDS", 0.02)
    async with reading(line, "alba") as reader:
        for _ in range(2 * feed.BEATS_PER_CHECK):
            await reader.next()
        house.locked_out.add("alba")
        with pytest.raises(EOFError):
            await until(reader, "a hint that never comes")
    async with asyncio.timeout(5):
        await house.bus.quiet.wait()


async def test_a_stopping_gateway_ends_the_feed(line: httpx2.AsyncClient, house: House, api: FastAPI) -> None:
    async with reading(line, "alba") as reader:
        api.state.services.stopping.set()
        with pytest.raises(EOFError):
            await reader.next()


async def test_a_slow_reader_loses_hints_and_holds_nobody_up(line: httpx2.AsyncClient, house: House) -> None:
    async with reading(line, "alba") as slow, reading(line, "pia") as other:
        # No await in here gives way: it is as if the reader had slept through all of it.
        await publish(house, *[("session", f"s-{number}") for number in range(5000)])
        seen = await until(slow, "s-4999")
        assert 1 <= len(seen) <= 300
        assert await until(other, "s-4999") == seen


async def until(reader: Reader, key: str) -> list[str]:
    seen: list[str] = []
    while not seen or seen[-1] != key:
        seen += [key for _, key in await reader.hints(1)]
    return seen


async def test_whoever_hangs_up_leaves_nothing_behind(line: httpx2.AsyncClient, house: House) -> None:
    before = asyncio.all_tasks()
    async with reading(line, "alba"), reading(line, "ugo"):
        assert house.bus.listeners == 2
    await publish(house, ("session", "s-1"))
    async with asyncio.timeout(5):
        await house.bus.quiet.wait()
        while any(task.get_name().startswith("Task-") for task in asyncio.all_tasks() - before):
            await asyncio.sleep(0.01)


async def test_a_refused_feed_is_a_problem_not_a_stream(line: httpx2.AsyncClient) -> None:
    response = await line.get("/v1/feed")
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"


def approval(id: str, session: str, who: str) -> Approval:
    return Approval(
        id=id,
        session=session,
        requester=f"id-{who}",
        target="web-1",
        verb="exec",
        text="reboot",
        sha256="0" * 64,
        rule="r",
        reason="why",
        approvers=frozenset({"ops"}),
        count=1,
        opened_at=NOON,
        expires_at=NOON + timedelta(minutes=10),
    )


def held(id: str, session: str) -> OperationHeld:
    return OperationHeld(
        session=session,
        request=id,
        verb="exec",
        text="reboot",
        sha256="0" * 64,
        rule="r",
        revision="1",
        approvers=["ops"],
        count=1,
        expires_at=NOON.isoformat(),
    )
