"""Broken glass, its review, and what is revoked: who may, what is written down, and what is over then."""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.bus.inprocess import InProcessBus
from gateway.core.approval import Approval
from gateway.core.errors import Denied
from gateway.core.people import Principal
from gateway.core.ports import Hint
from gateway.core.verdict import Deny, Glass
from gateway.session.approvals import Approvals
from gateway.session.objections import Objection
from gateway.store.ledger import SqlLedger
from tests.session.asked import Scene, Town, gone, person
from tests.session.conftest import Room, hold, run

ALICE = person("alice", "dev", "oncall")
BOB, CAROL, DAN = person("bob", "dba"), person("carol", "dba"), person("dan", "oncall")
GLASS = replace(hold(60), break_glass=Glass(frozenset({"oncall"}), timedelta(hours=2)))
LATER = replace(GLASS, mode="fail")
WHY = "db is down, paging nobody"


@pytest.fixture
def scene(room: Room) -> Scene:
    return Scene(room, Town(ALICE, BOB, CAROL, DAN))


async def smash(scene: Scene, request: Approval, by: Principal = ALICE, reason: str = WHY) -> Approval:
    return await scene.approvals.break_glass(request.id, by, request.sha256, reason, version=request.version)


async def broken(scene: Scene) -> Approval:
    """Alice has let it through, and it ran."""
    task, request = await scene.held(GLASS, gate=await scene.gate(ALICE))
    after = await smash(scene, request)
    await task
    return after


async def entries(scene: Scene, request: str) -> list[tuple[str, str]]:
    """What is written about it, and by whom."""
    found = await scene.room.ledger.entries(limit=1000)
    return [(each.name, each.actor) for each in found if each.body.get("request") == request]


async def no(act: object, words: str, code: str = "not_yours") -> None:
    with pytest.raises(Objection, match=words) as refused:
        await act  # type: ignore[misc]  # a coroutine of any kind
    assert refused.value.code == code


async def test_it_goes_on_at_once_loudly_and_a_review_is_open(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    task, request = await scene.held(GLASS, gate=await scene.gate(ALICE))
    with caplog.at_level(logging.CRITICAL, "hoop"):
        after = await smash(scene, request)
    permit = await task
    assert permit.operation.text == "restart"
    assert scene.room.spoken[1] == (
        f'hoop: in an emergency: hoop-tui request break-glass {request.id} --reason "..."'
    )
    assert scene.room.spoken[-1] == f"hoop: {request.id} let through by you (break-glass) - a review is open"
    assert (after.state, after.decisions) == ("approved", ())
    review = after.review
    assert review is not None
    assert (review.by, review.reason, review.is_open) == (ALICE.id, WHY, True)
    assert review.due_at - review.opened_at == timedelta(hours=2)
    assert await entries(scene, request.id) == [
        ("operation.held", ALICE.id),
        ("approval.glass_broken", ALICE.id),
        ("operation.admitted", ALICE.id),
    ]
    (alert,) = [
        each for each in await scene.room.ledger.entries(limit=1000) if each.name == "operation.noted"
    ]
    assert (alert.body["alerts"], alert.body["severity"], alert.actor) == (
        *(["break-glass"], "critical"),
        ALICE.id,
    )
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]


async def test_who_may_not(scene: Scene) -> None:
    scene.town.people["svc"] = machine = Principal("svc", "svc", frozenset({"oncall"}), token_kind="machine")
    scene.town.owners["svc"] = ALICE.id
    task, request = await scene.held(GLASS, gate=await scene.gate(ALICE))
    await no(smash(scene, request, DAN), "only who asked for it may")
    await no(smash(scene, request, BOB), "only who asked for it may")
    await no(smash(scene, request, machine), "only who asked for it may")
    await no(smash(scene, request, replace(ALICE, token_kind="machine")), "a machine breaks no glass")
    await no(smash(scene, request, reason="  "), "say something", "missing")
    await no(smash(scene, replace(request, sha256="0" * 64)), "not what you were shown", "changed")
    await no(smash(scene, replace(request, version=2)), "not what you were shown", "changed")
    scene.town.moves(ALICE, "dev")
    await no(smash(scene, request), "it takes somebody of oncall")
    scene.town.leaves(ALICE)
    await no(smash(scene, request), "it takes somebody of oncall")
    await gone(task)
    machines, its = await scene.held(GLASS, gate=await scene.gate(machine))
    scene.town.people[ALICE.id] = ALICE
    await no(smash(scene, its), "only who asked for it may")
    await no(smash(scene, its, machine), "a machine breaks no glass")
    await gone(machines)
    assert not [each for each in await entries(scene, request.id) if each[0] == "approval.glass_broken"]


async def test_only_where_the_rule_lists_it(scene: Scene) -> None:
    task, request = await scene.held(hold(60), gate=await scene.gate(ALICE))
    await no(smash(scene, request), "ask-first has no glass to break")
    assert not any("in an emergency" in each for each in scene.room.spoken)
    await gone(task)
    for state in ("withdrawn", "denied"):
        task, request = await scene.held(GLASS, gate=await scene.gate(ALICE))
        if state == "denied":
            await scene.approvals.settle(request.id, BOB, False, request.sha256, "no")
        await gone(task)
        await no(smash(scene, request), state, "decided" if state == "denied" else "over")


async def test_what_is_blocked_by_now_stays_so(scene: Scene) -> None:
    task, request = await scene.held(GLASS, gate=await scene.gate(ALICE))
    scene.room.verdict = Deny("never", "not at all")
    await smash(scene, request)
    with pytest.raises(Denied, match="not at all"):
        await task


@pytest.mark.parametrize("lost", ["group", "rule"])
async def test_refused_at_first_it_is_looked_at_again(scene: Scene, lost: str) -> None:
    """With the mode `fail`, time goes by between breaking the glass and trying again."""
    scene.room.verdict = LATER
    gate = await scene.gate(ALICE)
    with pytest.raises(Denied, match="run the same again") as refused:
        await gate.admit(run("restart"), scene.room.notice)
    request = await scene.approvals.find(refused.value.request, ALICE)
    await smash(scene, request)
    if lost == "group":
        scene.town.moves(ALICE, "dev")
    else:
        scene.room.verdict = replace(LATER, break_glass=None)
    with pytest.raises(Denied):
        await gate.admit(run("restart"), scene.room.notice)
    voided = await scene.approvals.find(request.id, ALICE)
    assert (voided.state, voided.review is not None and voided.review.is_open) == ("denied", True)


async def test_refused_at_first_it_passes_once(scene: Scene) -> None:
    scene.room.verdict = LATER
    gate = await scene.gate(ALICE)
    with pytest.raises(Denied) as refused:
        await gate.admit(run("restart"), scene.room.notice)
    await smash(scene, await scene.approvals.find(refused.value.request, ALICE))
    await gate.admit(run("restart"), scene.room.notice)
    with pytest.raises(Denied, match="run the same again"):
        await gate.admit(run("restart"), scene.room.notice)


async def test_a_review_is_signed_by_somebody_else_who_is_asked(scene: Scene) -> None:
    scene.town.people["alice-2"] = second = Principal("alice-2", "a2", frozenset({"dba"}))
    scene.town.owners["alice-2"] = ALICE.id
    request = await broken(scene)
    sign = scene.approvals.sign
    scene.town.moves(ALICE, "dba", "oncall")
    await no(sign(request.id, ALICE, "ok", "fine"), "you are the requester")
    await no(sign(request.id, second, "ok", "fine"), "you are the requester")
    await no(sign(request.id, DAN, "ok", "fine"), "it asks dba")
    await no(sign(request.id, replace(BOB, token_kind="secret"), "ok", "fine"), "a machine decides nothing")
    await no(sign(request.id, BOB, "ok", " "), "say something", "missing")
    await no(sign(request.id, BOB, "fine", "why"), "say ok or not-ok", "missing")
    signed = await sign(request.id, BOB, "ok", "it was")
    assert signed.review is not None
    assert (signed.review.verdict, signed.review.signed_by, signed.review.signed_reason) == (
        *("ok", BOB.id),
        "it was",
    )
    await no(sign(request.id, CAROL, "not-ok", "no"), "signed already: ok by bob@example.com", "decided")
    assert (await entries(scene, request.id))[-1] == ("review.signed", BOB.id)


async def test_a_review_that_is_not_ok_is_loud_again(scene: Scene) -> None:
    request = await broken(scene)
    await scene.approvals.sign(request.id, BOB, "not-ok", "it could have waited")
    alerts = [
        (each.body["alerts"], each.body["severity"])
        for each in await scene.room.ledger.entries(limit=1000)
        if each.name == "operation.noted"
    ]
    assert alerts == [(["break-glass"], "critical"), (["break-glass-not-ok"], "critical")]


async def test_of_many_who_sign_at_once_one_does(scene: Scene) -> None:
    request = await broken(scene)
    signing = (
        scene.approvals.sign(request.id, who, verdict, "mine")
        for who in (BOB, CAROL)
        for verdict in ("ok", "not-ok") * 10
    )
    done = await asyncio.gather(*signing, return_exceptions=True)
    assert sum(not isinstance(each, BaseException) for each in done) == 1
    assert all(isinstance(each, Objection) for each in done if isinstance(each, BaseException))


async def test_nothing_but_a_signature_closes_a_review(scene: Scene) -> None:
    """Not time, not a restart, not revoking, and not that its person is gone."""
    request = await broken(scene)
    scene.town.leaves(ALICE)
    scene.clock.passed = timedelta(days=400)
    await scene.room.ledger.expire_approvals()
    await scene.approvals.revoke(request.id, BOB, "never again")
    url = f"sqlite:///{scene.room.directory}/hoop.db"
    again = await SqlLedger.open(url, gateway="another")
    try:
        opened = await again.open_reviews(scene.clock.now())
        assert (opened.count, opened.overdue) == (1, 1)
        elsewhere = Approvals(again, InProcessBus(), scene.clock, scene.town)
        (listed,) = await elsewhere.listing(person("eve", roles="approver"), "reviews")
        assert listed.id == request.id
        await elsewhere.sign(request.id, BOB, "ok", "late")
        assert (await again.open_reviews(scene.clock.now())).count == 0
    finally:
        await again.close()


# What is revoked.


async def test_a_grant_ends_when_it_is_revoked(scene: Scene) -> None:
    gate = await scene.gate(ALICE)
    wide = replace(hold(60), scopes=("target 1h",))
    task, request = await scene.held(wide, gate=gate)
    await scene.grant(request, BOB, "target")
    await task
    await gate.admit(run("anything"), scene.room.notice)
    await no(scene.approvals.revoke(request.id, DAN, "no"), "it asks dba")
    await no(scene.approvals.revoke(request.id, BOB, ""), "say something", "missing")
    async with scene.room.bus.subscribe("approval") as hints:
        revoked = await scene.approvals.revoke(request.id, CAROL, "enough")
        assert await anext(hints) == Hint("approval", request.id)
    assert (revoked.state, revoked.revoked and revoked.revoked.reason) == ("approved", "enough")
    assert (await entries(scene, request.id))[-2:] == [
        ("approval.revoked", CAROL.id),
        ("grant.ended", CAROL.id),
    ]
    task, _ = await scene.held(wide, run("anything"), gate)
    await gone(task)
    await no(
        scene.approvals.revoke(request.id, BOB, "too"), "revoked already, by carol@example.com", "decided"
    )


async def test_what_was_not_tried_again_yet_is_void(scene: Scene) -> None:
    scene.room.verdict = replace(hold(60), mode="fail")
    gate = await scene.gate(ALICE)
    with pytest.raises(Denied) as refused:
        await gate.admit(run("restart"), scene.room.notice)
    request = await scene.approvals.find(refused.value.request, ALICE)
    await no(scene.approvals.revoke(request.id, ALICE, "x"), "there is nothing to revoke yet", "decided")
    await scene.grant(request, BOB)
    revoked = await scene.approvals.revoke(request.id, ALICE, "I do not need it")
    assert revoked.state == "denied"
    with pytest.raises(Denied) as again:
        await gate.admit(run("restart"), scene.room.notice)
    assert again.value.request != request.id


async def test_what_is_revoked_before_it_was_let_go_is_not_run(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the decision and the release: the one that waits has not looked yet."""
    look, may_look = scene.room.ledger.approval_mark, asyncio.Event()

    async def late(id: str) -> tuple[object, ...] | None:
        await may_look.wait()
        return await look(id)

    monkeypatch.setattr(scene.room.ledger, "approval_mark", late)
    task, request = await scene.held(hold(60), gate=await scene.gate(ALICE))
    await scene.said("held")
    assert await scene.room.ledger.settle_approval(request.id, BOB.id, True, "go", name=BOB.name)
    await scene.approvals.revoke(request.id, CAROL, "no, wait")
    may_look.set()
    with pytest.raises(Denied, match=r"carol@example.com revoked it"):
        await task
