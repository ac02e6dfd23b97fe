"""How long people wait for an approval that was given, and how long lists take with ten thousand that wait.

Over a ledger in a file, as a gateway has that is alone.
"""

import argparse
import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from gateway.app.clock import SystemClock
from gateway.bus.inprocess import InProcessBus
from gateway.core.operation import Effect, Operation
from gateway.core.people import Peer, Principal, Session, Target
from gateway.core.ports import Approval
from gateway.core.verdict import Hold
from gateway.session import asking
from gateway.session.approvals import Approvals
from gateway.store.ledger import SqlLedger

WAITING = 10_000
AT_ONCE = 250
RELEASES, LISTS = 100, 20
ALICE = Principal("alice@example.com", "alice@example.com", frozenset({"dev"}))
BOB = Principal("bob@example.com", "bob@example.com", frozenset({"dba"}), frozenset({"approver"}))
TARGET = Target("appdb", "postgres", "127.0.0.1", 5432, labels={"env": "prod"})
HOLD = Hold("deletes", "somebody looks at these", frozenset({"dba"}), timeout=timedelta(hours=8))


def approvals(given: argparse.Namespace) -> dict[str, float]:
    """Milliseconds: from the decision to the release, a list, and a decision, among ten thousand that wait."""
    waiting, rounds = (200, 3) if given.quick else (WAITING, 1)
    figures = asyncio.run(_measure(waiting, RELEASES if rounds == 1 else rounds))
    print(f"\n{waiting} requests wait, {len(figures)} figures of approvals, in milliseconds")
    return figures


async def _measure(waiting: int, releases: int) -> dict[str, float]:
    with TemporaryDirectory(prefix="hoop-bench-") as directory:
        ledger = await SqlLedger.open(f"sqlite:///{Path(directory, 'hoop.db')}", patience=30)
        desk = Approvals(ledger, InProcessBus(), SystemClock(), most_a_minute=1_000_000)
        release = [await _release(desk, n) for n in range(releases)]
        await fill(ledger, waiting)
        lists = [await _list(desk, which) for which in ("asked", "all") for _ in range(LISTS)]
        decide = [await _decide(desk, each) for each in (await desk.listing(BOB))[:LISTS]]
        await ledger.close()
    return {
        "release_ms_p50": median(release),
        "list_10k_ms": median(lists),
        "settle_10k_ms": median(decide),
    }


def _session(n: int) -> Session:
    return Session(f"s-{n:08d}", ALICE, TARGET, Peer("127.0.0.1"), datetime.now(UTC))


def _operation(n: int) -> Operation:
    return Operation("delete", f"delete from orders where id = {n}", frozenset({Effect.WRITE}))


async def _release(desk: Approvals, n: int) -> float:
    """From the moment somebody says yes until who waits may go on."""
    told = asyncio.Event()

    async def notice(words: str) -> None:
        told.set()

    waiter = asyncio.create_task(desk.wait(_session(n), _operation(n), HOLD, "r", notice))
    await told.wait()
    (request,) = await desk.listing(BOB)
    began = time.perf_counter()
    await desk.settle(request.id, BOB, True, request.sha256)
    settled = await waiter
    taken = time.perf_counter() - began
    assert settled.state == "approved"
    return taken * 1000


async def fill(ledger: SqlLedger, waiting: int) -> None:
    """So many requests of five hundred people."""
    now = datetime.now(UTC)

    def request(n: int) -> Approval:
        made = asking.request(_session(n), _operation(n), HOLD, "r", now + timedelta(milliseconds=n))
        return replace(made, requester=f"person-{n % 500}@example.com")

    for first in range(0, waiting, AT_ONCE):
        some = [request(n) for n in range(first, min(first + AT_ONCE, waiting))]
        await asyncio.gather(*(ledger.open_approval(each, asking.held_event(each)) for each in some))


async def _list(desk: Approvals, which: str) -> float:
    began = time.perf_counter()
    assert await desk.listing(BOB, which, "held")
    return (time.perf_counter() - began) * 1000


async def _decide(desk: Approvals, request: Approval) -> float:
    began = time.perf_counter()
    await desk.settle(request.id, BOB, True, request.sha256)
    return (time.perf_counter() - began) * 1000
