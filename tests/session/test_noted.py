"""Rules that alert or only observe are in the ledger once, before what became of the operation; and what was decided
by the time of day is not repeated without asking again."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.app.shelf import PolicyShelf
from gateway.core.errors import Denied
from gateway.core.operation import Effect, Operation
from gateway.core.verdict import Allow, Deny
from tests.policy.conftest import EVERYTHING, policy, rule
from tests.session.conftest import ALICE, PEER, Room, hold, run

ALERTS = frozenset({"root"})
OBSERVED = frozenset({"no-sudo would have blocked"})
LOOK = Operation("select", "SELECT 1", frozenset({Effect.READ}))


async def noted(room: Room, session: str) -> list[dict[str, object]]:
    return [
        dict(entry.body)
        for entry in await room.ledger.entries(session=session)
        if entry.name == "operation.noted"
    ]


async def test_what_was_noted_comes_first(room: Room) -> None:
    room.verdict = Allow("all", alerts=ALERTS, observed=OBSERVED)
    gate = await room.gate()
    await gate.admit(run("sudo id"), room.notice)
    assert (await room.names(gate.session.id))[1:] == ["operation.noted", "operation.admitted"]
    (entry,) = await noted(room, gate.session.id)
    assert (entry["text"], entry["revision"]) == ("sudo id", "rev")
    assert (entry["alerts"], entry["observed"]) == (["root"], ["no-sudo would have blocked"])
    assert entry["sha256"] == run("sudo id").sha256
    await gate.close("exit 0", {"status": 0})


async def test_what_is_blocked_is_noted_too(room: Room) -> None:
    room.verdict = Deny("no", "not here", alerts=ALERTS)
    gate = await room.gate()
    with pytest.raises(Denied):
        await gate.admit(run("sudo id"), room.notice)
    assert (await room.names(gate.session.id))[1:] == ["operation.noted", "operation.denied"]
    await gate.close("exit 0", {"status": 0})


async def test_what_is_held_is_noted_once(room: Room) -> None:
    room.verdict = replace(hold(0.3), alerts=ALERTS)
    gate = await room.gate()
    with pytest.raises(Denied):
        await gate.admit(run("sudo id"), room.notice)
    assert len(await noted(room, gate.session.id)) == 1
    await gate.close("exit 0", {"status": 0})


async def test_nothing_is_noted_of_what_nothing_spoke_about(room: Room) -> None:
    gate = await room.gate()
    await gate.admit(run("id"), room.notice)
    assert await noted(room, gate.session.id) == []
    await gate.close("exit 0", {"status": 0})


async def test_rules_by_time_know_what_time_it_is_now(room: Room) -> None:
    now = datetime(2026, 11, 20, 17, 59, tzinfo=UTC)
    shelf = PolicyShelf(policy(rule("day", "allow", 'time = "08:00-18:00", user = "*"')), lambda: now)
    gate = await room.gate()
    decided = shelf.judge()
    assert isinstance(decided.decide(LOOK, gate.session), Allow)
    now = now.replace(hour=18, minute=0)
    assert isinstance(decided.decide(LOOK, gate.session), Deny)
    await gate.close("exit 0", {"status": 0})


@pytest.mark.parametrize(
    ("text", "repeats"),
    [
        (EVERYTHING, True),
        (EVERYTHING + rule("night", "block", 'time = "20:00-06:00"'), False),
        (EVERYTHING + rule("night", "block", 'time = "20:00-06:00", target = "other"'), True),
    ],
)
async def test_what_was_admitted_by_the_time_is_not_repeated(room: Room, text: str, repeats: bool) -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    shelf = PolicyShelf(policy(text), lambda: noon)
    lobby = room.lobby()
    lobby._organs = replace(lobby._organs, judge=shelf.judge)
    gate = await lobby.enter(ALICE, "web-1", "", PEER, {"pty": False})
    permit = await gate.admit(LOOK, room.notice)
    assert gate.repeats(permit) is repeats
    await gate.close("exit 0", {"status": 0})
