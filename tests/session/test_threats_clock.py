"""A wall clock that jumps: sessions live on, recordings keep their time, and nothing counts that has expired."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.app.clock import SystemClock
from gateway.blobs.local import LocalBlobs
from gateway.bus.inprocess import InProcessBus
from gateway.core.errors import Denied, Refused
from gateway.core.shown import Answer, Stream
from gateway.session.approvals import Approvals
from gateway.session.gate import Gate
from gateway.session.heartbeat import Heartbeat
from gateway.session.live import LiveSessions
from gateway.session.lobby import Lobby
from tests.session.conftest import ALICE, BOB, PEER, Room, hold, run
from tests.store.fresh import fresh_ledger

PATIENCE = 20.0
LEASE = timedelta(seconds=0.4)
YEARS = timedelta(days=3652)
JUMPS = [timedelta(hours=1), timedelta(hours=-1), YEARS, -YEARS, timedelta(seconds=1), timedelta(seconds=-1)]


class JumpyClock(SystemClock):
    """Somebody sets the wall clock. The other one goes on as ever."""

    jumped = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.jumped


class JumpyRoom(Room):
    """A room all of whose organs look at the same jumpy clock."""

    clock: JumpyClock

    def approvals(self) -> Approvals:
        return Approvals(self.ledger, self.bus, self.clock, reread_every=0.2)

    async def gate(self, *, pty: bool = False) -> Gate:
        made = self.lobby()
        organs = replace(made._organs, approvals=self.approvals())
        at = Lobby(replace(made._rooms, clock=self.clock), organs, self.live)
        return await at.enter(ALICE, "web-1", "", PEER, {"pty": pty})


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[JumpyRoom]:
    clock = JumpyClock()
    ledger = await fresh_ledger(tmp_path / "hoop.db", now=clock.now)
    made = JumpyRoom(tmp_path, ledger, InProcessBus(), LocalBlobs(tmp_path / "recordings"), LiveSessions())
    made.clock = clock
    yield made
    await made.ledger.close()


async def test_a_session_lives_through_jumps(room: JumpyRoom) -> None:
    """It is not taken for lost, and its recording says how long things took, whatever the wall says."""
    gate = await room.gate()
    permit = await gate.admit(run("uptime"), room.notice)
    beats = 0
    keep = room.ledger.keep_alive

    async def count(ids: object) -> object:
        nonlocal beats
        beats += 1
        return await keep(ids)  # type: ignore[arg-type]  # the same as it came

    room.ledger.keep_alive = count  # type: ignore[method-assign, assignment]
    heartbeat = Heartbeat(room.ledger, room.live, room.clock, lease=LEASE)
    heartbeat.start()
    for jump in JUMPS:
        room.clock.jumped = jump
        heard = beats
        await gate.reveal(permit, Answer(Stream.OUT, f"{jump}\n".encode(), last=jump is JUMPS[-1]))
        async with asyncio.timeout(PATIENCE):
            while beats < heard + 2:
                await asyncio.sleep(0.01)
        assert not gate.ended.is_set()
        row = await room.ledger.session(gate.session.id)
        assert row is not None
        assert row.outcome == "", jump
    await heartbeat.stop()
    await gate.close("exit 0", {"status": 0})
    reader = room.recording()
    times = []
    while (frames := reader.next_frames()) is not None:
        times += [frame.at_us for frame in frames]
    reader.finish()
    assert reader.state() == "whole"
    assert times == sorted(times)
    assert times[-1] < PATIENCE * len(JUMPS) * 1_000_000
    row = await room.ledger.session(gate.session.id)
    assert row is not None
    assert row.outcome == "exit 0"


async def test_a_jump_forward_grants_nothing(room: JumpyRoom) -> None:
    """What was held is expired then, and a decision after that does not count."""
    gate = await room.gate()
    room.verdict = hold(3600)
    waiting = asyncio.create_task(gate.admit(run("reboot"), room.notice))
    async with asyncio.timeout(PATIENCE):
        while not (requests := await room.ledger.approvals(state="held")):
            await asyncio.sleep(0.01)
    room.clock.jumped = YEARS
    with pytest.raises(Denied, match="nobody decided"):
        await waiting
    (request,) = requests
    with pytest.raises(Refused, match="it expired"):
        await room.approvals().settle(request.id, BOB, True, request.sha256)
    settled = await room.ledger.approval(request.id)
    assert settled is not None
    assert settled.state == "expired"
    await gate.close("expired", {"reason": "expired"})


async def test_a_jump_back_keeps_nobody_from_deciding(room: JumpyRoom) -> None:
    """It waits longer than was said; that is all."""
    gate = await room.gate()
    room.verdict = hold(3600)
    waiting = asyncio.create_task(gate.admit(run("reboot"), room.notice))
    async with asyncio.timeout(PATIENCE):
        while not (requests := await room.ledger.approvals(state="held")):
            await asyncio.sleep(0.01)
    room.clock.jumped = -YEARS
    (request,) = requests
    await room.approvals().settle(request.id, BOB, True, request.sha256)
    assert (await waiting).operation.text == "reboot"
    await gate.close("exit 0", {"status": 0})
