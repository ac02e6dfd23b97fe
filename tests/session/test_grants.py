"""What passes by an earlier approval, as often and as long as was granted; and what is asked for and tried again."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.core.errors import Denied
from gateway.core.operation import Effect, Operation
from gateway.core.sql import SqlFacts
from gateway.core.verdict import Deny, Hold
from gateway.session.approvals import Approvals
from gateway.session.gate import Gate
from gateway.session.objections import Objection
from tests.session.asked import PATIENCE, Scene, Town, gone, person, until
from tests.session.conftest import ALICE, Room, hold, run

BOB, CAROL = person("bob", "dba"), person("carol", "dba")
WRITE = frozenset({Effect.WRITE})
WIDE = replace(hold(), scopes=("once", "shape 15m 3", "target 1h", "session"))
LATER = replace(hold(60), mode="fail")


@pytest.fixture
def scene(room: Room) -> Scene:
    return Scene(room, Town(ALICE, BOB, CAROL))


def delete(n: int, *, certain: bool = True) -> Operation:
    facts = SqlFacts("delete", f"delete from t where id = {n}", WRITE, shape="delete from t where id = ?")
    return Operation("delete", facts.text, WRITE, details={"sql": replace(facts, certain=certain)})


async def passes(scene: Scene, gate: Gate, operation: Operation) -> bool:
    """Whether it is let through without asking anybody."""
    told = len(scene.room.spoken)
    task = asyncio.create_task(gate.admit(operation, scene.room.notice))
    while not task.done() and len(scene.room.spoken) == told:
        await asyncio.sleep(0.005)
    held = len(scene.room.spoken) > told
    if held:
        await gone(task)
    else:
        await task
    return not held


async def granted(scene: Scene, scope: str, gate: Gate, operation: Operation | None = None) -> str:
    """Something is held, and granted with this scope: the request's id."""
    task, request = await scene.held(WIDE, operation or delete(1), gate)
    await scene.grant(request, BOB, scope)
    await task
    return request.id


async def uses(scene: Scene, request: str) -> int:
    entries = await scene.room.ledger.entries(limit=1000)
    return sum(entry.name == "grant.used" and entry.body["request"] == request for entry in entries)


async def test_once_is_once(scene: Scene) -> None:
    gate = await scene.gate()
    await granted(scene, "once", gate)
    assert not await passes(scene, gate, delete(1))


async def test_the_same_shape_so_many_times(scene: Scene) -> None:
    gate = await scene.gate()
    request = await granted(scene, "shape", gate)
    assert await passes(scene, gate, delete(2))
    assert not await passes(scene, gate, replace(delete(3), verb="update"))
    assert not await passes(scene, gate, delete(3, certain=False))
    assert not await passes(scene, gate, run("delete from t where id = 3"))
    assert await passes(scene, await scene.gate(), delete(1))
    assert not await passes(scene, gate, delete(4)), "the one that was asked about is the first of three"
    assert await uses(scene, request) == 2
    admitted = [
        entry for entry in await scene.room.ledger.entries(limit=1000) if entry.body.get("request") == request
    ]
    assert [entry.name for entry in admitted][-4:] == ["grant.used", "operation.admitted"] * 2


async def test_an_approver_may_grant_less_but_not_more(scene: Scene) -> None:
    gate = await scene.gate()
    task, request = await scene.held(WIDE, delete(1), gate)
    for wrong in ("shape 16m 3", "shape 15m 4", "target 2h", "ever", ""):
        with pytest.raises(Objection, match="it lists once, shape 15m 3, target 1h, session") as refused:
            await scene.grant(request, BOB, wrong)
        assert refused.value.code == "scope"
    await scene.grant(request, BOB, "shape 5m 2")
    await task
    assert await passes(scene, gate, delete(2))
    assert not await passes(scene, gate, delete(3))


async def test_a_rule_that_lists_nothing_grants_once_only(scene: Scene) -> None:
    task, request = await scene.held(hold())
    with pytest.raises(Objection, match=r"it lists once$"):
        await scene.grant(request, BOB, "session")
    await gone(task)


async def test_this_session(scene: Scene) -> None:
    gate = await scene.gate()
    await granted(scene, "session", gate)
    for n in range(5):
        assert await passes(scene, gate, run(f"anything {n}"))
    assert not await passes(scene, await scene.gate(), run("anything"))


async def test_this_target_for_a_time(scene: Scene) -> None:
    gate = await scene.gate()
    await granted(scene, "target", gate)
    assert await passes(scene, await scene.gate(), run("anything"))
    scene.room.verdict = replace(WIDE, rule="another-rule")
    assert not await passes(scene, gate, run("anything"))
    scene.room.verdict = replace(WIDE, scopes=("once",))
    assert not await passes(scene, gate, run("anything")), "the rule does not list it any more"
    scene.room.verdict = WIDE
    scene.clock.passed = timedelta(hours=1)
    assert not await passes(scene, gate, run("anything"))


async def test_a_grant_is_its_persons_own(scene: Scene) -> None:
    await granted(scene, "target", await scene.gate())
    other = person("erin", "dev")
    assert not await passes(scene, await scene.gate(other), run("anything"))


async def test_a_grant_ends_with_the_group_of_who_gave_it(scene: Scene) -> None:
    gate = await scene.gate()
    request = await granted(scene, "target", gate)
    scene.town.moves(BOB, "dev")
    assert not await passes(scene, gate, run("anything"))
    scene.town.moves(BOB, "dba")
    assert not await passes(scene, gate, run("anything")), "what has ended stays so"
    ends = [entry for entry in await scene.room.ledger.entries(limit=1000) if entry.name == "grant.ended"]
    assert [(entry.body["request"], entry.body["why"]) for entry in ends] == [
        (request, "bob@example.com may not decide it any more")
    ]


async def test_a_rule_that_asks_others_by_now(scene: Scene) -> None:
    gate = await scene.gate()
    await granted(scene, "target", gate)
    scene.room.verdict = replace(WIDE, count=2)
    assert not await passes(scene, gate, run("anything"))


@pytest.mark.parametrize("jump", [timedelta(days=3652), timedelta(days=-3652), timedelta(minutes=-5)])
async def test_a_clock_that_jumps_prolongs_nothing(scene: Scene, jump: timedelta) -> None:
    """Set back to before the grant was given, nothing passes by it; set forward, it is over for good."""
    gate = await scene.gate()
    await granted(scene, "target", gate)
    assert await passes(scene, gate, run("anything"))
    scene.clock.jumped = jump
    assert not await passes(scene, gate, run("anything"))
    scene.clock.jumped = timedelta()
    assert await passes(scene, gate, run("anything")) is (jump < timedelta())


async def test_a_clock_that_stands_still_prolongs_nothing(scene: Scene) -> None:
    """Somebody sets it back again and again: the other clock goes on."""
    gate = await scene.gate()
    await granted(scene, "target", gate)
    assert await passes(scene, gate, run("anything"))
    scene.clock.passed = timedelta(minutes=59)
    scene.clock.jumped = -timedelta(minutes=59)
    assert await passes(scene, gate, run("anything"))
    scene.clock.passed = timedelta(minutes=61)
    scene.clock.jumped = -timedelta(minutes=61)
    assert not await passes(scene, gate, run("anything"))


async def test_a_clock_that_is_set_back_lets_nothing_wait_longer(scene: Scene) -> None:
    """It still says that there is time; the one that nobody can set says that there is none."""
    task, request = await scene.held(hold(600))
    scene.clock.passed, scene.clock.jumped = timedelta(minutes=11), -timedelta(minutes=11)
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(Denied, match=r"expired .* nobody decided"):
            await task
    with pytest.raises(Objection, match="it expired"):
        await scene.grant(request, BOB)


async def test_of_many_at_once_as_many_run_as_were_granted(scene: Scene) -> None:
    gates = [await scene.gate() for _ in range(8)]
    request = await granted(scene, "shape", gates[0])
    outcomes = await asyncio.gather(*(passes(scene, gate, delete(n)) for n, gate in enumerate(gates)))
    assert await uses(scene, request) == 2
    assert Counter(outcomes)[True] <= 2


async def test_rules_that_changed_meanwhile(scene: Scene) -> None:
    """What was granted by rules of before is blocked by those of now."""
    task, request = await scene.held(hold())
    scene.room.verdict = Deny("freeze", "nothing changes today")
    await scene.grant(request, BOB)
    with pytest.raises(Denied, match="blocked by freeze - nothing changes today"):
        await task


async def test_another_rule_by_now_asks_again(scene: Scene) -> None:
    task, request = await scene.held(hold())
    scene.room.verdict = replace(hold(), rule="stricter", count=2)
    await scene.grant(request, BOB)
    waiting = await until(lambda: scene.room.ledger.approvals(state="held"))
    assert [each.rule for each in waiting] == ["stricter"]
    for who in (BOB, CAROL):
        await scene.grant(waiting[0], who)
    assert (await task).rule == "stricter"


# What is refused at first.


async def refused(scene: Scene, gate: Gate, operation: Operation, verdict: Hold = LATER) -> str:
    """It is refused with the id of a request: that id."""
    scene.room.verdict = verdict
    with pytest.raises(Denied) as denied:
        await gate.admit(operation, scene.room.notice)
    assert denied.value.state == "held"
    id = denied.value.request
    assert denied.value.sentence == f"hoop: held {id} - run the same again once approved, nothing was run"
    return id


async def test_what_is_refused_at_first_passes_once_after_it_was_granted(scene: Scene) -> None:
    gate = await scene.gate()
    id = await refused(scene, gate, delete(1))
    assert await refused(scene, gate, delete(1)) == id, "asked again, it is the same request"
    request = await scene.approvals.find(id, BOB)
    other = await refused(scene, gate, delete(2))
    assert other != id
    await scene.grant(request, BOB)
    assert await refused(scene, gate, delete(2)) == other
    assert await refused(scene, await scene.gate(person("erin")), delete(1)) not in (id, other)
    again = await scene.gate()
    permit = await again.admit(delete(1), scene.room.notice)
    assert permit.once
    assert await refused(scene, gate, delete(1)) not in (id, other), "it has passed once"
    assert await uses(scene, id) == 1


async def test_tried_again_at_the_same_moment_it_passes_once(scene: Scene) -> None:
    gates = [await scene.gate() for _ in range(6)]
    id = await refused(scene, gates[0], delete(1))
    await scene.grant(await scene.approvals.find(id, BOB), BOB)
    tries = (gate.admit(delete(1), scene.room.notice) for gate in gates)
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(not isinstance(each, Denied) for each in outcomes) == 1
    assert await uses(scene, id) == 1


async def test_what_was_granted_for_later_is_good_for_a_time(scene: Scene) -> None:
    gate = await scene.gate()
    id = await refused(scene, gate, delete(1))
    await scene.grant(await scene.approvals.find(id, BOB), BOB)
    scene.clock.passed = timedelta(seconds=61)
    assert await refused(scene, gate, delete(1)) != id


async def test_what_was_granted_for_later_by_somebody_who_left(scene: Scene) -> None:
    gate = await scene.gate()
    id = await refused(scene, gate, delete(1))
    await scene.grant(await scene.approvals.find(id, BOB), BOB)
    scene.town.leaves(BOB)
    assert await refused(scene, gate, delete(1)) != id
    assert (await scene.approvals.find(id, CAROL)).state == "denied"


async def test_more_than_once_for_later(scene: Scene) -> None:
    gate = await scene.gate()
    wide = replace(LATER, scopes=("shape 15m 2",))
    id = await refused(scene, gate, delete(1), wide)
    await scene.grant(await scene.approvals.find(id, BOB), BOB, "shape")
    await gate.admit(delete(1), scene.room.notice)
    await gate.admit(delete(2), scene.room.notice)
    assert await refused(scene, gate, delete(1), wide) != id
    assert await uses(scene, id) == 2


async def test_denied_for_later_is_asked_for_anew(scene: Scene) -> None:
    gate = await scene.gate()
    id = await refused(scene, gate, delete(1))
    request = await scene.approvals.find(id, BOB)
    await scene.approvals.settle(id, BOB, False, request.sha256, "no")
    assert await refused(scene, gate, delete(1)) != id


@pytest.mark.parametrize("mode", ["wait", "fail"])
async def test_nobody_asks_for_too_much_at_once(scene: Scene, mode: str) -> None:
    scene.approvals = Approvals(scene.room.ledger, scene.room.bus, scene.clock, scene.town, most_of_one=3)
    scene.room.verdict = replace(hold(60), mode=mode)
    gate = await scene.gate()
    tasks = [asyncio.create_task(gate.admit(delete(n), scene.room.notice)) for n in range(3)]
    await until(lambda: _so_many_wait(scene, 3))
    with pytest.raises(Denied, match="3 of your requests wait already") as denied:
        await gate.admit(delete(4), scene.room.notice)
    assert denied.value.state == "blocked"
    request = (await scene.room.ledger.approvals(state="held"))[0]
    await scene.approvals.withdraw(request.id, ALICE)
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    tasks.append(asyncio.create_task(gate.admit(delete(4), scene.room.notice)))
    await until(lambda: _so_many_wait(scene, 3))
    for task in tasks:
        await gone(task)
        assert task.cancelled() or isinstance(task.exception(), Denied)


async def _so_many_wait(scene: Scene, many: int) -> bool:
    return len(await scene.room.ledger.approvals(state="held")) == many


async def test_reminders_come_after_a_minute_and_then_every_five(scene: Scene) -> None:
    task, request = await scene.held(hold(3600))
    for minutes, reminders in ((0.9, 0), (1.1, 1), (5.9, 1), (6.2, 2), (11.0, 2), (11.4, 3)):
        scene.clock.passed = timedelta(minutes=minutes)
        for n in range(2):  # the second is heard once all that was due with the first has been said
            await scene.approvals.comment(request.id, BOB, f"{minutes} {n}")
            await scene.said(f'"{minutes} {n}"')
        assert sum("still waiting" in each for each in scene.room.spoken) == reminders, minutes
    await gone(task)
