"""How long people stay whom others have let in: until what they were granted is over, or nobody gives it any more."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.core.approval_events import GrantEnded
from gateway.core.people import Principal
from gateway.core.verdict import Allow, Deny, Hold
from gateway.session.gate import Gate
from gateway.session.lobby import Lobby
from gateway.session.tenure import Tenures, warned_at
from tests.session.asked import PATIENCE, Scene, Town, person, until
from tests.session.conftest import ALICE, PEER, Room, hold

BOB = person("bob", "dba")
HOUR = replace(hold(), rule="ask-to-come", scopes=("once", "target 1h", "shape 30m 2", "session"))
OVER = "your access to web-1 is over"


class Door:
    """A lobby whose rounds are quick, and the gates that came through it."""

    def __init__(self, scene: Scene) -> None:
        made = scene.room.lobby()
        organs = replace(made._organs, approvals=scene.approvals)
        rooms = replace(made._rooms, clock=scene.clock)
        self.scene = scene
        self.lobby = Lobby(rooms, organs, scene.room.live)
        self.tenures = self.lobby._tenures = Tenures(
            scene.room.ledger, scene.room.bus, scene.clock, scene.approvals, look_every=0.05
        )
        self.gates: list[Gate] = []

    async def enter(self, who: Principal = ALICE, login: str = "") -> Gate:
        gate = await self.lobby.enter(who, "web-1", login, PEER, {"pty": False})
        self.gates.append(gate)
        return gate

    async def asks(self, verdict: Hold = HOUR, login: str = "") -> tuple[Gate, asyncio.Task[None], str]:
        """Somebody is kept waiting at the door: by which request."""
        self.scene.room.verdict = verdict
        gate = await self.enter(login=login)
        known = {each.id for each in await self.scene.room.ledger.approvals()}
        task = asyncio.create_task(self.lobby.welcome(gate, self.scene.room.notice))

        async def new() -> str | None:
            found = await self.scene.room.ledger.approvals(state="held")
            return next((each.id for each in found if each.id not in known), None)

        return gate, task, await until(new)

    async def let_in(self, scope: str, verdict: Hold = HOUR, login: str = "") -> tuple[Gate, str]:
        """Somebody came in, because it was granted with this scope."""
        gate, task, id = await self.asks(verdict, login)
        await self.scene.grant(await self.scene.approvals.find(id, BOB), BOB, scope)
        await task
        return gate, id

    async def passes(self, who: Principal = ALICE, login: str = "") -> Gate | None:
        """Comes in without asking anybody; None: is asked about."""
        gate = await self.enter(who, login)
        task = asyncio.create_task(self.lobby.welcome(gate, self.scene.room.notice))
        told = len(self.scene.room.spoken)
        while not task.done() and len(self.scene.room.spoken) == told:
            await asyncio.sleep(0.005)
        if task.done():
            await task
            return gate
        task.cancel()
        await asyncio.wait([task])
        return None


@pytest.fixture
async def door(room: Room) -> AsyncIterator[Door]:
    door = Door(Scene(room, Town(ALICE, BOB)))
    yield door
    for gate in door.gates:
        await gate.close("exit 0", {"status": 0})
    await until(lambda: _nobody(door))


async def _nobody(door: Door) -> bool:
    return not len(door.tenures)


async def ends(gate: Gate) -> str:
    async with asyncio.timeout(PATIENCE):
        await gate.ended.wait()
    return gate.ended_because


async def steered(door: Door, gate: Gate) -> list[str]:
    """Why it was ended, as the ledger has it."""
    entries = await door.scene.room.ledger.entries(session=gate.session.id)
    return [entry.body["text"] for entry in entries if entry.name == "session.steered"]


async def test_a_session_ends_with_what_it_came_by_and_is_warned_before(door: Door) -> None:
    gate, id = await door.let_in("target 1h")
    other = await door.passes()
    assert other is not None, "it is granted for an hour"
    door.scene.clock.passed = timedelta(minutes=60, seconds=-0.5)
    assert not gate.ended.is_set()
    door.scene.clock.passed = timedelta(minutes=60)
    assert await ends(gate) == await ends(other) == f"{OVER} ({id})"
    assert await steered(door, gate) == [f"access by {id}: its time is over"]


@pytest.mark.parametrize(
    ("whole", "left"),
    [(3600, 300), (301, 300), (300, 150), (90, 45), (60, 30), (59, 59), (2, 2)],
)
def test_whoever_has_less_than_five_minutes_is_warned_sooner(whole: int, left: int) -> None:
    assert warned_at(timedelta(seconds=whole)) == timedelta(seconds=left)


async def test_it_ends_to_the_second_and_says_so_before(door: Door) -> None:
    gate, task, id = await door.asks()
    began = asyncio.get_running_loop().time()
    await door.scene.grant(await door.scene.approvals.find(id, BOB), BOB, "target 2s")
    await task
    async with asyncio.timeout(PATIENCE):
        assert await gate.steering.next_words() == f"hoop: your access to web-1 ends in 2 s ({id})"
        await gate.ended.wait()
    assert 1.8 <= asyncio.get_running_loop().time() - began < 4.0


async def test_once_has_no_end_of_its_own_but_the_rule_may_give_it_one(door: Door) -> None:
    gate, _ = await door.let_in("once")
    assert await door.passes() is None
    door.scene.clock.passed = timedelta(days=2)
    limited, id = await door.let_in("once", replace(HOUR, lasts=timedelta(seconds=30)))
    door.scene.clock.passed += timedelta(seconds=31)
    assert await ends(limited) == f"{OVER} ({id})"
    assert not gate.ended.is_set()


async def test_what_is_shorter_counts(door: Door) -> None:
    gate, _ = await door.let_in("target 1h", replace(HOUR, lasts=timedelta(minutes=10)))
    door.scene.clock.passed = timedelta(minutes=11)
    assert await ends(gate)
    assert await door.passes() is not None, "the grant goes on, for another session"


async def test_a_wall_clock_that_is_set_back_prolongs_nothing(door: Door) -> None:
    gate, _ = await door.let_in("target 1h")
    door.scene.clock.passed = timedelta(minutes=59)
    door.scene.clock.jumped = -timedelta(minutes=59)
    again = await door.passes()
    assert again is not None
    door.scene.clock.passed = timedelta(minutes=61)
    door.scene.clock.jumped = -timedelta(minutes=61)
    assert await ends(gate)
    assert await ends(again)


async def test_a_wall_clock_that_is_set_forward_ends_it(door: Door) -> None:
    gate, _ = await door.let_in("target 1h")
    door.scene.clock.jumped = timedelta(hours=2)
    assert await ends(gate)


async def test_a_grant_that_is_ended_ends_its_sessions(door: Door) -> None:
    gate, id = await door.let_in("target 1h")
    once, _ = await door.let_in("once", replace(HOUR, rule="another"))
    assert await door.scene.room.ledger.end_grant(id, "taken back", GrantEnded(request=id, why="taken back"))
    assert await ends(gate) == f"{OVER} ({id})"
    assert await steered(door, gate) == [f"access by {id}: taken back"]
    assert not once.ended.is_set()


async def test_it_ends_when_whoever_gave_it_may_not_any_more(door: Door) -> None:
    gate, id = await door.let_in("target 1h")
    once, _ = await door.let_in("once", replace(HOUR, rule="another"))
    door.scene.town.moves(BOB, "dev")
    assert await ends(gate)
    assert await steered(door, gate) == [f"access by {id}: bob@example.com may not decide it any more"]
    door.scene.town.moves(BOB, "dba")
    door.scene.room.verdict = HOUR
    assert await door.passes() is None, "what has ended stays so"
    assert not once.ended.is_set()


@pytest.mark.parametrize(
    "verdict",
    [Deny("freeze", "nobody comes in"), replace(HOUR, scopes=("once",)), replace(HOUR, count=2)],
    ids=["blocked", "not listed", "others are asked"],
)
async def test_it_ends_when_the_rules_do_not_let_it_in_any_more(door: Door, verdict: Deny | Hold) -> None:
    gate, _ = await door.let_in("target 1h")
    door.scene.room.verdict = verdict
    gate.session = replace(gate.session, principal=replace(ALICE, groups=frozenset({"ops"})))
    assert await ends(gate)


async def test_rules_that_ask_nobody_any_more_end_nothing(door: Door) -> None:
    gate, _ = await door.let_in("target 1h")
    door.scene.room.verdict = Allow("everything")
    gate.session = replace(gate.session, principal=replace(ALICE, groups=frozenset({"ops"})))
    judged = door.tenures._open[gate.session.id].judged
    await until(lambda: _asked_again(door, gate, judged))
    assert not gate.ended.is_set()


async def _asked_again(door: Door, gate: Gate, judged: tuple[object, ...]) -> bool:
    return door.tenures._open[gate.session.id].judged != judged


async def test_what_was_granted_is_for_one_account(door: Door) -> None:
    await door.let_in("target 1h", login="root")
    assert await door.passes(login="root") is not None
    assert await door.passes() is None


async def test_whoever_is_denied_or_needs_nobody_has_no_tenure(door: Door) -> None:
    door.scene.room.verdict = Allow("everything")
    assert await door.passes() is not None
    assert len(door.tenures) == 0


async def test_a_thousand_are_looked_at_in_one_read(door: Door) -> None:
    await door.let_in("target 1h")
    for _ in range(30):
        assert await door.passes() is not None
    reads: list[int] = []
    ledger = door.scene.room.ledger
    fallen = ledger.fallen

    async def counted(ids: frozenset[str]) -> object:
        reads.append(len(ids))
        return await fallen(ids)

    ledger.fallen = counted  # type: ignore[method-assign,assignment]  # counts
    try:
        await until(lambda: _so_many(reads, 3))
    finally:
        del ledger.fallen
    assert set(reads) == {1}, "all came by one request"
    assert len(door.tenures) == 31


async def _so_many(reads: list[int], many: int) -> bool:
    return len(reads) >= many
