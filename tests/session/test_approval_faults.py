"""Attacks on approvals by what is around them: too many requests, clocks that are wrong, a ledger that fails."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from gateway.core.approval import Approval
from gateway.core.errors import Denied, Fault, Refused
from gateway.core.people import Principal
from gateway.session.approvals import Approvals
from gateway.session.gate import Gate
from gateway.session.objections import Objection
from tests.session.asked import Scene, Town, gone, until
from tests.session.attacked import ALICE, BOB, EVERYBODY, GLASS, WIDE
from tests.session.conftest import Room, hold, run

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")


@pytest.fixture
def scene(room: Room) -> Scene:
    return Scene(room, Town(*EVERYBODY))


# so many requests that nobody sees the one that matters.


@pytest.mark.parametrize("mode", ["wait", "fail"])
async def test_a13_a_driver_that_tries_again_and_again_is_stopped(scene: Scene, mode: str) -> None:
    """By whichever identity of theirs: the human being counts."""
    room = scene.room
    scene.approvals = Approvals(room.ledger, room.bus, scene.clock, scene.town, most_a_minute=5)
    second = Principal("idp#7", "alice@idp", frozenset({"dev"}))
    scene.town.owners["idp#7"] = ALICE.id
    scene.room.verdict = replace(hold(60), mode=mode)
    gates = [await scene.gate(ALICE), await scene.gate(second)]
    tasks = []
    for n in range(5):
        tasks.append(asyncio.create_task(gates[n % 2].admit(run(f"restart {n}"), scene.room.notice)))
        await until(lambda: _so_many(scene, len(tasks)))
    for gate in gates:
        with pytest.raises(Denied, match="you have asked 5 times within a minute") as denied:
            await gate.admit(run("restart more"), scene.room.notice)
        assert denied.value.state == "blocked"
    scene.clock.passed = timedelta(seconds=61)
    for task in tasks:
        await gone(task)
    more = asyncio.create_task(gates[0].admit(run("one more"), scene.room.notice))
    await until(lambda: _so_many(scene, 6))
    await gone(more)


async def _so_many(scene: Scene, many: int) -> bool:
    return len(await scene.room.ledger.approvals()) == many


async def test_a13_what_is_alike_is_counted(scene: Scene) -> None:
    scene.room.verdict = replace(hold(60), mode="wait")
    gate = await scene.gate(ALICE)
    tasks = [asyncio.create_task(gate.admit(run("again"), scene.room.notice)) for _ in range(7)]
    tasks.append(asyncio.create_task(gate.admit(run("drop it all"), scene.room.notice)))
    await until(lambda: _so_many(scene, 8))
    counts = await scene.room.ledger.alike({ALICE.id, "nobody"})
    assert sorted(counts.values()) == [1, 7]
    for task in tasks:
        await gone(task)
    assert await scene.room.ledger.alike({ALICE.id}) == {}


# clocks that differ or are set.


@pytest.mark.parametrize("wrong", [timedelta(days=400), timedelta(days=-400)])
async def test_a14_a_clock_that_is_set_makes_nothing_longer(scene: Scene, wrong: timedelta) -> None:
    scene.room.verdict = WIDE
    gate = await scene.gate(ALICE)
    task, request = await scene.held(WIDE, gate=gate)
    await scene.grant(request, BOB, "target")
    await task
    assert await scene.approvals.covered(gate.session, run("anything"), WIDE) == request.id
    scene.clock.jumped = wrong
    assert await scene.approvals.covered(gate.session, run("anything"), WIDE) == ""


# the ledger fails at any step.


class Faulty:
    """Fails a ledger at its n-th write from now on, before anything of that write is kept."""

    def __init__(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        writer = scene.room.ledger._writer
        self._honest = writer._result  # every write goes through here
        self.left = self.seen = 0
        monkeypatch.setattr(writer, "_result", self._result)

    async def _result(self, what: Any) -> Any:
        self.seen += 1
        if self.left > 0:
            self.left -= 1
            if self.left == 0:
                raise Fault("the ledger does not answer")
        return await self._honest(what)


STEPS = {"decide": 4, "break": 3, "covered": 2}
"""How many writes each story has, with the scope that opens a grant."""


@pytest.mark.parametrize("story", STEPS)
async def test_a15_wherever_the_ledger_fails_nothing_is_let_through(
    scene: Scene, story: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nobody is told that it is decided, unless that is in the ledger."""
    faulty = Faulty(scene, monkeypatch)
    for step in range(1, STEPS[story] + 1):
        gate = await _ready(scene, story)
        faulty.left = step
        with pytest.raises((Fault, Denied)):
            await _story(scene, story, gate)
        assert faulty.left == 0, f"step {step} was not reached"
    gate = await _ready(scene, story)
    faulty.seen = 0
    await _story(scene, story, gate)
    assert faulty.seen == STEPS[story], "it writes more than is tried here"


async def _ready(scene: Scene, story: str) -> Gate:
    return await (_covered_gate(scene) if story == "covered" else scene.gate(ALICE))


async def _covered_gate(scene: Scene) -> Gate:
    """Of a session in which whatever the rule holds is granted."""
    gate = await scene.gate(ALICE)
    task, request = await scene.held(WIDE, gate=gate)
    await scene.grant(request, BOB, "session")
    await task
    return gate


async def _story(scene: Scene, story: str, gate: Gate) -> None:
    """Something is let through, or this raises what its person is told."""
    scene.room.verdict = WIDE if story == "covered" else replace(WIDE, break_glass=GLASS)
    if story == "covered":
        await gate.admit(run("anything"), scene.room.notice)
        return
    known = {each.id for each in await scene.room.ledger.approvals()}
    waiting = asyncio.create_task(gate.admit(run("restart"), scene.room.notice))

    async def asked() -> Approval | bool:
        found = [each for each in await scene.room.ledger.approvals() if each.id not in known]
        return found[0] if found else waiting.done()

    request = await until(asked)
    if isinstance(request, Approval):
        try:
            if story == "decide":
                await scene.grant(request, BOB, "session")
            else:
                await scene.approvals.break_glass(request.id, ALICE, request.sha256, "now")
        except Fault:
            assert (await scene.approvals.find(request.id, BOB)).state == "held", "and yet it was kept"
            await gone(waiting)
            raise
        assert (await scene.approvals.find(request.id, BOB)).state == "approved"
    await waiting


async def test_what_is_not_understood_is_refused(scene: Scene) -> None:
    """A no without a reason is no word at all, wherever it comes from."""
    task, request = await scene.held(hold(60), gate=await scene.gate(ALICE))
    for reason in ("", "   ", "x" * 2001):
        with pytest.raises(Refused) as objection:
            await scene.approvals.settle(request.id, BOB, False, request.sha256, reason)
        assert isinstance(objection.value, Objection)
        assert objection.value.code == "missing"
    await gone(task)
