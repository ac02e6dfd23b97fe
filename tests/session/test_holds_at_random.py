"""Many held operations at once under random words, kills, expiries and people who come and go.

Whatever happens, an operation is let through once and with an approval that counted, or never.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.blobs.local import LocalBlobs
from gateway.bus.inprocess import InProcessBus
from gateway.core.errors import Denied
from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.ports import Approval, Entry
from gateway.core.verdict import Hold, Quorum, Verdict
from gateway.session.approvals import Approvals
from gateway.session.gate import Gate
from gateway.session.live import LiveSessions
from gateway.session.objections import Objection
from gateway.store.ledger import SqlLedger
from tests.session.asked import Scene, Town, person
from tests.session.conftest import ALICE, Room, run
from tests.store.fresh import fresh_ledger

DBA, SEC = frozenset({"dba"}), frozenset({"sec"})
BOB, CAROL, DAN = person("bob", "dba"), person("carol", "dba", "sec"), person("dan", "sec")
ERIN, OSCAR = person("erin", "dba"), person("oscar", "dev")
EVERYBODY = (ALICE, BOB, CAROL, DAN, ERIN, OSCAR)


@dataclass
class Fate:
    """What has become of one operation, as far as its person could see."""

    text: str
    request: str = ""
    ran: int = 0
    killed: bool = False
    states: list[str] = field(default_factory=list)


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    """A ledger that is given time: the machine is as busy as the crowd makes it."""
    ledger = await fresh_ledger(tmp_path / "hoop.db", patience=30)
    blobs = LocalBlobs(tmp_path / "recordings")
    yield Room(tmp_path, ledger, InProcessBus(), blobs, LiveSessions())
    await ledger.close()


class Crowd:
    """Everybody at once. The second gateway shares the ledger and no hints."""

    def __init__(self, scene: Scene, second: Approvals, seed: int, pace: float) -> None:
        self.scene = scene
        self.second = second
        self.random = random.Random(seed)
        self.pace = pace
        self.fates: list[Fate] = []
        self.verdicts: dict[str, Verdict] = {}

    def decide(self, operation: Operation, session: Session) -> Verdict:
        return self.verdicts[operation.text]

    def a_hold(self) -> Hold:
        """Mostly one of a group; sometimes several, sometimes soon over, sometimes with more than once to grant."""
        also = (Quorum(SEC),) if self.random.random() < 0.2 else ()
        timeout = timedelta(seconds=0.2 if self.random.random() < 0.2 else 60)
        count = 2 if self.random.random() < 0.2 else 1
        requires = frozenset({"reason"}) if self.random.random() < 0.1 else frozenset()
        return Hold("r", "", DBA, count, timeout, also=also, requires=requires)

    async def one(self, gate: Gate, n: int) -> None:
        """From the first word to the last."""
        fate = Fate(f"op {n}")
        self.fates.append(fate)
        self.verdicts[fate.text] = self.a_hold()
        told = asyncio.Event()

        async def notice(words: str) -> None:
            if words.startswith("hoop: held ") and not fate.request:
                fate.request = words.split()[2]
                told.set()

        admitting = asyncio.create_task(gate.admit(run(fate.text), notice))
        await told.wait()
        while not admitting.done():
            if self.random.random() < 0.07:
                fate.killed = True
                admitting.cancel()
                await asyncio.wait([admitting])
            else:
                await self.somebody_acts(fate.request)
            await asyncio.sleep(self.random.random() * self.pace)
        if admitting.cancelled():
            return
        problem = admitting.exception()
        if problem is None:
            fate.ran += 1
        else:
            assert isinstance(problem, Denied)
            fate.states.append(problem.state)

    async def somebody_acts(self, id: str) -> None:
        """Anybody does anything, allowed or not."""
        at = self.random.choice([self.scene.approvals, self.second])
        who = self.random.choice(EVERYBODY)
        request = await self.scene.room.ledger.approval(id)
        assert request is not None
        draw = self.random.random()
        with suppress(Objection):
            if draw < 0.35:
                await at.settle(id, who, True, request.sha256, version=request.version)
            elif draw < 0.4:
                await at.settle(id, who, True, "0" * 64, version=request.version)
            elif draw < 0.45:
                await at.settle(id, who, True, request.sha256, version=request.version + 1)
            elif draw < 0.5:
                await at.settle(id, who, False, request.sha256, "no", version=request.version)
            elif draw < 0.53:
                await at.withdraw(id, who)
            elif draw < 0.7:
                await self.somebody_speaks(at, id)
            elif draw < 0.73:
                self.scene.town.moves(who, *self.random.sample(["dba", "sec", "dev"], 1))
            else:
                self.scene.town.people[who.id] = who

    async def somebody_speaks(self, at: Approvals, id: str) -> None:
        who = self.random.choice(EVERYBODY)
        say = self.random.choice([at.claim, at.unclaim])
        if who is ALICE:
            await at.reply(id, who, reason="because")
        elif self.random.random() < 0.5:
            await say(id, who)
        else:
            await at.comment(id, who, "why?")


async def everything(ledger: SqlLedger) -> list[Entry]:
    found: list[Entry] = []
    while more := await ledger.entries(after=found[-1].seq if found else 0, limit=5000):
        found += more
    return found


def check(fate: Fate, request: Approval, admitted: Counter[str]) -> None:
    """One operation, against the book of record."""
    told = (fate, request.state, [(word.by, word.granted) for word in request.decisions])
    assert request.state != "held", told
    assert admitted[request.id] <= 1, told
    assert fate.ran <= admitted[request.id], told
    if fate.ran:
        assert request.state == "approved", told
    if request.state != "approved":
        assert not admitted[request.id], told
    elif not fate.killed:
        assert fate.ran == 1, told
    if request.state == "approved":
        by = {word.by for word in request.decisions if word.granted}
        assert ALICE.id not in by, told
        assert len(by) >= request.count + len(request.also), told
        assert all(word.granted and word.groups for word in request.decisions if word.by in by), told
    for state in fate.states:
        assert state == request.state, told


async def crowd(room: Room, seed: int, many: int, at_once: int) -> None:
    scene = Scene(room, Town(*EVERYBODY))
    second_ledger = await SqlLedger.open(f"sqlite:///{room.directory}/hoop.db", gateway="second", patience=30)
    bus, clock = InProcessBus(), scene.clock
    second = Approvals(second_ledger, bus, clock, scene.town, reread_every=0.05, most_a_minute=100_000)
    all_of_them = Crowd(scene, second, seed, pace=at_once / 80)
    room.decide = all_of_them.decide  # type: ignore[method-assign]  # each operation has a verdict of its own
    gates = [await scene.gate() for _ in range(8)]
    slots = asyncio.Semaphore(at_once)

    async def one(n: int) -> None:
        async with slots:
            await all_of_them.one(gates[n % len(gates)], n)

    await asyncio.gather(*(one(n) for n in range(many)))
    requests = {each.id: each for each in await room.ledger.approvals(limit=many + 1)}
    entries = await everything(room.ledger)
    await second_ledger.close()
    admitted = Counter(entry.body["request"] for entry in entries if entry.name == "operation.admitted")
    assert len(requests) == len(all_of_them.fates) == many
    assert admitted.keys() <= requests.keys()
    for fate in all_of_them.fates:
        check(fate, requests[fate.request], admitted)
    outcomes = Counter(request.state for request in requests.values())
    assert outcomes.keys() == {"approved", "denied", "expired", "withdrawn"}, outcomes


@pytest.mark.parametrize("seed", [1, 2])
async def test_once_with_an_approval_or_never(room: Room, seed: int) -> None:
    await crowd(room, seed, many=50, at_once=25)


@pytest.mark.slow
async def test_ten_thousand(room: Room) -> None:
    await crowd(room, seed=4, many=10_000, at_once=200)
