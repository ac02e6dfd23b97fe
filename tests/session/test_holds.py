"""A held operation: who may settle it, once, in time, and only what was shown."""

import asyncio
from dataclasses import replace

import pytest

from gateway.core.errors import Denied, Refused
from gateway.core.ports import Approval
from gateway.session.gate import Permit
from tests.session.conftest import ALICE, BOB, CAROL, Room, hold, run


async def held(room: Room, command: str = "restart") -> tuple[asyncio.Task[Permit], Approval]:
    gate = await room.gate()
    task = asyncio.create_task(gate.admit(run(command), room.notice))
    while not (open_ones := await room.ledger.approvals(state="held")):
        await asyncio.sleep(0.01)
    return task, open_ones[0]


async def test_granted_by_somebody_else(room: Room) -> None:
    room.verdict = hold()
    task, approval = await held(room)
    await room.approvals().settle(approval.id, BOB, True, approval.sha256, "go")
    permit = await task
    assert permit.operation.text == "restart"
    assert room.spoken[0].startswith(f"hoop: held {approval.id} (rule ask-first, ask dba, 30 s)")
    assert room.spoken[-1] == f'hoop: approved {approval.id} by bob@example.com: "go"'
    assert await room.names(approval.session) == [
        "session.opened",
        "operation.held",
        "approval.given",
        "operation.admitted",
    ]


async def test_denied(room: Room) -> None:
    room.verdict = hold()
    task, approval = await held(room)
    await room.approvals().settle(approval.id, BOB, False, approval.sha256, "after 18:00")
    with pytest.raises(Denied) as denied:
        await task
    assert denied.value.state == "denied"
    assert denied.value.sentence == (
        f'hoop: denied {approval.id} by bob@example.com: "after 18:00" - nothing was run'
    )


async def test_expires(room: Room) -> None:
    room.verdict = hold(seconds=0.3)
    task, approval = await held(room)
    with pytest.raises(Denied) as denied:
        await task
    assert denied.value.state == "expired"
    with pytest.raises(Refused, match="it expired"):
        await room.approvals().settle(approval.id, BOB, True, approval.sha256)


async def test_the_requester_can_not_decide(room: Room) -> None:
    room.verdict = hold()
    task, approval = await held(room)
    with pytest.raises(Refused, match="you are the requester"):
        await room.approvals().settle(approval.id, ALICE, True, approval.sha256)
    task.cancel()
    await asyncio.wait([task])


async def test_only_the_asked_group_decides(room: Room) -> None:
    room.verdict = hold()
    task, approval = await held(room)
    stranger = BOB.__class__("dan@example.com", "dan@example.com", frozenset({"dev"}))
    with pytest.raises(Refused, match="it asks dba"):
        await room.approvals().settle(approval.id, stranger, True, approval.sha256)
    task.cancel()
    await asyncio.wait([task])


async def test_a_decision_is_about_what_was_shown(room: Room) -> None:
    room.verdict = hold()
    task, approval = await held(room)
    with pytest.raises(Refused, match="not what you were shown"):
        await room.approvals().settle(approval.id, BOB, True, run("restart ").sha256)
    task.cancel()
    await asyncio.wait([task])


async def test_the_second_decision_loses(room: Room) -> None:
    room.verdict = hold()
    task, approval = await held(room)
    await room.approvals().settle(approval.id, BOB, True, approval.sha256)
    with pytest.raises(Refused, match="decided already"):
        await room.approvals().settle(approval.id, CAROL, False, approval.sha256)
    assert (await task).operation.text == "restart"


async def test_two_people_are_two_people(room: Room) -> None:
    room.verdict = hold(count=2)
    task, approval = await held(room)
    await room.approvals().settle(approval.id, BOB, True, approval.sha256)
    with pytest.raises(Refused):
        await room.approvals().settle(approval.id, BOB, True, approval.sha256)
    assert not task.done()
    await room.approvals().settle(approval.id, CAROL, True, approval.sha256)
    assert (await task).operation.text == "restart"


async def test_hanging_up_withdraws(room: Room) -> None:
    room.verdict = hold()
    task, approval = await held(room)
    task.cancel()
    await asyncio.wait([task])
    settled = await room.ledger.approval(approval.id)
    assert settled is not None
    assert settled.state == "withdrawn"
    with pytest.raises(Refused, match="it was withdrawn"):
        await room.approvals().settle(approval.id, BOB, True, approval.sha256)


async def test_a_lost_hint_costs_seconds_only(room: Room) -> None:
    room.verdict = hold()
    task, approval = await held(room)
    assert await room.ledger.settle_approval(approval.id, BOB.id, True)
    assert (await asyncio.wait_for(task, 5)).operation.text == "restart"


async def test_what_was_granted_is_not_enough_where_more_is_asked_by_now(room: Room) -> None:
    """The rules change while it waits: the same rule asks two people when it is let through."""
    room.verdict = hold()
    task, first = await held(room)
    room.verdict = replace(hold(), count=2)
    await room.approvals().settle(first.id, BOB, True, first.sha256)
    while not (again := await room.ledger.approvals(state="held")):
        assert not task.done()
        await asyncio.sleep(0.01)
    assert again[0].count == 2
    assert again[0].id != first.id
    await room.approvals().settle(again[0].id, BOB, False, again[0].sha256, "no")
    with pytest.raises(Denied):
        await task
