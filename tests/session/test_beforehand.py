"""Asking before there is a session: for what rules hold and let people grant, and for nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.core.errors import Denied, Refused
from gateway.core.operation import Operation
from gateway.core.people import Principal, Session, Target
from gateway.core.ports import Approval
from gateway.core.verdict import Allow, Deny, Hold, Quorum, Verdict
from gateway.session.approvals import Approvals
from gateway.session.beforehand import Beforehand, Wish
from gateway.session.objections import Objection
from gateway.session.organs import Judge
from tests.session.asked import Scene, Town, person
from tests.session.conftest import ALICE, PEER, WEB, Room, hold, run
from tests.session.test_tenure import Door

BOB, CAROL = person("bob", "dba"), person("carol", "dba")
PROD = replace(WEB, labels={"env": "prod"})
COME = replace(hold(600), rule="ask-to-come", scopes=("once", "target 1h"))
DDL = replace(hold(600), rule="ddl", scopes=("once", "target 30m"))
OTHER = replace(hold(600), rule="other-writes", author="other")


@dataclass
class Rules:
    """What they say: of coming in, of one operation, and of what they hold in a session."""

    coming: Verdict = field(default_factory=lambda: Allow("default"))
    text: Verdict = field(default_factory=lambda: Allow("everything"))
    windows: Sequence[Hold] = ()
    lets_in: bool = True

    def decide(self, operation: Operation, session: Session) -> Verdict:
        return self.coming if operation.verb == "connect" else self.text

    def judge(self) -> Judge:
        return Judge(self.decide, "rev", lets_in=lambda _: self.lets_in, windows=lambda session: self.windows)


async def command(target: Target, text: str) -> Operation:
    if not text.strip():
        raise Refused("this is no command")
    return run(text)


@dataclass
class Desk:
    """Where somebody asks, and where they come in."""

    scene: Scene
    rules: Rules
    door: Door
    target: Target = PROD

    async def ask(self, who: Principal = ALICE, **wish: Any) -> Approval:
        beforehand = Beforehand(
            self.scene.approvals,
            self.rules.judge,
            lambda name: self.target if name == self.target.name else None,
            command,
            self.scene.clock,
        )
        return await beforehand.ask(who, PEER, Wish(**{"target": "web-1", **wish}))

    async def refused(self, **wish: Any) -> tuple[str, str]:
        with pytest.raises(Objection) as refused:
            await self.ask(**wish)
        assert await self.scene.room.ledger.approvals() == []
        return refused.value.code, refused.value.sentence

    async def granted(self, approval: Approval, scope: str = "once") -> Approval:
        return await self.scene.grant(approval, BOB, scope)


@pytest.fixture
def desk(room: Room) -> Desk:
    scene = Scene(room, Town(ALICE, BOB, CAROL))
    return Desk(scene, Rules(), Door(scene))


async def test_access_for_a_time_lasts_from_the_moment_it_is_granted(desk: Desk) -> None:
    desk.rules.coming = replace(COME, requires=frozenset({"reason"}))
    asked = await desk.ask(lasts="40m", reason="fix invoice 88", ticket="OPS-4412")
    assert (asked.kind, asked.session, asked.mode, asked.verb) == ("access", "", "fail", "connect")
    assert (asked.text, asked.scopes) == ("access to web-1 (PROD) for 40m", ("target 40m",))
    assert asked.answers == {"reason": "fix invoice 88", "ticket": "OPS-4412"}
    (held,) = await desk.scene.room.ledger.entries()
    assert (held.name, held.body["kind"], held.body["answers"]) == (
        "operation.held",
        "access",
        {"reason": "fix invoice 88", "ticket": "OPS-4412"},
    )
    assert await desk.scene.room.ledger.approval(asked.id) == asked
    desk.scene.clock.passed = timedelta(minutes=5)
    settled = await desk.granted(asked)
    assert (settled.state, settled.granted_scope) == ("approved", "target 40m")
    (grant,) = await desk.scene.room.ledger.grants(ALICE.id, "web-1")
    assert grant.expires_at - grant.opened_at == timedelta(minutes=40)
    assert grant.opened_at == settled.decisions[-1].at
    desk.scene.room.verdict = COME
    gate = await desk.door.passes()
    assert gate is not None
    opened = [e.name for e in await desk.scene.room.ledger.entries(session=gate.session.id)]
    assert opened == ["session.opened", "grant.used", "operation.admitted"]
    await gate.close("exit 0", {})


async def test_without_a_time_it_is_all_that_the_rule_lists_and_less_may_be_granted(desk: Desk) -> None:
    desk.rules.coming = COME
    asked = await desk.ask()
    assert asked.text == "access to web-1 (PROD) for 1h"
    with pytest.raises(Objection, match=r"it lists target 1h$"):
        await desk.granted(asked, "target 2h")
    assert (await desk.granted(asked, "target 10m")).granted_scope == "target 10m"


async def test_a_rule_without_scopes_lets_somebody_in_once(desk: Desk) -> None:
    desk.rules.coming = replace(COME, scopes=("once",))
    code, said = await desk.refused(lasts="1h")
    assert (code, said) == ("scope", "ask-to-come lets nobody grant a time on web-1: ask for one session")
    desk.target = WEB
    asked, other = await desk.ask(), await desk.ask(login="root")
    assert (asked.scopes, asked.text) == (("once",), "access to web-1")
    assert (await desk.granted(asked)).granted_scope == "once"
    desk.scene.room.verdict = replace(desk.rules.coming)
    assert await desk.door.passes(login="root") is None
    gate = await desk.door.passes()
    assert gate is not None
    assert await desk.door.passes() is None
    await desk.granted(other)
    assert await desk.door.passes() is None
    for each in desk.door.gates:
        await each.close("exit 0", {})


async def test_nothing_is_asked_for_that_no_rule_would_grant(desk: Desk) -> None:
    nothing = ("scope", "no rule holds anything on web-1 for you: just connect")
    assert await desk.refused(lasts="1h") == nothing
    assert await desk.refused(rule="ddl") == nothing
    desk.rules.coming = COME
    assert await desk.refused(lasts="61m") == ("scope", "ask-to-come lets people grant 1h on web-1 at most")
    assert (await desk.refused(lasts="1w"))[0] == "scope"
    assert await desk.refused(target="web-2") == ("unknown", 'there is no target "web-2" for you')
    assert (await desk.refused(login="postgres"))[0] == "blocked"
    elsewhere = replace(ALICE, targets=frozenset({"other"}))
    with pytest.raises(Objection, match="no target"):
        await desk.ask(elsewhere)
    desk.rules.lets_in = False
    assert await desk.refused() == ("blocked", "no rule lets you do anything on web-1")
    desk.rules.coming = Deny("freeze", "nobody comes in")
    assert await desk.refused() == ("blocked", "blocked by freeze - nobody comes in")


async def test_a_window_is_for_what_one_rule_holds(desk: Desk) -> None:
    desk.rules.windows = (DDL, replace(hold(), rule="once-only"))
    asked = await desk.ask(lasts="20m")
    assert asked.text == "access to web-1 (PROD) for 20m, for what ddl holds"
    await desk.granted(asked)
    gate = await desk.scene.gate()
    desk.scene.room.verdict = DDL
    assert (await gate.admit(run("drop"), desk.scene.room.notice)).request == asked.id
    desk.scene.room.verdict = replace(DDL, rule="another", mode="fail")
    with pytest.raises(Denied):
        await gate.admit(run("drop"), desk.scene.room.notice)


async def test_which_window_has_to_be_said_where_there_are_several(desk: Desk) -> None:
    desk.rules.windows = (DDL, replace(DDL, rule="deletes"), replace(hold(), rule="once-only"))
    assert await desk.refused() == (
        "missing",
        "several rules hold something on web-1, say which: ddl, deletes",
    )
    assert (await desk.refused(rule="nothing"))[0] == "scope"
    granted_as_you_go = "what once-only holds on web-1 is granted as you go, not for a time"
    assert await desk.refused(rule="once-only") == ("scope", granted_as_you_go)
    assert (await desk.ask(rule="deletes")).rule == "deletes"


async def test_asked_again_it_is_the_same_request(desk: Desk) -> None:
    desk.rules.coming = COME
    first = await desk.ask(lasts="1h", key="k1")
    assert (await desk.ask(lasts="1h")).id == first.id
    shorter = await desk.ask(lasts="30m")
    assert shorter.id != first.id
    await desk.granted(first)
    assert (await desk.ask(lasts="1h", key="k1")).id == first.id, "sent again, though it is granted by now"
    assert (await desk.ask(lasts="1h")).id != first.id


async def test_too_much_is_too_much(desk: Desk) -> None:
    desk.rules.coming = COME
    scene = desk.scene
    scene.approvals = Approvals(scene.room.ledger, scene.room.bus, scene.clock, scene.town, most_of_one=2)
    await desk.ask(lasts="1m")
    await desk.ask(lasts="2m")
    with pytest.raises(Objection, match="2 of your requests wait already") as refused:
        await desk.ask(lasts="3m")
    assert refused.value.code == "many"


async def test_a_gateway_that_was_killed_before_it_opened_the_grant(desk: Desk) -> None:
    desk.rules.coming = COME
    asked = await desk.ask(lasts="1h")
    ledger = desk.scene.room.ledger
    assert await ledger.settle_approval(
        asked.id, BOB.id, True, groups=BOB.groups, scope="target 1h", version=asked.version
    )
    assert await ledger.grants(ALICE.id, "web-1") == []
    desk.scene.room.verdict = COME
    gate = await desk.door.passes()
    assert gate is not None
    await gate.close("exit 0", {})


async def test_a_text_passes_once_by_its_author(desk: Desk) -> None:
    desk.rules.text = desk.scene.room.verdict = DDL
    asked = await desk.ask(text="drop table t", reason="tidy")
    assert (asked.kind, asked.text, asked.scopes) == ("text", "drop table t", DDL.scopes)
    gate = await desk.scene.gate()
    await desk.granted(asked)
    assert (await gate.admit(run("drop table t"), desk.scene.room.notice)).request == asked.id
    desk.scene.room.verdict = replace(DDL, mode="fail")
    for text in ("drop table t", "drop table  t"):
        with pytest.raises(Denied) as held:
            await gate.admit(run(text), desk.scene.room.notice)
        assert held.value.request != asked.id


async def test_only_what_is_held_is_written_down(desk: Desk) -> None:
    assert await desk.refused(text="ls") == ("scope", "no rule holds this on web-1 for you: just run it")
    assert await desk.refused(text=" ") == ("scope", "this is no command")
    desk.rules.text = Deny("no-drops", "never")
    assert await desk.refused(text="drop") == ("blocked", "blocked by no-drops - never")
    assert (await desk.refused(text="drop", lasts="1h"))[0] == "scope"


async def test_what_somebody_else_has_to_run(desk: Desk) -> None:
    desk.rules.text = desk.scene.room.verdict = OTHER
    asked = await desk.ask(text="delete from t")
    own, others = await desk.scene.gate(), await desk.scene.gate(CAROL)
    how = "only what somebody else wrote and had approved may run: they ask with hoop-tui request create"
    with pytest.raises(Denied, match=f"blocked by other-writes - {how} --target web-1 --text"):
        await others.admit(run("delete from t"), desk.scene.room.notice)
    await desk.granted(asked)
    with pytest.raises(Denied, match=f"you wrote {asked.id} yourself, so somebody else has to run it"):
        await own.admit(run("delete from t"), desk.scene.room.notice)
    desk.scene.town.owners["machine:alices"] = ALICE.id
    machine = await desk.scene.gate(replace(ALICE, id="machine:alices"))
    with pytest.raises(Denied, match="you wrote"):
        await machine.admit(run("delete from t"), desk.scene.room.notice)
    with pytest.raises(Denied, match="only what somebody else wrote"):
        await others.admit(run("delete from t "), desk.scene.room.notice)
    permit = await others.admit(run("delete from t"), desk.scene.room.notice)
    assert (permit.request, permit.once) == (asked.id, True)
    with pytest.raises(Denied, match="only what somebody else wrote"):
        await others.admit(run("delete from t"), desk.scene.room.notice)
    used = [e for e in await desk.scene.room.ledger.entries(limit=1000) if e.name == "grant.used"]
    assert [(entry.body["request"], entry.actor) for entry in used] == [(asked.id, CAROL.id)]


async def test_whoever_approved_it_may_run_it_in_time_and_while_the_approval_stands(desk: Desk) -> None:
    desk.rules.text = desk.scene.room.verdict = OTHER
    asked, late, lost = [await desk.ask(text=f"delete {n}") for n in range(3)]
    for each in (asked, late, lost):
        await desk.granted(each)
    gate = await desk.scene.gate(BOB)
    assert (await gate.admit(run("delete 0"), desk.scene.room.notice)).request == asked.id
    desk.scene.clock.passed = timedelta(seconds=601)
    with pytest.raises(Denied, match="only what somebody else wrote"):
        await gate.admit(run("delete 1"), desk.scene.room.notice)
    desk.scene.clock.passed = timedelta()
    desk.scene.town.moves(BOB, "dev")
    with pytest.raises(Denied, match="only what somebody else wrote"):
        await gate.admit(run("delete 2"), desk.scene.room.notice)
    assert (await desk.scene.approvals.find(lost.id, CAROL)).state == "denied"


async def test_a_grant_of_ones_own_is_no_way_round_the_author(desk: Desk) -> None:
    """It was given before the rule wanted somebody else to write."""
    desk.rules.windows = (replace(DDL, rule="other-writes"),)
    await desk.granted(await desk.ask(lasts="20m"))
    desk.scene.room.verdict = replace(OTHER, scopes=DDL.scopes)
    gate = await desk.scene.gate()
    with pytest.raises(Denied, match="only what somebody else wrote"):
        await gate.admit(run("delete"), desk.scene.room.notice)


async def test_what_another_rule_holds_as_well_does_not_end_a_window(desk: Desk) -> None:
    desk.rules.windows = (DDL,)
    await desk.granted(await desk.ask(lasts="20m"))
    gate = await desk.scene.gate()
    both = replace(DDL, also=(Quorum(frozenset({"sec"})),), mode="fail")
    desk.scene.room.verdict = both
    with pytest.raises(Denied):
        await gate.admit(run("drop"), desk.scene.room.notice)
    desk.scene.room.verdict = DDL
    assert (await gate.admit(run("drop"), desk.scene.room.notice)).request
