"""Who may decide: people of the asked groups, at that moment and at release, and never who asked."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.errors import Denied
from gateway.core.verdict import Hold, Quorum
from gateway.session.objections import Objection
from tests.session.asked import Scene, Town, gone, person
from tests.session.conftest import ALICE, Room, hold

BOB, CAROL, DAN = person("bob", "dba"), person("carol", "dba"), person("dan", "sec")
MALLORY = person("mallory", "dba")
DBA, SEC, SRE = (frozenset({name}) for name in ("dba", "sec", "sre"))


@pytest.fixture
def scene(room: Room) -> Scene:
    return Scene(room, Town(ALICE, BOB, CAROL, DAN, MALLORY))


def objecting(code: str, words: str) -> "pytest.RaisesExc[Objection]":
    return pytest.raises(Objection, match=words, check=lambda objection: objection.code == code)


async def test_a_second_identity_of_the_requester_decides_nothing(scene: Scene) -> None:
    """Alice came by a provider whose identity is linked to another of hers since."""
    task, request = await scene.held(hold())
    scene.town.owners[ALICE.id] = MALLORY.id
    with objecting("not_yours", "you are the requester"):
        await scene.grant(request, MALLORY)
    await gone(task)


async def test_an_owner_decides_nothing_for_their_machine(scene: Scene) -> None:
    scene.town.owners[ALICE.id] = BOB.id
    task, request = await scene.held(hold())
    with objecting("not_yours", "you are the requester"):
        await scene.grant(request, BOB)
    with objecting("not_yours", "you are the requester"):
        await scene.approvals.settle(request.id, BOB, False, request.sha256)
    await scene.grant(request, CAROL)
    assert (await task).operation.text == "restart"


async def test_a_machine_decides_nothing(scene: Scene) -> None:
    task, request = await scene.held(hold())
    scene.town.owners[MALLORY.id] = BOB.id
    for machine in (MALLORY, replace(CAROL, token_kind="machine")):
        with objecting("not_yours", "a machine decides nothing"):
            await scene.grant(request, machine)
    await gone(task)


async def test_a_group_that_was_left_counts_no_more(scene: Scene) -> None:
    """Whatever somebody's sign-in still says."""
    task, request = await scene.held(hold())
    scene.town.moves(BOB, "dev")
    with objecting("not_yours", "it asks dba"):
        await scene.grant(request, BOB)
    scene.town.leaves(CAROL)
    with objecting("not_yours", "it asks dba"):
        await scene.grant(request, CAROL)
    await gone(task)


async def test_a_group_that_was_left_before_the_release(scene: Scene) -> None:
    """Of two who have to grant it, the first leaves before the second does."""
    task, request = await scene.held(hold(count=2))
    await scene.grant(request, BOB)
    scene.town.moves(BOB, "dev")
    await scene.grant(request, CAROL)
    with pytest.raises(Denied) as denied:
        await task
    assert denied.value.sentence == (
        f'hoop: denied {request.id} by the gateway: "bob@example.com may not decide it any more" - nothing was run'
    )
    kept = await scene.approvals.find(request.id, CAROL)
    assert (kept.state, kept.decisions[-1].by) == ("denied", "")
    names = await scene.room.names(request.session)
    assert names[-2:] == ["approval.voided", "operation.denied"]


async def test_somebody_who_is_locked_before_the_release(scene: Scene) -> None:
    task, request = await scene.held(hold(count=2))
    await scene.grant(request, BOB)
    scene.town.leaves(BOB)
    await scene.grant(request, CAROL)
    with pytest.raises(Denied, match=r"bob@example\.com may not decide it any more"):
        await task


async def test_both_groups_are_asked(scene: Scene) -> None:
    both = Hold("two-eyes", "", DBA, also=(Quorum(SEC),), timeout=timedelta(seconds=30))
    task, request = await scene.held(both)
    assert "ask dba and sec" in scene.room.spoken[0]
    await scene.grant(request, BOB)
    await scene.said(f"{request.id} - granted by bob@example.com, asks sec still")
    assert (await scene.grant(request, CAROL)).state == "held"
    assert (await scene.grant(request, DAN)).state == "approved"
    assert (await task).operation.text == "restart"


async def test_one_person_of_both_groups_is_one_person(scene: Scene) -> None:
    scene.town.moves(BOB, "dba", "sec")
    both = Hold("two-eyes", "", DBA, also=(Quorum(SEC),), timeout=timedelta(seconds=30))
    task, request = await scene.held(both)
    assert (await scene.grant(request, BOB)).state == "held"
    with objecting("not_yours", "you have decided already"):
        await scene.grant(request, BOB)
    assert (await scene.grant(request, CAROL)).state == "approved"
    await task


async def test_others_stand_in_after_a_time(scene: Scene) -> None:
    later = Hold("r", "", SRE, then=((timedelta(minutes=3), SEC),), timeout=timedelta(minutes=10))
    task, request = await scene.held(later)
    with objecting("not_yours", "it asks sre, and you after 3 min"):
        await scene.grant(request, DAN)
    assert await scene.approvals.listing(DAN) == []
    scene.clock.passed = timedelta(minutes=3)
    assert [each.id for each in await scene.approvals.listing(DAN)] == [request.id]
    await scene.grant(request, DAN)
    assert (await task).operation.text == "restart"


@pytest.mark.parametrize("change", ["sha256", "version", "text"])
async def test_what_is_decided_on_is_what_was_shown(scene: Scene, change: str) -> None:
    task, request = await scene.held(hold())
    shown = {"sha256": request.sha256, "version": request.version}
    wrong = {"sha256": "0" * 64} if change == "sha256" else {"version": 2} if change == "version" else {}
    if change == "text":
        await scene.approvals.reply(request.id, ALICE, reason="invoice 88")
    with objecting("changed", "look again"):
        await scene.approvals.settle(request.id, BOB, True, **{**shown, **wrong})  # type: ignore[arg-type]  # as shown
    await gone(task)


async def test_the_second_word_hears_whose_the_first_was(scene: Scene) -> None:
    task, request = await scene.held(hold())
    await scene.grant(request, BOB)
    with objecting("decided", "decided already: approved by bob@example.com"):
        await scene.approvals.settle(request.id, CAROL, False, request.sha256)
    await task


async def test_two_at_the_same_moment(scene: Scene) -> None:
    """One of them wins, and the operation does what that one said."""
    for n in range(6):
        task, request = await scene.held(hold())
        words = await asyncio.gather(
            scene.grant(request, BOB),
            scene.approvals.settle(request.id, CAROL, False, request.sha256, "no"),
            return_exceptions=True,
        )
        lost = [word for word in words if isinstance(word, Objection)]
        assert [each.code for each in lost] == ["decided"], n
        if isinstance(words[0], Objection):
            with pytest.raises(Denied, match='"no"'):
                await task
        else:
            assert (await task).operation.text == "restart"


async def test_what_requires_a_reason_waits_for_it(scene: Scene) -> None:
    asking = replace(hold(), requires=frozenset({"reason", "ticket"}))
    task, request = await scene.held(asking)
    assert f"give a reason and ticket: hoop-tui request reply {request.id}" in scene.room.spoken[0]
    with objecting("missing", "a reason and a ticket has to be given first"):
        await scene.grant(request, BOB)
    request = await scene.approvals.reply(request.id, ALICE, reason="invoice 88", ticket="OPS-4412")
    with objecting("not_yours", "you did not ask for it"):
        await scene.approvals.reply(request.id, BOB, reason="mine")
    with objecting("changed", "has a reason already"):
        await scene.approvals.reply(request.id, ALICE, reason="another")
    await scene.grant(request, BOB)
    await task
    entries = await scene.room.ledger.entries(session=request.session)
    (answered,) = (entry for entry in entries if entry.name == "approval.answered")
    assert answered.body["answers"] == {"reason": "invoice 88", "ticket": "OPS-4412"}


async def test_who_sees_what(scene: Scene) -> None:
    staff, outsider = person("olga", roles="auditor"), person("oscar", "dev")
    for each in (staff, outsider):
        scene.town.people[each.id] = each
    task, request = await scene.held(hold())
    for who in (ALICE, BOB, staff):
        assert (await scene.approvals.find(request.id, who)).text == "restart"
        assert [each.id for each in await scene.approvals.listing(who, "all")] == [request.id]
    with objecting("unknown", "there is no request"):
        await scene.approvals.find(request.id, outsider)
    assert await scene.approvals.listing(outsider, "all") == []
    assert [each.id for each in await scene.approvals.listing(ALICE, "mine")] == [request.id]
    assert await scene.approvals.listing(ALICE, "asked") == await scene.approvals.listing(BOB, "mine") == []
    assert [each.id for each in await scene.approvals.listing(BOB)] == [request.id]
    scene.town.moves(BOB, "dev")
    with objecting("unknown", "there is no request"):
        await scene.approvals.find(request.id, BOB)
    await gone(task)


async def test_nothing_is_decided_that_is_not_there(scene: Scene) -> None:
    with objecting("unknown", "there is no request 7QF-2KM"):
        await scene.approvals.settle("7QF-2KM", BOB, True, "0" * 64)


async def test_may_decide_says_why_not(scene: Scene) -> None:
    task, request = await scene.held(hold())
    now = datetime.now(UTC)
    assert scene.approvals.may_decide(request, BOB, now) == ""
    assert scene.approvals.may_decide(request, ALICE, now) == "you are the requester"
    assert scene.approvals.may_decide(request, DAN, now) == "it asks dba"
    assert scene.approvals.may_decide(request, BOB, request.expires_at) == "its time is over"
    assert scene.approvals.may_decide(replace(request, state="denied"), BOB, now) == "it is denied already"
    await gone(task)
