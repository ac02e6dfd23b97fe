"""Heartbeats: while the ledger hears them sessions are alive, and when it can not they end here, too."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from gateway.app.clock import SystemClock
from gateway.core.errors import Fault
from gateway.core.events import SessionEnded
from gateway.session import words
from gateway.session.heartbeat import ELSEWHERE, Heartbeat
from tests.session.conftest import Room, run

PATIENCE = 20.0
LEASE = timedelta(seconds=0.4)


@asynccontextmanager
async def beating(room: Room, lease: timedelta = LEASE) -> AsyncIterator[Heartbeat]:
    heartbeat = Heartbeat(room.ledger, room.live, SystemClock(), lease=lease)
    heartbeat.start()
    yield heartbeat
    await heartbeat.stop()


class Ears:
    """What the ledger hears, and whether it can."""

    def __init__(self, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
        self.deaf = False
        self.hangs = False
        self.refused = 0
        self.heard: list[frozenset[str]] = []
        self._keep = room.ledger.keep_alive
        monkeypatch.setattr(room.ledger, "keep_alive", self._hear)

    async def _hear(self, ids: Collection[str]) -> object:
        if self.hangs:
            await asyncio.Event().wait()
        if self.deaf:
            self.refused += 1
            raise Fault("the ledger does not hear")
        found = await self._keep(ids)
        self.heard.append(frozenset(ids))
        return found

    async def beats(self, count: int) -> None:
        count += len(self.heard)
        await until(lambda: len(self.heard) >= count)


async def until(there: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not there():
            await asyncio.sleep(0.01)


async def test_open_sessions_are_said_to_be_alive(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    ears = Ears(room, monkeypatch)
    gates = [await room.gate() for _ in range(3)]
    async with beating(room):
        await ears.beats(3)
        assert ears.heard[-1] == {gate.session.id for gate in gates}
        await gates[0].close("exit 0", {"status": 0})
        await ears.beats(2)
        assert ears.heard[-1] == {gate.session.id for gate in gates[1:]}
    for gate in gates[1:]:
        row = await room.ledger.session(gate.session.id)
        assert row is not None
        assert row.seen_at is not None
        assert row.seen_at > row.started_at
        assert not gate.ended.is_set()
        await gate.close("exit 0", {"status": 0})


async def test_nobody_is_asked_while_nothing_is_open(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    ears = Ears(room, monkeypatch)
    ears.deaf = True
    async with beating(room):
        await asyncio.sleep(LEASE.total_seconds() * 2)
        ears.deaf = False
        gate = await room.gate()
        await ears.beats(1)
        assert not gate.ended.is_set()
        await gate.close("exit 0", {"status": 0})


async def test_what_can_not_be_said_for_a_lease_ends(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    ears = Ears(room, monkeypatch)
    gate = await room.gate()
    async with beating(room):
        await ears.beats(1)
        ears.deaf = True
        await until(gate.ended.is_set)
    assert gate.ended_because == words.NOT_SEEN_ALIVE
    with pytest.raises(Fault, match="can not be reached any more"):
        await gate.admit(run("uptime"), room.notice)
    await gate.close("fault", {"reason": "fault"})


async def test_a_ledger_that_hangs_is_not_waited_for_beyond_the_lease(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has failed once, and now does not even say so."""
    ears = Ears(room, monkeypatch)
    gate = await room.gate()
    async with beating(room, timedelta(seconds=1)):
        await ears.beats(1)
        ears.deaf = True
        await until(lambda: ears.refused)
        ears.hangs = True
        await until(gate.ended.is_set)
    await gate.close("fault", {"reason": "fault"})


async def test_a_short_silence_harms_nobody(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    ears = Ears(room, monkeypatch)
    gate = await room.gate()
    async with beating(room, timedelta(seconds=20)) as heartbeat:
        heartbeat._every = 0.05
        await ears.beats(2)
        ears.deaf = True
        await asyncio.sleep(0.3)
        ears.deaf = False
        await ears.beats(2)
        assert not gate.ended.is_set()
    await gate.close("exit 0", {"status": 0})


async def test_who_wakes_up_late_may_try_once(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after SIGSTOP: the machine stood still for longer than a lease, and the ledger is there."""
    ears = Ears(room, monkeypatch)
    gate = await room.gate()
    async with beating(room) as heartbeat:
        await ears.beats(1)
        heartbeat._heard_us -= 60_000_000
        await ears.beats(2)
        assert not gate.ended.is_set()
    await gate.close("exit 0", {"status": 0})


async def test_what_another_process_has_ended_ends_here(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    ears = Ears(room, monkeypatch)
    theirs, ours = await room.gate(), await room.gate()
    async with beating(room):
        await ears.beats(1)
        await room.ledger.append(SessionEnded(session=theirs.session.id, outcome="crash"))
        await until(theirs.ended.is_set)
        assert theirs.ended_because == ELSEWHERE
        await ears.beats(2)
        assert not ours.ended.is_set()
    for gate in (theirs, ours):
        await gate.close("ended", {"reason": "ended"})


async def test_what_nobody_closed_is_ended_as_lost(
    room: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A session whose end could not be written, once the ledger can be written again."""
    alive, lost = await room.gate(), await room.gate()
    keep = room.ledger.append

    async def broken(event: object) -> int:
        raise Fault("the ledger is broken")

    monkeypatch.setattr(room.ledger, "append", broken)
    await lost.close("exit 0", {"status": 0})
    monkeypatch.setattr(room.ledger, "append", keep)
    row = await room.ledger.session(lost.session.id)
    assert row is not None
    assert row.ended_at is None
    async with beating(room):
        async with asyncio.timeout(PATIENCE):
            while (row := await room.ledger.session(lost.session.id)) is None or row.ended_at is None:
                await asyncio.sleep(0.02)
    assert row.outcome == "crash"
    assert f"session {lost.session.id} was lost" in caplog.text
    still = await room.ledger.session(alive.session.id)
    assert still is not None
    assert still.ended_at is None
    await alive.close("exit 0", {"status": 0})
    assert row.ended_at <= datetime.now(UTC)
