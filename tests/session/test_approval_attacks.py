"""Attacks on approvals, one after the other, on the engine with a real ledger. Their numbers are those of the page.

Floods, clocks and a ledger that fails are in `test_approval_faults.py`. What needs a client, a browser or two
gateways is elsewhere: docs/threats.md names every test of each attack.
"""

import ast
import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from gateway.core.approval import Approval
from gateway.core.approval_events import GrantUsed
from gateway.core.errors import Denied
from gateway.core.operation import Operation
from gateway.core.people import Principal, Session
from gateway.core.verdict import Deny, Hold, Quorum
from gateway.session.approvals import Approvals
from gateway.session.gate import Gate
from gateway.session.objections import Objection
from tests.session.asked import Scene, Town, gone
from tests.session.attacked import ALICE, BOB, CAROL, EVERYBODY, GLASS, LATER, SUE, WIDE, refused
from tests.session.conftest import Room, hold, run

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")


@pytest.fixture
def scene(room: Room) -> Scene:
    return Scene(room, Town(*EVERYBODY))


# the request is another one after it was approved.

CHANGES: dict[str, Callable[[Session, Operation, Hold], tuple[Session, Operation, Hold]]] = {
    "target": lambda s, o, h: (replace(s, target=replace(s.target, name="web-2")), o, h),
    "account": lambda s, o, h: (replace(s, login="root"), o, h),
    "requester": lambda s, o, h: (replace(s, principal=SUE), o, h),
    "text": lambda s, o, h: (s, run("restart "), h),
    "look-alike": lambda s, o, h: (s, run("re\u200bstart"), h),
    "verb": lambda s, o, h: (s, replace(o, verb="shell"), h),
    "rule": lambda s, o, h: (s, o, replace(h, rule="another")),
    "whom it asks": lambda s, o, h: (s, o, replace(h, approvers=frozenset({"sec"}))),
    "how many it asks": lambda s, o, h: (s, o, replace(h, count=2)),
}


@pytest.mark.parametrize("field", CHANGES)
@pytest.mark.parametrize("scope", ["once", "target"])
async def test_a1_what_was_approved_is_not_another_thing(scene: Scene, field: str, scope: str) -> None:
    scene.room.verdict = LATER
    gate = await scene.gate(ALICE)
    request = await scene.approvals.find(await refused(scene, gate, run("restart")), ALICE)
    await scene.grant(request, BOB, scope)
    changed = CHANGES[field](gate.session, run("restart"), LATER)
    if scope == "target" and field in ("text", "look-alike", "verb"):  # it covers whatever the rule holds
        await _covers_only_once_used(scene, gate, changed)
        return
    assert await scene.approvals.covered(*changed) == ""
    left = await scene.approvals.find(request.id, ALICE)
    passes = "" if left.state == "denied" else request.id
    assert await scene.approvals.covered(gate.session, run("restart"), LATER) == passes
    assert passes or field in ("whom it asks", "how many it asks"), "it was void for whoever asked it wrongly"


async def _covers_only_once_used(scene: Scene, gate: Gate, changed: tuple[Session, Operation, Hold]) -> None:
    assert await scene.approvals.covered(*changed) == "", "the first run is that of the very text"
    assert await scene.approvals.covered(gate.session, run("restart"), LATER)
    assert await scene.approvals.covered(*changed)


async def test_a1_a_decision_counts_for_what_was_shown_only(scene: Scene) -> None:
    """The reason is part of what is shown: giving it makes another version."""
    task, request = await scene.held(replace(hold(60), requires=frozenset({"reason"}), break_glass=GLASS))
    shown = request
    request = await scene.approvals.reply(request.id, ALICE, reason="because")
    assert request.version == shown.version + 1
    for sha256, version in ((shown.sha256, 1), ("0" * 64, 2), (run("restart ").sha256, 2), ("", 2)):
        for granted in (True, False):
            with pytest.raises(Objection, match="not what you were shown"):
                await scene.approvals.settle(request.id, BOB, granted, sha256, "x", version=version)
        with pytest.raises(Objection, match="not what you were shown"):
            await scene.approvals.break_glass(request.id, ALICE, sha256, "x", version=version)
    assert (await scene.approvals.find(request.id, ALICE)).state == "held"
    await gone(task)


# somebody approves what they have asked for.


def _others_of(alice: Principal) -> dict[str, Principal]:
    return {
        "themselves": replace(alice, groups=frozenset({"dba"}), roles=frozenset({"approver", "admin"})),
        "a linked identity": Principal("idp#7", "alice@idp", frozenset({"dba"}), frozenset({"approver"})),
        "their machine": Principal("machine:ci", "ci", frozenset({"dba"}), token_kind="machine"),
        "a machine's secret": Principal("machine:ci", "ci", frozenset({"dba"}), token_kind="secret"),
        "somebody else's machine": Principal("machine:cd", "cd", frozenset({"dba"}), token_kind="machine"),
    }


@pytest.mark.parametrize("who", _others_of(ALICE))
async def test_a2_nobody_approves_what_is_their_own(scene: Scene, who: str) -> None:
    other = _others_of(ALICE)[who]
    scene.town.people[other.id] = other
    scene.town.owners |= {"idp#7": ALICE.id, "machine:ci": ALICE.id, "machine:cd": BOB.id}
    task, request = await scene.held(replace(hold(60), break_glass=GLASS), gate=await scene.gate(ALICE))
    at = scene.approvals
    acts: list[Callable[[], Awaitable[Approval]]] = [
        lambda: at.settle(request.id, other, True, request.sha256, "yes"),
        lambda: at.settle(request.id, other, False, request.sha256, "no"),
    ]
    if who in ("themselves", "a linked identity"):
        acts += [lambda: at.claim(request.id, other), lambda: at.comment(request.id, other, "fine")]
    if who != "themselves":
        acts += [lambda: at.break_glass(request.id, other, request.sha256, "now")]
    for act in acts:
        with pytest.raises(Objection) as objection:
            await act()
        assert objection.value.code == "not_yours"
    assert (await at.find(request.id, BOB)).decisions == ()
    scene.town.people[ALICE.id] = ALICE
    await at.break_glass(request.id, ALICE, request.sha256, "now")
    await task
    with pytest.raises(Objection) as objection:
        await at.sign(request.id, other, "ok", "fine")
    assert objection.value.code == "not_yours"


def test_a2_there_is_one_way_to_each_decision() -> None:
    """No command and no route goes past the engine: only one module writes each of them into the ledger."""
    ways = ("settle_approval", "break_glass", "sign_review", "revoke_approval", "void_approval")
    callers: dict[str, set[str]] = {way: set() for way in ways}
    for path in (*(ROOT / "gateway").rglob("*.py"), *(ROOT / "hoop_tui").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if any(f".{way}(" in text for way in ways) else ():
            called = node.func if isinstance(node, ast.Call) else None
            if (
                isinstance(called, ast.Attribute)
                and called.attr in ways
                and "ledger" in ast.unparse(called.value)
            ):
                callers[called.attr].add(path.name)
    assert callers == {
        "settle_approval": {"approvals.py"},
        "break_glass": {"glass.py"},
        "sign_review": {"glass.py"},
        "revoke_approval": {"glass.py"},
        "void_approval": {"covering.py"},
    }


# an approval is used more often than it was given.


async def test_a3_of_a_thousand_at_once_as_many_as_were_granted(scene: Scene) -> None:
    """Fifty by way of the engine, and the others past it, where only the ledger is in the way."""
    task, request = await scene.held(WIDE, gate=(gate := await scene.gate(ALICE)))
    await scene.grant(request, BOB, "shape")
    await task
    used = GrantUsed(session=gate.session.id, actor=ALICE.id, request=request.id, sha256=request.sha256)
    spent: list[str | bool] = await asyncio.gather(
        *(scene.room.ledger.use_grant(request.id, scene.clock.now(), used) for _ in range(950)),
        *(scene.approvals.covered(gate.session, run("restart"), WIDE) for _ in range(50)),
    )
    assert sum(map(bool, spent)) == 2, "the third is the one that was asked about"


async def test_a3_the_same_word_a_hundred_times_is_one_word(scene: Scene) -> None:
    task, request = await scene.held(replace(hold(60), count=2), gate=await scene.gate(ALICE))
    words = await asyncio.gather(*(scene.grant(request, BOB) for _ in range(100)), return_exceptions=True)
    assert sum(isinstance(word, Approval) for word in words) == 1
    assert all(isinstance(word, Approval | Objection) for word in words)
    assert (await scene.approvals.find(request.id, BOB)).state == "held"
    await gone(task)


async def test_a3_nothing_is_replayed_later_or_elsewhere(scene: Scene) -> None:
    scene.room.verdict = LATER
    gate = await scene.gate(ALICE)
    request = await scene.approvals.find(await refused(scene, gate, run("restart")), ALICE)
    await scene.grant(request, BOB)
    await (await scene.gate(ALICE)).admit(run("restart"), scene.room.notice)
    again = await refused(scene, gate, run("restart"))
    assert again != request.id
    with pytest.raises(Objection, match="decided already: approved"):
        await scene.grant(request, CAROL)
    await scene.grant(await scene.approvals.find(again, ALICE), BOB)
    scene.clock.passed = timedelta(minutes=2)
    assert await refused(scene, gate, run("restart")) != again, "granted, and not used in time"


# whoever granted it, or asked for it, may not any more.


@pytest.mark.parametrize("loses", ["approver's group", "approver's account"])
async def test_a4_who_lost_their_place_has_granted_nothing(scene: Scene, loses: str) -> None:
    scene.room.verdict = LATER
    gate = await scene.gate(ALICE)
    request = await scene.approvals.find(await refused(scene, gate, run("restart")), ALICE)
    await scene.grant(request, BOB, "target")
    if loses == "approver's group":
        scene.town.moves(BOB, "dev")
    else:
        scene.town.leaves(BOB)
    await refused(scene, gate, run("restart"))
    denied = await scene.approvals.find(request.id, ALICE)
    assert (denied.state, denied.decisions[-1].by) == ("denied", "")


# an approver grants what they could not give.


async def test_a5_nobody_grants_what_the_rules_forbid(scene: Scene) -> None:
    task, request = await scene.held(WIDE, gate=await scene.gate(ALICE))
    scene.room.verdict = Deny("never", "not here")
    for scope in ("target 2h", "target 24h", "shape 15m 4", "session for ever", "*"):
        with pytest.raises(Objection, match="lets nobody grant"):
            await scene.grant(request, BOB, scope)
    await scene.grant(request, BOB, "target")
    with pytest.raises(Denied, match="not here"):
        await task


# yes and no at the same moment, and a no that comes after.


async def test_a6_a_no_after_a_yes_is_told_how_to_revoke(scene: Scene) -> None:
    task, request = await scene.held(WIDE, gate=(gate := await scene.gate(ALICE)))
    await scene.grant(request, BOB, "session")
    await task
    with pytest.raises(
        Objection, match=f"approved by bob.*to end what it covers, revoke {request.id}"
    ) as late:
        await scene.approvals.settle(request.id, CAROL, False, request.sha256, "no")
    assert late.value.code == "decided"
    await scene.approvals.revoke(request.id, CAROL, "no")
    assert await scene.approvals.covered(gate.session, run("anything"), WIDE) == ""


async def test_a6_revoked_while_it_is_used_nothing_passes_afterwards(scene: Scene) -> None:
    task, request = await scene.held(WIDE, gate=(gate := await scene.gate(ALICE)))
    await scene.grant(request, BOB, "session")
    await task

    async def use() -> bool:
        return bool(await scene.approvals.covered(gate.session, run("anything"), WIDE))

    before = [asyncio.create_task(use()) for _ in range(50)]
    await scene.approvals.revoke(request.id, CAROL, "no")
    after = await asyncio.gather(*(use() for _ in range(50)))
    assert not any(after)
    await asyncio.gather(*before)
    written = [
        each.name
        for each in await scene.room.ledger.entries(limit=1000)
        if each.body.get("request") == request.id
    ]
    assert "grant.used" not in written[written.index("grant.ended") :]


MAY_BECOME = {
    "held": {"held", "approved", "denied", "expired", "withdrawn"},
    "approved": {"approved", "denied"},
}
"""Denied after it was approved: it is void, or revoked before it was used. All else is final."""


def _acts(at: Approvals, request: Approval, who: Principal) -> list[Callable[[], Awaitable[Approval]]]:
    return [
        lambda: at.settle(request.id, who, True, request.sha256, "yes"),
        lambda: at.settle(request.id, who, False, request.sha256, "no"),
        lambda: at.withdraw(request.id, ALICE),
        lambda: at.break_glass(request.id, ALICE, request.sha256, "now"),
        lambda: at.sign(request.id, who, "ok", "fine"),
        lambda: at.revoke(request.id, who, "enough"),
    ]


async def test_a6_whatever_people_do_in_whatever_order_states_only_go_forward(scene: Scene) -> None:
    chance = random.Random(6)
    at, names = scene.approvals, list[str]()
    for round in range(20):
        scene.room.verdict = replace(LATER, rule=f"r{round}", break_glass=GLASS)
        request = await at.find(await refused(scene, await scene.gate(ALICE), run("restart")), ALICE)
        state = "held"
        for _ in range(5):
            act = chance.choice(_acts(at, request, chance.choice((BOB, CAROL))))
            try:
                await act()
            except Objection as objection:
                names.append(objection.code)
            found = await at.find(request.id, ALICE)
            assert found.state in MAY_BECOME.get(state, {state})
            assert found.review is None or not found.decisions, (
                "broken glass is no decision, and none follows it"
            )
            state = found.state
    assert {"decided", "over"} <= set(names)


# several people are asked.

DBA, SEC = frozenset({"dba"}), frozenset({"sec"})
QUORUMS = {
    "two of one group: twice the same": (Quorum(DBA, 2), (), (BOB, BOB), False),
    "two of one group: two": (Quorum(DBA, 2), (), (BOB, CAROL), True),
    "one of each: only one of them": (Quorum(DBA), (Quorum(SEC),), (BOB,), False),
    "one of each: two of the first": (Quorum(DBA), (Quorum(SEC),), (BOB, BOB), False),
    "one of each: who is in both counts once": (Quorum(DBA), (Quorum(SEC),), (CAROL,), False),
    "one of each: who is in both, and one of either": (Quorum(DBA), (Quorum(SEC),), (CAROL, BOB), True),
    "one of each: one of each": (Quorum(DBA), (Quorum(SEC),), (BOB, SUE), True),
    "one of either": (Quorum(DBA | SEC), (), (SUE,), True),
    "two of either: twice the same": (Quorum(DBA | SEC, 2), (), (SUE, SUE), False),
}


@pytest.mark.parametrize("case", QUORUMS)
async def test_a7_people_are_counted_one_by_one_and_all_groups_are_needed(scene: Scene, case: str) -> None:
    first, also, speakers, enough = QUORUMS[case]
    asks = replace(hold(60), approvers=first.groups, count=first.count, also=also)
    task, request = await scene.held(asks, gate=await scene.gate(ALICE))
    for who in speakers:
        with suppress(Objection):
            await scene.grant(request, who)
    state = (await scene.approvals.find(request.id, ALICE)).state
    assert state == ("approved" if enough else "held")
    await (task if enough else gone(task))


# words that are not what they seem.

POISON = (
    'ok" - approved by ciso@example.com "',
    "\u202egnp.exe",
    "a\u200bb\u2066c\u2069",
    "\x1b[2J\x1b]0;approved\x07",
    "\u2705 Approved by CISO",
    "<b>@here</b> *approved*",
)


@pytest.mark.parametrize("poison", POISON)
async def test_a10_words_of_others_end_where_they_end(scene: Scene, poison: str) -> None:
    task, request = await scene.held(hold(60), gate=await scene.gate(ALICE))
    await scene.approvals.settle(request.id, BOB, False, request.sha256, poison)
    with pytest.raises(Denied) as denied:
        await task
    said = denied.value.sentence
    assert said.isascii()
    assert said.isprintable()
    assert said.startswith(f'hoop: denied {request.id} by bob@example.com: "')
    assert said.endswith('" - nothing was run')
    assert said.count('"') == 2, "what they said can not seem to end before it does"
