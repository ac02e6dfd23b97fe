"""People who are asked, and a town whose groups a test changes while something is held."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from gateway.app.clock import SystemClock
from gateway.core.operation import Operation
from gateway.core.people import Principal
from gateway.core.ports import Approval
from gateway.core.verdict import Hold
from gateway.session.approvals import Approvals
from gateway.session.gate import Gate, Permit
from gateway.session.lobby import Lobby
from tests.session.conftest import ALICE, PEER, Room, run

PATIENCE = 20.0
T = TypeVar("T")


def person(name: str, *groups: str, roles: str = "") -> Principal:
    """Somebody of these groups."""
    return Principal(
        f"{name}@example.com", f"{name}@example.com", frozenset(groups), frozenset(roles.split())
    )


class Town:
    """Who there is now, and who is behind whom: `who_decides.People`."""

    def __init__(self, *people: Principal) -> None:
        self.people = {each.id: each for each in people}
        self.owners: dict[str, str] = {}

    def find(self, id: str) -> Principal | None:
        return self.people.get(id)

    def behind(self, id: str) -> str:
        return self.owners.get(id, id)

    def moves(self, who: Principal, *groups: str) -> None:
        """They are in these groups from now on."""
        self.people[who.id] = replace(who, groups=frozenset(groups))

    def leaves(self, who: Principal) -> None:
        """They may not come in any more."""
        del self.people[who.id]


class JumpyClock(SystemClock):
    """Somebody sets the wall clock; the other one can be moved on as well."""

    def __init__(self) -> None:
        self.jumped = timedelta()
        self.passed = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.jumped + self.passed

    def monotonic_us(self) -> int:
        return super().monotonic_us() + round(self.passed.total_seconds() * 1_000_000)


class Scene:
    """A room with a town: what is held in it, and what people say about it."""

    def __init__(self, room: Room, town: Town, clock: JumpyClock | None = None) -> None:
        self.room = room
        self.town = town
        self.clock = clock or JumpyClock()
        self.approvals = Approvals(
            *(room.ledger, room.bus, self.clock, town),
            reread_every=0.05,
            most_of_one=1000,
            most_a_minute=100_000,
        )

    async def gate(self, who: Principal = ALICE) -> Gate:
        made = self.room.lobby()
        organs = replace(made._organs, approvals=self.approvals)
        return await Lobby(made._rooms, organs, self.room.live).enter(who, "web-1", "", PEER, {"pty": False})

    async def held(
        self, hold: Hold, operation: Operation | None = None, gate: Gate | None = None
    ) -> tuple[asyncio.Task[Permit], Approval]:
        """Something is held: who waits for it, and the request."""
        self.room.verdict = hold
        before = {each.id for each in await self.room.ledger.approvals()}
        at = gate or await self.gate()
        task = asyncio.create_task(at.admit(operation or run("restart"), self.room.notice))
        found = await until(lambda: self._new(before))
        return task, found

    async def _new(self, before: set[str]) -> Approval | None:
        return next((each for each in await self.room.ledger.approvals() if each.id not in before), None)

    async def grant(self, request: Approval, by: Principal, scope: str = "once") -> Approval:
        return await self.approvals.settle(
            request.id, by, True, request.sha256, "go", version=request.version, scope=scope
        )

    async def said(self, words: str) -> None:
        """The person has been told this."""
        async with asyncio.timeout(PATIENCE):
            while not any(words in each for each in self.room.spoken):
                await asyncio.sleep(0.01)


async def until(look: Callable[[], Awaitable[T | None]]) -> T:
    async with asyncio.timeout(PATIENCE):
        while not (found := await look()):
            await asyncio.sleep(0.01)
    return found


async def gone(task: asyncio.Task[Permit]) -> None:
    """Whoever waited hangs up."""
    task.cancel()
    await asyncio.wait([task])
