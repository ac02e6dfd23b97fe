"""What staff do to a live session, at its gate: written down first, then done; and races between them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.core.errors import Fault, Refused
from gateway.core.events import Event, SessionSteered
from gateway.core.frame import FrameKind
from gateway.core.verdict import Deny
from gateway.session.gate import Gate
from gateway.session.steering import FORGOTTEN, MOST_WORDS, Steering
from tests.session.conftest import BOB, CAROL, Room, hold, run

PATIENCE = 10.0


@asynccontextmanager
async def a_gate(room: Room, **more: Any) -> AsyncIterator[Gate]:
    gate = await room.gate(pty=True)
    if more:
        gate.steering = Steering(gate, **more)
    yield gate
    await gate.close("exit 0", {"status": 0})


async def acts(room: Room, gate: Gate) -> list[tuple[str, str, str]]:
    entries = await room.ledger.entries(session=gate.session.id)
    return [
        (str(entry.body["person"]), str(entry.body["action"]), str(entry.body["text"]))
        for entry in entries
        if entry.name == SessionSteered.name
    ]


def flows(gate: Gate) -> bool:
    return gate.inflow.is_open


async def words(gate: Gate) -> str:
    async with asyncio.timeout(PATIENCE):
        return await gate.steering.next_words()


async def silent(gate: Gate) -> bool:
    """Nothing waits to be said."""
    asking = asyncio.create_task(gate.steering.next_words())
    await asyncio.sleep(0)
    asking.cancel()
    return not asking.done()


async def test_paused_input_waits_and_goes_on(room: Room) -> None:
    async with a_gate(room) as gate:
        await gate.inflow.opened()
        await gate.steering.pause(BOB)
        waiting = asyncio.create_task(gate.inflow.opened())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        await gate.steering.resume(CAROL)
        async with asyncio.timeout(PATIENCE):
            await waiting
        assert [await words(gate), await words(gate)] == [
            "hoop: paused by bob@example.com - your input waits",
            "hoop: resumed",
        ]
        assert await acts(room, gate) == [
            ("bob@example.com", "pause", ""),
            ("carol@example.com", "resume", ""),
        ]


async def test_nothing_is_admitted_while_paused(room: Room) -> None:
    """Neither what is asked meanwhile, nor what was held and is granted meanwhile."""
    async with a_gate(room) as gate:
        await gate.steering.pause(BOB)
        asked = asyncio.create_task(gate.admit(run("uptime"), room.notice))
        await asyncio.sleep(0.05)
        assert not asked.done()
        room.verdict = Deny("freeze", "until Monday")  # what counts is the policy when it goes on
        await gate.steering.resume(BOB)
        with pytest.raises(Exception, match="blocked by freeze"):
            await asked
        room.verdict = hold()
        held = asyncio.create_task(gate.admit(run("reboot"), room.notice))
        async with asyncio.timeout(PATIENCE):
            while not (found := await room.ledger.approvals(state="held")):
                await asyncio.sleep(0.01)
        await gate.steering.pause(BOB)
        await room.approvals().settle(found[0].id, BOB, True, found[0].sha256)
        async with asyncio.timeout(PATIENCE):
            while not any("approved" in spoken for spoken in room.spoken):
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert not held.done()
        assert "operation.admitted" not in await room.names(gate.session.id)
        await gate.steering.resume(BOB)
        assert (await held).operation.text == "reboot"


async def test_pausing_again_renews_it_and_says_it_once(room: Room) -> None:
    async with a_gate(room) as gate:
        await gate.steering.pause(BOB)
        await gate.steering.pause(CAROL)
        assert gate.steering.paused_by == "carol@example.com"
        assert "bob@example.com" in await words(gate)
        assert await silent(gate)
        assert [person for person, _, _ in await acts(room, gate)] == ["bob@example.com", "carol@example.com"]


async def test_a_forgotten_pause_is_over_by_itself(room: Room) -> None:
    async with a_gate(room, pause_lasts=0.05) as gate:
        await gate.steering.pause(BOB)
        async with asyncio.timeout(PATIENCE):
            await gate.inflow.opened()
        assert gate.steering.paused_by == ""
        assert (await acts(room, gate))[-1] == ("", "resume", FORGOTTEN)
        await gate.steering.pause(BOB)
        async with asyncio.timeout(PATIENCE):
            await gate.inflow.opened()


async def test_a_forgotten_pause_stays_while_it_can_not_be_audited(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = asyncio.Event()
    keep = room.ledger.append

    async def broken(event: Event) -> int:
        refused.set()
        raise Fault("the ledger is broken")

    async with a_gate(room, pause_lasts=0.05) as gate:
        await gate.steering.pause(BOB)
        monkeypatch.setattr(room.ledger, "append", broken)
        async with asyncio.timeout(PATIENCE):
            await refused.wait()
        assert not flows(gate)
        monkeypatch.setattr(room.ledger, "append", keep)
        async with asyncio.timeout(PATIENCE):
            await gate.inflow.opened()


async def test_everything_is_in_the_recording_too(room: Room) -> None:
    async with a_gate(room) as gate:
        await gate.steering.pause(BOB)
        await gate.steering.resume(BOB)
        await gate.steering.message(BOB, "hands off")
        await gate.steering.end(BOB, "incident 4411")
    marks = []
    reader = room.recording()
    while (frames := reader.next_frames()) is not None:
        marks += [json.loads(frame.data) for frame in frames if frame.kind is FrameKind.MARK]
    by = "bob@example.com"
    assert marks == [
        {"kind": "pause", "text": f"by {by}", "by": by},
        {"kind": "resume", "text": f"by {by}", "by": by},
        {"kind": "message", "text": f"by {by}: hands off", "by": by},
        {"kind": "end", "text": f"by {by}: incident 4411", "by": by},
    ]


async def test_nothing_is_done_to_what_is_over(room: Room) -> None:
    async with a_gate(room) as gate:
        await gate.steering.end(BOB, "")
        for act in (
            gate.steering.pause(BOB),
            gate.steering.resume(BOB),
            gate.steering.message(BOB, "x"),
            gate.steering.end(CAROL, ""),
        ):
            with pytest.raises(Refused, match="has ended already"):
                await act
        assert gate.ended_because == "by bob@example.com - talk to them before you come back"
    other = await room.gate()
    await other.close("exit 0", {"status": 0})
    with pytest.raises(Refused, match="has ended already"):
        await other.steering.pause(BOB)


async def test_a_person_who_does_not_read(room: Room) -> None:
    async with a_gate(room) as gate:
        for number in range(MOST_WORDS):
            await gate.steering.message(BOB, str(number))
        with pytest.raises(Refused, match="20 messages wait already"):
            await gate.steering.message(BOB, "one more")
        await gate.steering.pause(BOB)
        assert not flows(gate), "a pause counts although nobody hears of it"
        assert '"0"' in await words(gate)
        await gate.steering.message(BOB, "there is room again")


class SlowLedger:
    """Lets a test stand between the audit of an act and the act."""

    def __init__(self, room: Room, monkeypatch: pytest.MonkeyPatch, action: str) -> None:
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()
        keep = room.ledger.append

        async def slow(event: Event) -> int:
            if isinstance(event, SessionSteered) and event.action == action:
                self.reached.set()
                await self.go_on.wait()
            return await keep(event)

        monkeypatch.setattr(room.ledger, "append", slow)


async def test_an_end_overtakes_a_pause(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_gate(room) as gate:
        slow = SlowLedger(room, monkeypatch, "pause")
        pausing = asyncio.create_task(gate.steering.pause(BOB))
        await slow.reached.wait()
        async with asyncio.timeout(PATIENCE):
            await gate.steering.end(CAROL, "now")
        assert gate.ended.is_set()
        slow.go_on.set()
        with pytest.raises(Refused, match="has ended already"):
            await pausing
        assert await silent(gate), "nobody is told of a pause that never was"
        assert flows(gate)


async def test_an_end_does_not_wait_for_a_ledger_that_hangs(
    room: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_gate(room) as gate:
        slow = SlowLedger(room, monkeypatch, "end")
        async with asyncio.timeout(PATIENCE):
            await gate.steering.end(BOB, "now")
        assert gate.ended.is_set()
        assert "may be missing in the ledger" in caplog.text
        slow.go_on.set()


async def test_an_end_that_is_called_off_half_way_is_an_end(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_gate(room) as gate:
        slow = SlowLedger(room, monkeypatch, "end")
        ending = asyncio.create_task(gate.steering.end(BOB, "now"))
        await slow.reached.wait()
        ending.cancel()
        await asyncio.wait([ending])
        assert gate.ended.is_set()


async def test_all_staff_at_once(room: Room) -> None:
    """Whatever the order: as many acts as were accepted, one end at most, and a valve as the last word says."""
    for ending in (False, True):
        async with a_gate(room) as gate:
            people = [BOB, CAROL] * 5
            jobs = [gate.steering.pause(who) for who in people] + [
                gate.steering.resume(who) for who in people
            ]
            if ending:
                jobs += [gate.steering.end(who, "") for who in people]
            done = await asyncio.gather(*jobs, return_exceptions=True)
            assert all(each is None or isinstance(each, Refused) for each in done)
            written = await acts(room, gate)
            assert sum(action == "end" for _, action, _ in written) == ending
            if not ending:
                assert len(written) == done.count(None)
                assert flows(gate) == (written[-1][1] == "resume")
