"""The Ledger's contract: entries and what is derived from them for sessions."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any, ClassVar

import pytest

from gateway.core.errors import Fault
from gateway.core.events import (
    Event,
    GatewayStarted,
    GatewayStopped,
    OperationDenied,
    SessionEnded,
    SignedIn,
)
from gateway.core.ports import Ledger, SessionRow
from gateway.store.ledger import SqlLedger
from tests.contracts.conftest import NOON, Open, Watch, a_request, admitted, held, opened


def denied(session: str, state: str) -> OperationDenied:
    return OperationDenied(
        session=session,
        verb="exec",
        text="rm -rf /",
        sha256="2" * 64,
        rule="no-rm",
        revision="r1",
        state=state,
        reason="not here",
    )


def ended(session: str, **more: Any) -> SessionEnded:
    return SessionEnded(
        session=session, outcome="exit 0", bytes_shown=5_000_000_000, masked={"card": 3}, **more
    )


async def test_an_entry_comes_back_as_it_was(ledger: Ledger) -> None:
    event = admitted("s-2B8CK4TQ", "cat /etc/hosts | grep 'ü'")
    number = await ledger.append(event)
    (entry,) = await ledger.entries()
    assert entry.seq == number
    assert (entry.name, entry.session, entry.actor) == ("operation.admitted", "s-2B8CK4TQ", "alice")
    assert entry.body == event.body()
    assert entry.at.tzinfo is UTC
    assert NOON < entry.at < NOON + timedelta(seconds=1)


async def test_numbers_grow_and_entries_follow_them(ledger: Ledger) -> None:
    numbers = [await ledger.append(admitted(f"s-{i % 2}", str(i))) for i in range(7)]
    assert numbers == sorted(set(numbers))
    everything = await ledger.entries()
    assert [entry.seq for entry in everything] == numbers
    assert [entry.body["text"] for entry in everything] == [str(i) for i in range(7)]
    assert [entry.seq for entry in await ledger.entries(after=numbers[4])] == numbers[5:]
    assert [entry.seq for entry in await ledger.entries(limit=2)] == numbers[:2]
    assert [entry.body["text"] for entry in await ledger.entries(session="s-1", after=numbers[1])] == [
        "3",
        "5",
    ]
    assert await ledger.entries(after=numbers[-1]) == []
    assert await ledger.entries(session="s-none") == []


async def test_what_was_kept_is_there_after_reopening(open_ledger: Open) -> None:
    first = await open_ledger()
    number = await first.append(GatewayStopped())
    await first.close()
    second = await open_ledger()
    assert [entry.seq for entry in await second.entries()] == [number]
    assert await second.append(GatewayStopped()) > number


async def test_many_at_once_each_get_their_own_number(ledger: Ledger) -> None:
    texts = [f"command {i}" for i in range(300)]
    numbers = await asyncio.gather(*(ledger.append(admitted("s-1", text)) for text in texts))
    assert len(set(numbers)) == 300
    kept = {entry.seq: entry.body["text"] for entry in await ledger.entries(limit=1000)}
    assert kept == dict(zip(numbers, texts, strict=True))


async def test_entries_of_one_caller_stay_in_order_among_many(ledger: Ledger) -> None:
    async def caller(name: str) -> None:
        for i in range(15):
            await ledger.append(admitted(name, str(i)))

    await asyncio.gather(*(caller(f"s-{n}") for n in range(10)))
    for n in range(10):
        assert [entry.body["text"] for entry in await ledger.entries(session=f"s-{n}")] == [
            str(i) for i in range(15)
        ]


async def test_a_follower_misses_nothing_while_two_gateways_write(open_ledger: Open) -> None:
    first, second, follower = await open_ledger("a"), await open_ledger("b"), await open_ledger("c")
    seen: list[int] = []

    async def write(ledger: SqlLedger) -> list[int]:
        return [
            number for _ in range(12) for number in await asyncio.gather(*(append(ledger) for _ in range(5)))
        ]

    async def append(ledger: SqlLedger) -> int:
        return await ledger.append(GatewayStopped())

    async def follow() -> None:
        while len(seen) < 120:
            entries = await follower.entries(after=seen[-1] if seen else 0, limit=7)
            seen.extend(entry.seq for entry in entries)

    async with asyncio.timeout(20):
        mine, theirs, _ = await asyncio.gather(write(first), write(second), follow())
    assert sorted(mine + theirs) == seen


async def test_a_session_is_derived_from_its_events(ledger: Ledger) -> None:
    id = "s-2B8CK4TQ"
    await ledger.append(opened(id))
    begun = await ledger.session(id)
    assert begun is not None
    assert begun == SessionRow(
        id=id,
        person="alice@example.com",
        target="web-1",
        kind="ssh",
        login="deploy",
        address="192.0.2.7",
        client="SSH-2.0-OpenSSH_9.2",
        labels={"env": "prod"},
        recording=f"2026/06/01/{id}.hrec",
        started_at=begun.started_at,
        seen_at=begun.started_at,
    )
    await ledger.append(admitted(id))
    await asyncio.gather(*(ledger.append(admitted(id)) for _ in range(3)))
    for state in ("blocked", "denied", "expired", "blocked"):
        await ledger.append(denied(id, state))
    await ledger.open_approval(a_request(), held(a_request()))
    await ledger.append(ended(id, commands=2))
    row = await ledger.session(id)
    assert row is not None
    assert (row.commands, row.blocked, row.held) == (4, 2, 1)
    assert (row.outcome, row.bytes_shown, row.masked) == ("exit 0", 5_000_000_000, {"card": 3})
    assert row.ended_at is not None
    assert row.ended_at > row.started_at


async def test_a_whole_session_in_one_batch(ledger: Ledger) -> None:
    events: list[Event] = [
        opened("s-1"),
        admitted("s-1"),
        denied("s-1", "blocked"),
        ended("s-1"),
        opened("s-2"),
    ]
    await asyncio.gather(*(ledger.append(event) for event in events))
    one, two = await ledger.session("s-1"), await ledger.session("s-2")
    assert one is not None
    assert two is not None
    assert (one.commands, one.blocked, one.outcome) == (1, 1, "exit 0")
    assert (two.commands, two.blocked, two.ended_at) == (0, 0, None)


async def test_a_session_ends_once(ledger: Ledger) -> None:
    await ledger.append(opened("s-1"))
    await ledger.append(ended("s-1", commands=9))
    first = await ledger.session("s-1")
    await ledger.append(SessionEnded(session="s-1", outcome="crash"))
    assert await ledger.session("s-1") == first
    assert first is not None
    assert first.commands == 9
    assert [entry.name for entry in await ledger.entries(session="s-1")].count("session.ended") == 2


async def test_events_of_unknown_sessions_are_kept_all_the_same(ledger: Ledger) -> None:
    for event in (
        admitted("s-x"),
        ended("s-x"),
        denied("", "blocked"),
        SignedIn(person="a", method="m", address="x"),
    ):
        await ledger.append(event)
    assert len(await ledger.entries()) == 4
    assert await ledger.session("s-x") is None
    assert await ledger.sessions() == []


async def test_sessions_newest_first_and_filtered(ledger: Ledger, watch: Watch) -> None:
    for number in range(6):
        person, target = f"p{number % 2}", f"t{number % 3}"
        await ledger.append(opened(f"s-{number}", person, target))
        watch.time -= timedelta(minutes=1)  # a clock set back does not change what is newest
    for number in (1, 4):
        await ledger.append(ended(f"s-{number}"))

    async def ids(**wanted: Any) -> str:
        return "".join(row.id[-1] for row in await ledger.sessions(**wanted))

    assert await ids() == "543210"
    assert await ids(limit=2) == "54"
    assert await ids(live=True) == "5320"
    assert await ids(live=False) == "41"
    assert await ids(person="p1") == "531"
    assert await ids(target="t1") == "41"
    assert await ids(live=True, person="p1", target="t2") == "5"
    assert await ids(person="P1") == ""


async def test_sessions_are_found_by_the_start_of_their_id(ledger: Ledger) -> None:
    for id in ("s-2B8CK4TQ", "s-2B8CXXXX", "s-2C000000", "s-2", "s-2b8c0000"):
        await ledger.append(opened(id))

    async def found(prefix: str) -> list[str]:
        return [row.id for row in await ledger.find_sessions(prefix)]

    assert await found("s-2B8C") == ["s-2B8CXXXX", "s-2B8CK4TQ"]
    assert await found("s-2B8CK4TQ") == ["s-2B8CK4TQ"]
    assert await found("s-3") == await found("s-_B8C") == await found("s-%") == await found("%") == []
    assert len(await found("s-2")) == 5
    for number in range(12):
        await ledger.append(opened(f"s-9{number}"))
    assert await found("s-9") == [f"s-9{number}" for number in range(11, 1, -1)]


async def test_a_session_id_is_not_used_twice(ledger: Ledger) -> None:
    await ledger.append(opened("s-1", "alice"))
    with pytest.raises(Fault, match=r"^the ledger already holds something with this id$"):
        await ledger.append(opened("s-1", "mallory"))
    row = await ledger.session("s-1")
    assert row is not None
    assert row.person == "alice"
    assert len(await ledger.entries()) == 1


async def test_a_failure_in_a_batch_is_only_its_own(ledger: Ledger) -> None:
    await ledger.append(opened("s-7"))
    outcomes = await asyncio.gather(
        *(ledger.append(opened(f"s-{n}")) for n in range(20)), return_exceptions=True
    )
    assert [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Fault)] == [7]
    numbers = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert len(set(numbers)) == 19
    entries = await ledger.entries()
    assert [entry.session for entry in entries].count("s-7") == 1
    assert {entry.seq: entry.session for entry in entries if entry.session != "s-7"} == {
        number: f"s-{n}" for n, number in enumerate(outcomes) if isinstance(number, int)
    }
    assert len(await ledger.sessions()) == 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwritable(Event):
    """An event that no JSON can hold. It has no name, so no registry keeps it."""

    name: ClassVar[str] = ""
    what: object


@pytest.mark.parametrize("what", [{1, 2}, float("nan"), b"bytes"])
async def test_what_json_can_not_hold_is_a_fault(ledger: Ledger, what: object) -> None:
    with pytest.raises(Fault, match="can not hold this entry"):
        await ledger.append(Unwritable(what=what))
    assert await ledger.entries() == []


async def test_a_caller_who_leaves_neither_loses_nor_doubles_anything(ledger: Ledger) -> None:
    callers = [asyncio.create_task(ledger.append(admitted("s-1", str(n)))) for n in range(60)]
    await asyncio.sleep(0)
    for caller in callers[::3]:
        caller.cancel()
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    left = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, asyncio.CancelledError)]
    assert left == list(range(0, 60, 3))
    await ledger.append(admitted("s-1", "last"))
    entries = await ledger.entries()
    kept = {entry.seq: entry.body["text"] for entry in entries}
    assert all(kept[number] == str(n) for n, number in enumerate(outcomes) if isinstance(number, int))
    # What was handed over is written even if its caller no longer waits: an audit does not forget.
    assert sorted(entry.body["text"] for entry in entries) == sorted([*map(str, range(60)), "last"])


async def test_a_reader_who_leaves_does_no_harm(ledger: Ledger) -> None:
    await ledger.append(opened("s-1"))
    for _ in range(10):
        readers = [asyncio.create_task(ledger.sessions()) for _ in range(8)]
        await asyncio.sleep(0)
        for reader in readers:
            reader.cancel()
        await asyncio.wait(readers)
    assert len(await ledger.sessions()) == 1


async def test_closing_finishes_what_waits_and_then_refuses(ledger: Ledger, open_ledger: Open) -> None:
    waiting = [asyncio.create_task(ledger.append(GatewayStopped())) for _ in range(30)]
    await asyncio.sleep(0)
    await ledger.close()
    assert len(set(await asyncio.gather(*waiting))) == 30
    with pytest.raises(Fault, match="the ledger is closed"):
        await ledger.append(GatewayStopped())
    with pytest.raises(Fault, match="the ledger is closed"):
        await ledger.check()
    assert len(await (await open_ledger()).entries()) == 30


async def test_check_writes_nothing_that_shows(ledger: Ledger) -> None:
    await ledger.append(GatewayStarted(version="1", config_sha256="0" * 64))
    await ledger.check()
    assert len(await ledger.entries()) == 1


async def test_a_crash_is_cleaned_up_at_the_next_start(open_ledger: Open) -> None:
    crashed = await open_ledger("east")
    await crashed.append(opened("s-done"))
    await crashed.append(ended("s-done"))
    for id in ("s-1", "s-2"):
        await crashed.append(opened(id))
        await crashed.append(admitted(id))
    orphan = a_request("AAA-AAAA", session="s-1")
    settled = a_request("BBB-BBBB", session="s-2")
    for request in (orphan, settled):
        await crashed.open_approval(request, held(request))
    assert await crashed.settle_approval(settled.id, "carol", True)
    elsewhere = await open_ledger("west")
    theirs = a_request("CCC-CCCC", session="s-west")
    await elsewhere.append(opened("s-west"))
    await elsewhere.open_approval(theirs, held(theirs))

    started = await open_ledger("east")
    before = (await started.entries())[-1].seq
    assert await started.end_open_sessions("crash") == ["s-1", "s-2"]
    found = [(entry.session, entry.name) for entry in await started.entries(after=before)]
    assert found == [("s-1", "operation.denied"), ("s-1", "session.ended"), ("s-2", "session.ended")]
    (refused, *_) = await started.entries(after=before)
    assert (refused.body["request"], refused.body["state"]) == (orphan.id, "expired")
    row = await started.session("s-1")
    assert row is not None
    assert (row.outcome, row.commands, row.ended_at is None) == ("crash", 1, False)
    states = {approval.id: approval.state for approval in await started.approvals()}
    assert states == {orphan.id: "expired", settled.id: "approved", theirs.id: "held"}
    assert [live.id for live in await started.sessions(live=True)] == ["s-west"]
    assert await started.end_open_sessions("crash") == []
