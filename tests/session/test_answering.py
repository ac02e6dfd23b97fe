"""A reason and a ticket that are given in the client itself, before anybody is asked."""

import asyncio
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

import pytest

from gateway.core.errors import Denied
from gateway.core.verdict import Hold
from tests.session.asked import Scene, Town, gone, person, until
from tests.session.conftest import ALICE, Room, hold, run

BOB = person("bob", "dba")


class Client:
    """A notice that can answer, once `says` is known."""

    def __init__(self, room: Room, **says: str) -> None:
        self.says: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
        self.asked: list[list[str]] = []
        self._room = room
        if says:
            self.says.set_result(says)

    async def __call__(self, text: str) -> None:
        await self._room.notice(text)

    async def answers(self, required: AbstractSet[str]) -> Mapping[str, str]:
        self.asked.append(sorted(required))
        return await self.says


@pytest.fixture
def scene(room: Room) -> Scene:
    return Scene(room, Town(ALICE, BOB))


def wanting(*names: str, mode: str = "wait") -> Hold:
    return replace(hold(), requires=frozenset(names), mode="fail" if mode == "fail" else "wait")


async def test_nobody_is_asked_before_it_is_said(scene: Scene) -> None:
    client = Client(scene.room)
    scene.room.verdict = wanting("reason", "ticket")
    gate = await scene.gate()
    waiting = asyncio.create_task(gate.admit(run("restart"), client))
    async with asyncio.timeout(5):
        while not client.asked:
            await asyncio.sleep(0.01)
    assert await scene.room.ledger.approvals() == []
    client.says.set_result({"reason": " invoice 88\n", "ticket": "OPS-1", "more": "not asked for"})
    (request,) = await until(lambda: scene.room.ledger.approvals())
    assert client.asked == [["reason", "ticket"]]
    assert (request.answers, request.version) == ({"reason": "invoice 88", "ticket": "OPS-1"}, 1)
    (held,) = [e for e in await scene.room.ledger.entries() if e.name == "operation.held"]
    assert held.body["answers"] == {"reason": "invoice 88", "ticket": "OPS-1"}
    await scene.grant(request, BOB)
    await waiting
    assert "give a" not in scene.room.spoken[0]


async def test_what_was_not_said_is_asked_for_as_ever(scene: Scene) -> None:
    scene.room.verdict = wanting("reason", "ticket")
    gate = await scene.gate()
    client = Client(scene.room, reason="x" * 2001, ticket="OPS-1")
    waiting = asyncio.create_task(gate.admit(run("restart"), client))
    (request,) = await until(lambda: scene.room.ledger.approvals())
    await scene.said(f"- give a reason: hoop-tui request reply {request.id}")
    assert request.answers == {"ticket": "OPS-1"}
    await gone(waiting)


async def test_nothing_is_asked_where_nothing_is_required(scene: Scene) -> None:
    client = Client(scene.room, reason="because")
    scene.room.verdict = hold()
    waiting = asyncio.create_task((await scene.gate()).admit(run("restart"), client))
    await until(lambda: scene.room.ledger.approvals())
    assert client.asked == []
    await gone(waiting)


async def test_what_is_refused_for_now_takes_its_answers_along_and_asks_once(scene: Scene) -> None:
    client = Client(scene.room, reason="because")
    scene.room.verdict = wanting("reason", mode="fail")
    gate = await scene.gate()
    for _ in range(2):
        with pytest.raises(Denied, match="run the same again once approved"):
            await gate.admit(run("restart"), client)
    (request,) = await scene.room.ledger.approvals()
    assert request.answers == {"reason": "because"}
    assert client.asked == [["reason"]]
