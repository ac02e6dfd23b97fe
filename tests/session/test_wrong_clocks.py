"""A gateway that can not tell the time holds and grants nothing; and who goes away leaves no request behind."""

import asyncio
from dataclasses import replace

import pytest

from gateway.core.errors import Denied, Fault
from gateway.core.events import Event
from gateway.core.ports import Approval
from gateway.session.approvals import Approvals
from tests.session.asked import Scene, Town, gone, person, until
from tests.session.conftest import ALICE, Room, hold, run

BOB = person("bob", "dba")
WRONG = "the gateway's clock is 42 s ahead of the ledger's"


@pytest.fixture
def scene(room: Room) -> Scene:
    return Scene(room, Town(ALICE, BOB))


def goes_wrong(scene: Scene) -> Approvals:
    """Another gateway on the same ledger, whose clock is wrong."""
    return Approvals(scene.room.ledger, scene.room.bus, scene.clock, scene.town, clock_problem=lambda: WRONG)


async def test_nothing_is_approved_where_the_clock_is_wrong(scene: Scene) -> None:
    task, request = await scene.held(hold())
    wrong = goes_wrong(scene)
    with pytest.raises(Fault, match=f"^nothing can be approved here for now: {WRONG}$"):
        await wrong.settle(request.id, BOB, True, request.sha256)
    assert (await wrong.find(request.id, BOB)).decisions == ()
    await wrong.settle(request.id, BOB, False, request.sha256, "no")
    with pytest.raises(Denied, match="denied"):
        await task


async def test_nothing_is_held_where_the_clock_is_wrong(scene: Scene) -> None:
    gate = await scene.gate()
    gate._organs = replace(gate._organs, approvals=goes_wrong(scene))
    scene.room.verdict = hold()
    with pytest.raises(
        Denied, match=f"blocked by ask-first - nothing can be held or approved here for now: {WRONG}"
    ):
        await gate.admit(run("restart"), scene.room.notice)
    assert await scene.room.ledger.approvals() == []


async def test_a_clock_that_goes_wrong_while_something_waits(scene: Scene) -> None:
    """It was right when the request was opened, and who granted it has a right one: it passes, and nothing more."""
    problem: list[str] = []
    here = Approvals(
        scene.room.ledger,
        scene.room.bus,
        scene.clock,
        scene.town,
        reread_every=0.05,
        clock_problem=lambda: "".join(problem),
    )
    elsewhere, scene.approvals = scene.approvals, here
    task, request = await scene.held(replace(hold(), scopes=("once", "target 1h")))
    problem.append(WRONG)
    await elsewhere.settle(request.id, BOB, True, request.sha256, scope="target 1h")
    assert (await task).operation.text == "restart"
    assert await scene.room.ledger.grants(ALICE.id, "web-1") == []


async def test_who_goes_while_a_request_is_written_leaves_none_open(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was handed to the ledger is written, whether or not somebody waits for it."""
    ledger, room = scene.room.ledger, scene.room
    opening, written = asyncio.Event(), asyncio.Event()
    open_approval = ledger.open_approval

    async def slowly(approval: Approval, event: Event) -> None:
        opening.set()
        await asyncio.shield(asyncio.ensure_future(_write(approval, event)))

    async def _write(approval: Approval, event: Event) -> None:
        await open_approval(approval, event)
        written.set()

    monkeypatch.setattr(ledger, "open_approval", slowly)
    room.verdict = hold()
    gate = await scene.gate()
    task = asyncio.create_task(gate.admit(run("restart"), room.notice))
    await opening.wait()
    await gone(task)
    await written.wait()

    async def withdrawn() -> Approval | None:
        (request,) = await ledger.approvals()
        return request if request.state == "withdrawn" else None

    await until(withdrawn)
