"""The Ledger's contract: what is said of approvals beside decisions, quorums, grants, and what nobody decided."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

import pytest
from sqlalchemy import select

from gateway.core.approval_events import (
    ApprovalAnswered,
    ApprovalClosed,
    ApprovalRemarked,
    ApprovalVoided,
    GrantEnded,
    GrantOpened,
    GrantUsed,
)
from gateway.core.events import SessionEnded
from gateway.core.ports import Approval, Grant, Ledger, Remark
from gateway.core.verdict import Quorum
from gateway.store.ledger import SqlLedger
from gateway.store.tables import ASKS
from tests.contracts.conftest import NOON, Open, Watch, a_request, held, opened

ID = "7QF-2KM"
DBA, SEC, SRE = (frozenset({name}) for name in ("dba", "sec", "sre"))


async def ask(ledger: Ledger, request: Approval) -> None:
    await ledger.open_approval(request, held(request))


async def now(ledger: Ledger, id: str = ID) -> Approval:
    found = await ledger.approval(id)
    assert found is not None
    return found


def said(kind: str, by: str = "carol", text: str = "") -> Remark:
    return Remark(by, kind, text, NOON, f"{by}@example.com")


async def say(ledger: Ledger, kind: str, by: str = "carol", text: str = "") -> bool:
    event = ApprovalRemarked(actor=by, request=ID, kind=kind, text=text)
    return await ledger.remark_approval(ID, said(kind, by, text), event)


async def answer(ledger: Ledger, **answers: str) -> bool:
    return await ledger.answer_approval(ID, answers, ApprovalAnswered(request=ID, answers=answers))


async def names(ledger: Ledger) -> list[str]:
    return [entry.name for entry in await ledger.entries(limit=1000)]


async def test_everything_about_a_request_comes_back(ledger: Ledger) -> None:
    request = replace(
        a_request(),
        mode="fail",
        also=(Quorum(SEC | SRE, 2),),
        then=((timedelta(minutes=3), SRE),),
        scopes=("once", "shape 15m 10"),
        requires=frozenset({"reason", "ticket"}),
        shape="2" * 64,
        revision="r7",
        risk="high",
        facts=MappingProxyType({"labels": {"env": "prod"}, "odd": "\x00\x1b\ud800"}),
    )
    await ask(ledger, request)
    assert await now(ledger) == request


async def test_quorums_are_met_by_different_people_of_their_groups(ledger: Ledger) -> None:
    await ask(ledger, replace(a_request(), approvers=DBA, also=(Quorum(SEC),)))
    assert await ledger.settle_approval(ID, "carol", True, groups=DBA | SEC, name="carol@example.com")
    assert (await now(ledger)).state == "held"
    assert await ledger.settle_approval(ID, "dave", True, groups=frozenset())
    assert (await now(ledger)).state == "held", "whoever is in no asked group fills no place"
    assert await ledger.settle_approval(ID, "erin", True, groups=DBA)
    settled = await now(ledger)
    assert settled.state == "approved", "carol stands for sec, erin for dba"
    assert [(word.name, word.groups) for word in settled.decisions] == [
        ("carol@example.com", DBA | SEC),
        ("", frozenset()),
        ("", DBA),
    ]


async def test_several_people_grant_what_all_of_them_grant(ledger: Ledger) -> None:
    await ask(ledger, a_request(count=2))
    assert await ledger.settle_approval(ID, "carol", True, scope="shape 15m 10")
    assert await ledger.settle_approval(ID, "dave", True, scope="shape 1h 3")
    assert (await now(ledger)).granted_scope == "shape 15m 3"


async def test_what_was_shown_is_what_is_decided_on(ledger: Ledger) -> None:
    await ask(ledger, a_request())
    assert await answer(ledger, reason="invoice 88")
    assert (await now(ledger)).version == 2
    assert not await ledger.settle_approval(ID, "carol", True)
    assert not await ledger.settle_approval(ID, "carol", False, version=3)
    assert await say(ledger, "comment", text="which invoice?")
    assert await ledger.settle_approval(ID, "carol", True, version=2)
    assert (await ledger.entries())[-1].body["version"] == 2


async def test_a_required_answer_comes_before_a_grant(ledger: Ledger) -> None:
    await ask(ledger, replace(a_request(), requires=frozenset({"reason", "ticket"})))
    assert not await ledger.settle_approval(ID, "carol", True)
    assert await answer(ledger, reason="invoice 88")
    assert not await ledger.settle_approval(ID, "carol", True, version=2)
    assert not await answer(ledger, reason="another", ticket="OPS-1")
    assert await answer(ledger, ticket="OPS-1")
    assert await ledger.settle_approval(ID, "carol", True, version=3)
    settled = await now(ledger)
    assert (settled.state, settled.answers) == ("approved", {"reason": "invoice 88", "ticket": "OPS-1"})
    assert not await answer(ledger, reason="late")


async def test_nobody_changes_what_somebody_has_decided_on(ledger: Ledger) -> None:
    await ask(ledger, a_request(count=2))
    assert await ledger.settle_approval(ID, "carol", True)
    assert not await answer(ledger, reason="something else")
    assert (await now(ledger)).version == 1


async def test_a_denial_waits_for_no_answer(ledger: Ledger) -> None:
    await ask(ledger, replace(a_request(), requires=frozenset({"reason"})))
    assert await ledger.settle_approval(ID, "carol", False, "no")
    assert (await now(ledger)).state == "denied"


async def test_remarks_are_kept_in_order_until_it_is_settled(ledger: Ledger) -> None:
    await ask(ledger, a_request())
    assert await say(ledger, "comment", "carol", "why? \x00\x1b[31m")
    assert await say(ledger, "reply", "alice", "because")
    request = await now(ledger)
    assert request.remarks == (
        said("comment", "carol", "why? \x00\x1b[31m"),
        said("reply", "alice", "because"),
    )
    assert await ledger.settle_approval(ID, "carol", False)
    assert not await say(ledger, "comment", "carol", "too late")
    assert await names(ledger) == ["operation.held", *["approval.remarked"] * 2, "approval.given"]


async def test_one_person_has_claimed_it(open_ledger: Open) -> None:
    gateways = [await open_ledger("a"), await open_ledger("b")]
    await ask(gateways[0], a_request())
    outcomes = await asyncio.gather(*(say(gateways[n % 2], "claim", f"person {n}") for n in range(40)))
    assert Counter(outcomes) == {True: 1, False: 39}
    winner = f"person {outcomes.index(True)}"
    assert (await now(gateways[1])).claimed_by == winner
    assert not await say(gateways[0], "unclaim", "somebody else")
    assert await say(gateways[0], "unclaim", winner)
    assert (await now(gateways[1])).claimed_by == ""


async def test_what_was_approved_can_be_void(ledger: Ledger) -> None:
    await ask(ledger, a_request())
    voided = ApprovalVoided(request=ID, why="carol left")
    assert not await ledger.void_approval(ID, "carol left", voided)
    assert await ledger.settle_approval(ID, "carol", True, scope="session")
    assert await ledger.void_approval(ID, "carol left", voided)
    assert not await ledger.void_approval(ID, "carol left", voided)
    request = await now(ledger)
    assert (request.state, request.granted_scope) == ("denied", "")
    last = request.decisions[-1]
    assert (last.by, last.name, last.granted, last.reason) == ("", "the gateway", False, "carol left")
    assert (await names(ledger))[-1] == "approval.voided"


def a_grant(runs: int | None = None, minutes: int = 15, id: str = ID) -> Grant:
    until = NOON + timedelta(minutes=minutes)
    return Grant(id, "alice", "web-1", "restarts", "shape", "2" * 64, NOON, until, runs)


async def grant(ledger: Ledger, given: Grant) -> bool:
    event = GrantOpened(request=given.id, scope="shape 15m 10", expires_at=given.expires_at.isoformat())
    return await ledger.open_grant(given, event)


async def test_a_grant_is_that_of_an_approved_request_once(open_ledger: Open) -> None:
    gateways = [await open_ledger("a"), await open_ledger("b")]
    await ask(gateways[0], a_request())
    assert not await grant(gateways[0], a_grant())
    assert await gateways[0].settle_approval(ID, "carol", True, scope="shape 15m 10")
    outcomes = await asyncio.gather(*(grant(gateways[n % 2], a_grant()) for n in range(20)))
    assert Counter(outcomes) == {True: 1, False: 19}
    assert await gateways[1].grants("alice", "web-1") == [a_grant()]
    assert await gateways[1].grants("alice", "web-2") == await gateways[1].grants("bob", "web-1") == []
    assert (await names(gateways[0])).count("grant.opened") == 1


async def test_of_200_at_once_as_many_run_as_were_granted(open_ledger: Open) -> None:
    gateways = [await open_ledger("a"), await open_ledger("b")]
    await ask(gateways[0], a_request())
    assert await gateways[0].settle_approval(ID, "carol", True, scope="shape 15m 10")
    assert await grant(gateways[0], a_grant(runs=7))
    used = GrantUsed(request=ID, sha256="1" * 64)
    outcomes = await asyncio.gather(*(gateways[n % 2].use_grant(ID, NOON, used) for n in range(200)))
    assert Counter(outcomes) == {True: 7, False: 193}
    assert (await names(gateways[0])).count("grant.used") == 7
    assert await gateways[0].grants("alice", "web-1") == []


async def test_a_grant_ends(ledger: Ledger) -> None:
    await ask(ledger, a_request())
    assert await ledger.settle_approval(ID, "carol", True)
    assert await grant(ledger, a_grant())
    used = GrantUsed(request=ID, sha256="1" * 64)
    assert await ledger.use_grant(ID, NOON + timedelta(minutes=14), used)
    assert not await ledger.use_grant(ID, NOON + timedelta(minutes=15), used)
    over = GrantEnded(request=ID, why="carol left")
    assert await ledger.end_grant(ID, "carol left", over)
    assert not await ledger.end_grant(ID, "carol left", over)
    assert not await ledger.use_grant(ID, NOON, used)
    assert await ledger.grants("alice", "web-1") == []
    assert (await names(ledger))[-2:] == ["grant.used", "grant.ended"]


async def test_what_nobody_decided_expires_without_anybody_waiting(ledger: Ledger, watch: Watch) -> None:
    waits, later = a_request("AAA-AAAA"), replace(a_request("BBB-BBBB"), mode="fail")
    for request in (waits, later):
        await ask(ledger, request)
    assert await ledger.expire_approvals() == []
    watch.time = waits.expires_at
    assert await ledger.expire_approvals() == [later.id]
    assert (await now(ledger, waits.id)).state == "held", "its gateway says so itself"
    watch.time = waits.expires_at + timedelta(minutes=1)
    assert await ledger.expire_approvals() == [waits.id]
    assert await ledger.expire_approvals() == []
    closed = [entry.body for entry in await ledger.entries() if entry.name == "approval.closed"]
    assert [(body["request"], body["state"]) for body in closed] == [
        (later.id, "expired"),
        (waits.id, "expired"),
    ]


async def test_a_restart_ends_what_somebody_waited_for(open_ledger: Open) -> None:
    crashed = await open_ledger("east")
    await crashed.append(opened("s-1"))
    waits, later = a_request("AAA-AAAA", session="s-1"), a_request("BBB-BBBB", session="s-1")
    later = replace(later, mode="fail")
    for request in (waits, later):
        await ask(crashed, request)
    started = await open_ledger("east")
    assert await started.end_open_sessions("crash") == ["s-1"]
    assert (await now(started, waits.id)).state == "expired"
    assert (await now(started, later.id)).state == "held", "nobody's client waited for it"
    told = [entry.body for entry in await started.entries() if entry.name == "operation.denied"]
    assert [(body["request"], body["state"]) for body in told] == [(waits.id, "expired")]


async def test_what_asks_a_group(ledger: SqlLedger) -> None:
    first = replace(a_request("AAA-AAAA"), approvers=DBA)
    other = replace(a_request("BBB-BBBB"), approvers=SEC, requester="bob")
    sooner = replace(a_request("CCC-CCCC"), approvers=DBA, expires_at=NOON + timedelta(minutes=1))
    stand_in = replace(a_request("DDD-DDDD"), approvers=SRE, then=((timedelta(minutes=3), DBA),))
    for request in (first, other, sooner, stand_in):
        await ask(ledger, request)

    async def asked(*groups: str, but: str = "", limit: int = 10) -> list[str]:
        return [each.id[0] for each in await ledger.asked_of(frozenset(groups), but=but, limit=limit)]

    assert await asked("dba") == ["C", "A", "D"]
    assert await asked("dba", limit=1) == ["C"]
    assert await asked("sec", "dba", but="alice") == ["B"]
    assert await asked("sre") == ["D"]
    assert await asked("nobody") == await asked() == []
    assert await ledger.settle_approval(first.id, "carol", True)
    assert await ledger.close_approval(sooner.id, "withdrawn")
    assert await asked("dba") == ["D"]
    left = await ledger._reader.read(lambda c: c.execute(select(ASKS.c.approval)).scalars().all())
    assert set(left) == {other.id, stand_in.id}, "what is settled takes no room among what is asked"


@pytest.mark.parametrize("odd", ["\x00", "\x1a", "\ud800", "é"])
async def test_lists_hold_the_beginning_of_texts(ledger: Ledger, odd: str) -> None:
    """However a text is kept, it is not cut in the middle of a letter."""
    await ask(ledger, replace(a_request(), text=odd * 40))
    for limit in range(12):
        (listed,) = await ledger.approvals(text_limit=limit, requester="alice")
        assert (odd * 40).startswith(listed.text)
        assert len(listed.text) <= limit
        assert replace(listed, text=odd * 40) == await now(ledger)


async def test_lists_by_requester_and_limit(ledger: Ledger) -> None:
    for n in range(6):
        request = replace(a_request(f"AAA-AAA{n}"), requester="bob" if n % 2 else "alice")
        await ask(ledger, replace(request, opened_at=NOON + timedelta(seconds=n)))
    assert await ledger.close_approval("AAA-AAA4", "withdrawn")
    of_alice = await ledger.approvals(requester="alice")
    assert [each.id[-1] for each in of_alice] == ["4", "2", "0"]
    assert [each.id[-1] for each in await ledger.approvals(requester="alice", state="held")] == ["2", "0"]
    assert [each.id[-1] for each in await ledger.approvals(limit=2)] == ["5", "4"]


async def test_closing_tells_why_once(ledger: Ledger) -> None:
    await ask(ledger, a_request())
    taken_back = ApprovalClosed(actor="alice", request=ID, state="withdrawn")
    assert await ledger.close_approval(ID, "withdrawn", taken_back)
    assert not await ledger.close_approval(ID, "withdrawn", taken_back)
    assert await names(ledger) == ["operation.held", "approval.closed"]


async def test_the_end_of_a_session_races_with_a_decision(open_ledger: Open) -> None:
    """Whichever is first, the ledger has one outcome, and the same for both gateways."""
    east, west = await open_ledger("east"), await open_ledger("west")
    for n in range(8):
        session, id = f"s-{n}", f"AAA-AAA{n}"
        await east.append(opened(session))
        await ask(east, a_request(id, session=session))
        counted, closed, _ = await asyncio.gather(
            west.settle_approval(id, "carol", True),
            east.close_approval(id, "withdrawn"),
            east.append(SessionEnded(session=session, outcome="exit 0")),
        )
        assert counted is not closed
        assert (await now(west, id)).state == ("approved" if counted else "withdrawn")


async def test_what_was_asked_for_without_a_session(ledger: Ledger) -> None:
    async def found(since: timedelta = timedelta(), **wanted: str) -> list[str]:
        return [each.id[0] for each in await ledger.asked_before("web-1", NOON + since, **wanted)]

    text = replace(a_request("AAA-AAAA", session=""), kind="text", mode="fail")
    access = replace(
        text, id="BBB-BBBB", kind="access", sha256="2" * 64, opened_at=NOON + timedelta(seconds=1)
    )
    others = replace(text, id="CCC-CCCC", requester="bob", opened_at=NOON + timedelta(seconds=2))
    elsewhere = replace(text, id="DDD-DDDD", target="web-2")
    for request in (text, access, others, elsewhere, replace(a_request("EEE-EEEE"), mode="fail")):
        await ask(ledger, request)
    assert await found() == []
    for id in ("AAA-AAAA", "BBB-BBBB", "CCC-CCCC", "DDD-DDDD", "EEE-EEEE"):
        assert await ledger.settle_approval(id, "carol", True)
    assert await found() == ["C", "B", "A"]
    assert await found(requester="alice") == ["B", "A"]
    assert await found(sha256="1" * 64) == ["C", "A"]
    assert await found(timedelta(seconds=1), requester="alice") == ["B"]
    (kept,) = await ledger.asked_before("web-1", NOON, sha256="2" * 64)
    assert (kept.kind, kept.session, kept.text, kept.decisions[-1].by) == ("access", "", "", "carol")


async def test_what_lets_nobody_stay_any_more(ledger: Ledger) -> None:
    ids = [f"{letter * 3}-{letter * 4}" for letter in "ABCDEF"]
    for id in ids:
        await ask(ledger, a_request(id))
    timed, ended, once, used, denied, held = ids
    for id in (timed, ended, once, used):
        assert await ledger.settle_approval(id, "carol", True)
    assert await ledger.settle_approval(denied, "carol", False)
    for id, kind, runs in (
        (timed, "target", None),
        (ended, "target", None),
        (once, "again", None),
        (used, "shape", 1),
    ):
        assert await grant(ledger, replace(a_grant(runs, id=id), kind=kind))
    for id in (ended, once):
        assert await ledger.end_grant(id, "taken back", GrantEnded(request=id, why="taken back"))
    assert await ledger.use_grant(used, NOON, GrantUsed(request=used, sha256="1" * 64))
    assert await ledger.fallen(ids) == {ended: "taken back", denied: "it is denied", held: "it is held"}
    assert await ledger.fallen([timed]) == await ledger.fallen([]) == {}
    assert await ledger.grant(timed) == replace(a_grant(id=timed), kind="target")
    kept = await ledger.grant(ended)
    assert kept is not None
    assert kept.ended == "taken back"
    assert await ledger.grant(denied) is None


async def test_a_restart_keeps_what_was_asked_for_in_advance(open_ledger: Open) -> None:
    crashed = await open_ledger("east")
    await ask(crashed, replace(a_request(session=""), kind="access", mode="fail", scopes=("target 1h",)))
    started = await open_ledger("east")
    assert await started.end_open_sessions("crash") == []
    assert (await now(started)).state == "held"


async def test_the_mark_is_another_one_with_everything_that_happens(ledger: Ledger) -> None:
    assert await ledger.approval_mark(ID) is None
    await ask(ledger, replace(a_request(count=2), requires=frozenset({"reason"})))
    await ask(ledger, a_request("AAA-AAA"))
    marks = [await ledger.approval_mark(ID)]
    assert await say(ledger, "claim")
    marks.append(await ledger.approval_mark(ID))
    assert await say(ledger, "comment", text="which one?")
    marks.append(await ledger.approval_mark(ID))
    assert await answer(ledger, reason="because")
    marks.append(await ledger.approval_mark(ID))
    for name in ("bob", "carol"):
        assert await ledger.settle_approval(ID, name, True, version=2)
        marks.append(await ledger.approval_mark(ID))
    assert len(set(marks)) == len(marks)
    assert marks[-1] == await ledger.approval_mark(ID)
    assert await ledger.approval_mark("AAA-AAA") == marks[0]
