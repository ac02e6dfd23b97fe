"""Approvals by way of two gateways on one ledger, whose hints do not reach each other."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from gateway.app.clock import SystemClock
from gateway.bus.inprocess import InProcessBus
from gateway.core.operation import Effect, Operation
from gateway.core.people import Peer, Principal, Session, Target
from gateway.core.ports import Approval
from gateway.core.verdict import Hold
from gateway.session.approvals import Approvals
from gateway.session.objections import Objection
from gateway.store.ledger import SqlLedger

PATIENCE = 20.0
ALICE = Principal("alice", "alice@example.com")
BOB, CAROL = (Principal(name, f"{name}@example.com", frozenset({"dba"})) for name in ("bob", "carol"))
WEB = Target("web-1", "ssh", "127.0.0.1", 22)
Two = tuple[Approvals, Approvals]


@pytest.fixture
async def two(url: str) -> AsyncIterator[Two]:
    """East, where people wait, and west."""
    ledgers = [await SqlLedger.open(url, gateway=name, patience=10) for name in ("east", "west")]
    east, west = (Approvals(each, InProcessBus(), SystemClock(), reread_every=0.02) for each in ledgers)
    yield east, west
    for each in ledgers:
        await each.close()


async def held(
    at: Approvals, seconds: float = 60, mode: str = "wait"
) -> tuple[asyncio.Task[Approval], Approval]:
    """Alice waits in that gateway: what becomes of it, and the request."""
    told: asyncio.Queue[str] = asyncio.Queue()
    session = Session("s-1", ALICE, WEB, Peer("127.0.0.1"), datetime.now(UTC))
    operation = Operation("exec", "restart", frozenset({Effect.RUN}))
    hold = Hold("r", "", frozenset({"dba"}), timeout=timedelta(seconds=seconds))
    task = asyncio.create_task(at.wait(session, operation, hold, "r1", told.put))
    words = await asyncio.wait_for(told.get(), PATIENCE)
    return task, await at.find(words.split()[2], ALICE)


async def grant(at: Approvals, request: Approval, by: Principal = BOB) -> Approval:
    return await at.settle(request.id, by, True, request.sha256, "go")


async def test_a_decision_by_way_of_another_gateway_is_heard(two: Two) -> None:
    east, west = two
    task, request = await held(east)
    await grant(west, request)
    assert (await asyncio.wait_for(task, PATIENCE)).state == "approved"


async def test_of_many_words_by_way_of_both_one_counts(two: Two) -> None:
    east, west = two
    for n in range(4):
        task, request = await held(east)
        words = [
            at.settle(request.id, by, granted, request.sha256, "because")
            for at in two
            for by in (BOB, CAROL)
            for granted in (True, False)
        ]
        outcomes = await asyncio.gather(*words, return_exceptions=True)
        codes = Counter(each.code if isinstance(each, Objection) else "" for each in outcomes)
        assert codes[""] == 1, n
        assert codes.keys() <= {"", "decided", "not_yours"}
        (counted,) = (each for each in outcomes if isinstance(each, Approval))
        settled = await asyncio.wait_for(task, PATIENCE)
        assert settled.state == counted.state
        assert settled == await west.find(request.id, BOB)


async def _withdrawn(east: Approvals, task: asyncio.Task[Approval], request: Approval) -> None:
    await east.withdraw(request.id, ALICE)


async def _hung_up(east: Approvals, task: asyncio.Task[Approval], request: Approval) -> None:
    task.cancel()
    await asyncio.wait([task])


@pytest.mark.parametrize("end", [_withdrawn, _hung_up])
async def test_a_grant_races_with_the_end(
    two: Two, end: Callable[[Approvals, asyncio.Task[Approval], Approval], Awaitable[None]]
) -> None:
    """Whichever is first: what the ledger says is what who waits is told, unless they are gone."""
    east, west = two
    for _ in range(8):
        task, request = await held(east)
        granted, ended = await asyncio.gather(
            grant(west, request), end(east, task, request), return_exceptions=True
        )
        state = (await west.find(request.id, BOB)).state
        assert state == ("withdrawn" if isinstance(granted, Objection) else "approved")
        assert ended is None or isinstance(ended, Objection)
        await asyncio.wait([task], timeout=PATIENCE)
        if not task.cancelled():
            assert task.result().state == state


async def test_a_grant_races_with_expiry(two: Two) -> None:
    east, west = two
    for n in range(8):
        task, request = await held(east, seconds=0.1 + n / 100)
        left = (request.expires_at - datetime.now(UTC)).total_seconds()
        await asyncio.sleep(max(0.0, left - 0.004))
        (granted,) = await asyncio.gather(grant(west, request), return_exceptions=True)
        settled = await asyncio.wait_for(task, PATIENCE)
        assert settled.state == ("approved" if isinstance(granted, Approval) else "expired")
        assert (await west.find(request.id, BOB)).state == settled.state


async def test_refused_at_first_it_passes_once_by_way_of_either(two: Two) -> None:
    session = Session("s-1", ALICE, WEB, Peer("127.0.0.1"), datetime.now(UTC))
    operation = Operation("exec", "restart", frozenset({Effect.RUN}))
    hold = Hold("r", "", frozenset({"dba"}), mode="fail")

    async def nobody(words: str) -> None:
        raise AssertionError(words)

    request = await two[0].wait(session, operation, hold, "r1", nobody)
    assert request.state == "held"
    assert (await two[1].wait(session, operation, hold, "r1", nobody)).id == request.id
    assert await two[1].covered(session, operation, hold) == ""
    await grant(two[1], request)
    passed = await asyncio.gather(*(two[n % 2].covered(session, operation, hold) for n in range(20)))
    assert Counter(passed) == {request.id: 1, "": 19}
