"""Another text for what is held: neither side alone makes anything run, and what runs is exactly what both saw."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.core.errors import Denied
from gateway.core.operation import Operation
from gateway.core.people import Principal, Session
from gateway.core.ports import Approval
from gateway.core.verdict import Allow, Deny, Quorum, Verdict
from gateway.session.beforehand import Beforehand
from gateway.session.gate import Gate, Permit
from gateway.session.objections import Objection
from gateway.session.organs import Judge
from tests.session.asked import Scene, Town, person
from tests.session.conftest import ALICE, PEER, WEB, Room, hold, run
from tests.session.test_beforehand import command

BOB, CAROL = person("bob", "dba"), person("carol", "dba")
FIRST, OTHER = "rm -rf /var/tmp", "rm -rf /var/tmp/old"


@dataclass
class Desk:
    """A command that waits, and both who speak of it. `verdicts`: of other texts than those that are held."""

    scene: Scene
    waiting: "asyncio.Task[Permit]"
    gate: Gate
    approval: Approval
    verdicts: dict[str, Verdict] = field(default_factory=dict)

    def beforehand(self) -> Beforehand:
        judge = Judge(self.decide, "rev")
        return Beforehand(self.scene.approvals, lambda: judge, lambda name: WEB, command, self.scene.clock)

    def decide(self, operation: Operation, session: Session) -> Verdict:
        return self.verdicts.get(operation.text) or self.scene.room.decide(operation, session)

    async def now(self, id: str = "") -> Approval:
        found = await self.scene.room.ledger.approval(id or self.approval.id)
        assert found is not None
        return found

    async def amend(self, by: Principal = BOB, text: str = OTHER, reason: str = "", **other: Any) -> Approval:
        now = replace(await self.now(), **other)
        await self.beforehand().amend(await self.now(), by, now.sha256, now.version, text, reason)
        return await self.now()

    async def accept(self, who: Principal = ALICE, **other: Any) -> Approval:
        now = await self.now()
        assert now.amendment is not None
        said = {"sha": now.amendment.sha256, "version": now.version, **other}
        await self.beforehand().accept(now, who, PEER, said["sha"], said["version"])
        return await self.now()

    async def denied(self) -> Denied:
        with pytest.raises(Denied) as denied:
            await self.waiting
        return denied.value

    async def names(self) -> list[str]:
        return [entry.name for entry in await self.scene.room.ledger.entries()]


@pytest.fixture
async def desk(room: Room) -> AsyncIterator[Desk]:
    async with asked(room) as made:
        yield made


@asynccontextmanager
async def asked(room: Room, **more: Any) -> AsyncIterator[Desk]:
    scene = Scene(room, Town(ALICE, BOB, CAROL))
    gate = await scene.gate()
    waiting, approval = await scene.held(replace(hold(600), **more), run(FIRST), gate)
    try:
        yield Desk(scene, waiting, gate, approval)
    finally:
        waiting.cancel()
        await asyncio.wait([waiting])


async def refused(act: Any) -> tuple[str, str]:
    with pytest.raises(Objection) as objection:
        await act
    return objection.value.code, objection.value.sentence


async def test_what_is_accepted_is_another_request_and_passes_once(desk: Desk) -> None:
    proposed = await desk.amend(reason="only the old ones")
    assert (proposed.state, proposed.text, proposed.version) == ("held", FIRST, 2)
    over = await desk.accept()
    assert (over.state, over.text) == ("withdrawn", FIRST)
    other = await desk.now(over.replaced_by)
    assert (other.state, other.text, other.requester, other.replaces) == (
        "approved",
        OTHER,
        ALICE.id,
        over.id,
    )
    assert [(word.by, word.granted) for word in other.decisions] == [(BOB.id, True)]
    denied = await desk.denied()
    assert (denied.state, denied.instead, denied.request) == ("withdrawn", OTHER, over.id)
    operation = await command(WEB, OTHER)
    permit = await desk.gate.admit(operation, desk.scene.room.notice)
    assert (permit.operation.text, permit.request) == (OTHER, other.id)
    names = await desk.names()
    assert names.index("request.amended") < names.index("request.accepted") < names.index("approval.given")
    said = {entry.name: entry.body for entry in await desk.scene.room.ledger.entries()}
    for name in ("request.amended", "request.accepted"):
        assert (said[name]["before"], said[name]["text"]) == (FIRST, OTHER)
    again = asyncio.create_task(desk.gate.admit(operation, desk.scene.room.notice))
    await asyncio.sleep(0.3)
    assert not again.done(), "it passes once"
    again.cancel()
    await asyncio.wait([again])


async def test_who_may_propose(desk: Desk) -> None:
    stranger = person("dan", "dev")
    desk.scene.town.people[stranger.id] = stranger
    for who, why in ((ALICE, "you are the requester"), (stranger, "it asks dba")):
        assert why in (await refused(desk.amend(who)))[1]
    assert (await refused(desk.amend(version=7)))[0] == "changed"
    assert (await refused(desk.amend(sha256="0" * 64)))[0] == "changed"
    assert (await refused(desk.amend(text=FIRST)))[0] == "missing"
    assert (await refused(desk.amend(text="")))[0] == "scope"
    assert (await refused(desk.amend(text="ls\0rm")))[0] == "scope"
    desk.verdicts[OTHER] = Deny("no-rm", "never")
    assert (await refused(desk.amend()))[0] == "blocked"
    assert (await desk.now()).amendment is None


async def test_who_may_accept_and_what(desk: Desk) -> None:
    await desk.amend()
    for who in (BOB, CAROL):
        assert (await refused(desk.accept(who)))[0] == "not_yours"
    assert (await refused(desk.accept(version=1)))[0] == "changed"
    assert (await refused(desk.accept(sha=desk.approval.sha256)))[0] == "changed"
    shown = (await desk.now()).amendment
    assert shown is not None
    await desk.amend(CAROL, "ls")
    assert (await refused(desk.accept(sha=shown.sha256)))[0] == "changed", "a second replaces the first"
    assert (await desk.now()).state == "held"


async def test_a_yes_to_what_was_shown_before_does_not_count(desk: Desk) -> None:
    before = await desk.now()
    await desk.amend()
    act = desk.scene.approvals.settle(before.id, CAROL, True, before.sha256, version=before.version)
    assert (await refused(act))[0] == "changed"


async def test_who_proposed_it_has_lost_their_place(desk: Desk) -> None:
    await desk.amend()
    desk.scene.town.moves(BOB, "dev")
    assert "may not decide" in (await refused(desk.accept()))[1]
    desk.scene.town.leaves(BOB)
    assert (await refused(desk.accept()))[0] == "changed"
    assert not desk.waiting.done()


async def test_an_earlier_proposal_that_is_made_again_is_another(desk: Desk) -> None:
    first = await desk.amend()
    assert first.amendment is not None
    await desk.amend(CAROL, "ls")
    await desk.amend()
    stale = desk.accept(sha=first.amendment.sha256, version=first.version)
    assert (await refused(stale))[0] == "changed"
    assert (await desk.now()).state == "held"


async def test_too_late(desk: Desk) -> None:
    """Neither a proposal nor its acceptance brings back what is over."""
    proposed = await desk.amend()
    beforehand, said = desk.beforehand(), proposed.amendment
    assert said is not None
    desk.scene.clock.passed += timedelta(seconds=601)
    stale = beforehand.accept(proposed, ALICE, PEER, said.sha256, proposed.version)
    assert (await refused(stale))[0] == "changed"
    stale = beforehand.amend(proposed, CAROL, proposed.sha256, proposed.version, "ls", "")
    assert (await refused(stale))[0] == "not_yours"
    assert [each.text for each in await desk.scene.room.ledger.approvals()] == [FIRST]


async def test_taken_back(desk: Desk) -> None:
    proposed = await desk.amend()
    said = proposed.amendment
    assert said is not None
    await desk.scene.approvals.withdraw(proposed.id, ALICE)
    stale = desk.beforehand().accept(proposed, ALICE, PEER, said.sha256, proposed.version)
    assert (await refused(stale))[0] == "changed"
    assert [each.text for each in await desk.scene.room.ledger.approvals()] == [FIRST]


async def test_a_yes_to_the_first_is_none_to_the_other(room: Room) -> None:
    """Of two who are asked, one has said yes to the first text and the other proposes another."""
    async with asked(room, count=2) as desk:
        now = await desk.now()
        await desk.scene.approvals.settle(now.id, CAROL, True, now.sha256, version=now.version)
        assert "decided already" in (await refused(desk.amend(CAROL, "ls")))[1]
        await desk.amend(BOB)
        other = await desk.now((await desk.accept()).replaced_by)
        assert (other.state, [word.by for word in other.decisions]) == ("held", [BOB.id])


async def test_another_identity_of_who_asked(desk: Desk) -> None:
    """It neither proposes nor accepts."""
    town = desk.scene.town
    double = person("alice-2", "dba")
    town.people[double.id] = double
    town.owners[double.id] = ALICE.id
    assert "you are the requester" in (await refused(desk.amend(double)))[1]
    await desk.amend()
    assert (await refused(desk.accept(double)))[0] == "not_yours"


async def test_rules_that_block_it_by_then_block_it(desk: Desk) -> None:
    await desk.amend()
    desk.verdicts[OTHER] = Deny("no-rm", "never")
    assert (await refused(desk.accept()))[0] == "blocked"
    assert (await desk.now()).state == "held"


async def test_another_rule_asks_others_and_the_client_waits_for_them(desk: Desk) -> None:
    erin = person("erin", "sec")
    desk.scene.town.people[erin.id] = erin
    await desk.amend()
    desk.verdicts[OTHER] = replace(hold(600), rule="sec-too", approvers=frozenset({"sec"}))
    other = await desk.now((await desk.accept()).replaced_by)
    assert (other.state, other.decisions) == ("held", ()), "nobody's word counts where they are not asked"
    await asyncio.sleep(0.3)
    assert not desk.waiting.done()
    assert (await refused(desk.scene.approvals.settle(other.id, ALICE, True, other.sha256)))[0] == "not_yours"
    await desk.scene.approvals.settle(other.id, erin, True, other.sha256)
    assert (await desk.denied()).instead == OTHER


async def test_where_two_have_to_say_yes_the_proposal_is_one_of_them(room: Room) -> None:
    async with asked(room, count=2) as desk:
        await desk.amend()
        other = await desk.now((await desk.accept()).replaced_by)
        assert (other.state, [word.by for word in other.decisions]) == ("held", [BOB.id])
        assert (await refused(desk.scene.approvals.settle(other.id, BOB, True, other.sha256)))[
            0
        ] == "not_yours"
        await desk.scene.approvals.settle(other.id, CAROL, False, other.sha256, "no")
        denied = await desk.denied()
        assert (denied.state, denied.instead, denied.request) == ("denied", "", other.id)


async def test_what_has_to_be_given_first_has_to_be_given_first(room: Room) -> None:
    async with asked(room, requires=frozenset({"ticket"}), also=(Quorum(frozenset({"dba"}), 1),)) as desk:
        await desk.amend()
        assert await refused(desk.accept()) == (
            "missing",
            f"{desk.approval.id} still lacks a ticket: give it first",
        )


async def test_what_no_rule_holds_needs_no_request(desk: Desk) -> None:
    await desk.amend()
    desk.verdicts[OTHER] = Allow("everything")
    over = await desk.accept()
    assert (over.state, over.replaced_by) == ("withdrawn", "")
    assert (await desk.denied()).instead == OTHER


async def test_who_goes_away_while_others_decide_about_the_other_withdraws_it(room: Room) -> None:
    async with asked(room, count=2) as desk:
        await desk.amend()
        other = (await desk.accept()).replaced_by
        await asyncio.sleep(0.3)
        desk.waiting.cancel()
        await asyncio.wait([desk.waiting])
        assert (await desk.now(other)).state == "withdrawn"


async def test_both_at_once_and_only_one_counts(desk: Desk) -> None:
    await desk.amend()
    now = await desk.now()
    approve = desk.scene.approvals.settle(now.id, CAROL, True, now.sha256, version=now.version)
    came = await asyncio.gather(approve, *[desk.accept() for _ in range(5)], return_exceptions=True)
    assert sum(not isinstance(each, BaseException) for each in came) == 1
    over = await desk.now()
    assert over.state in ("approved", "withdrawn")
    opened = [each for each in await desk.scene.room.ledger.approvals() if each.text == OTHER]
    assert len(opened) == (over.state == "withdrawn")


async def test_a_typed_line_can_not_be_amended(room: Room) -> None:
    async with asked(room) as desk:
        typed = replace(await desk.now(), verb="typed")
        act = desk.beforehand().amend(typed, BOB, typed.sha256, typed.version, OTHER, "")
        code, sentence = await refused(act)
        assert code == "scope"
        assert "a line that is typed in a shell can not be amended" in sentence


async def test_its_person_reads_it_without_harm(desk: Desk) -> None:
    await desk.amend(text='ls "\u202e\x1b[2J', reason='x" hoop: approved "')
    room = desk.scene.room
    async with asyncio.timeout(10):
        while not any("proposes another text" in said for said in room.spoken):
            await asyncio.sleep(0.02)
    (said,) = [each for each in room.spoken if "proposes another text" in each]
    assert said.isascii()
    assert said.isprintable()
    assert said.startswith(f"hoop: {desk.approval.id} - bob@example.com proposes another text")
