"""How many sessions may be open, of everybody and of one person, also when many come at once; and until when."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.errors import Fault, Refused
from gateway.core.people import Principal
from gateway.session.gate import Gate
from gateway.session.lobby import Lobby
from tests.session.conftest import ALICE, BOB, PEER, Room


def lobby(room: Room, **limits: int) -> Lobby:
    made = room.lobby()
    return Lobby(made._rooms, made._organs, room.live, **limits)


async def enter(at: Lobby, *people: Principal) -> list[Gate | BaseException]:
    """All of them at once."""
    return await asyncio.gather(*(at.enter(who, "web-1", "", PEER) for who in people), return_exceptions=True)


def sorted_out(answers: list[Gate | BaseException]) -> tuple[list[Gate], list[str]]:
    inside = [answer for answer in answers if isinstance(answer, Gate)]
    said = [answer.sentence for answer in answers if isinstance(answer, Refused)]
    assert len(inside) + len(said) == len(answers)
    return inside, said


async def leave(gates: list[Gate]) -> None:
    for gate in gates:
        await gate.close("exit 0", {"status": 0})


async def test_sessions_of_one_person(room: Room) -> None:
    at = lobby(room, max_sessions_per_person=3)
    inside, said = sorted_out(await enter(at, *[ALICE] * 10))
    assert len(inside) == 3
    assert set(said) == {"too many of your sessions are open - end some of them first"}
    assert room.live.count(ALICE.id) == 3
    theirs, _ = sorted_out(await enter(at, BOB))
    assert len(theirs) == 1
    await leave(inside[:1])
    more, said = sorted_out(await enter(at, ALICE, ALICE))
    assert (len(more), len(said)) == (1, 1)
    await leave([*inside[1:], *theirs, *more])
    assert room.live.count(ALICE.id) == 0
    assert not at._entering
    reasons = [e.body["reason"] for e in await room.ledger.entries() if e.name == "identity.refused"]
    assert len(reasons) == 8


async def test_sessions_of_everybody(room: Room) -> None:
    at = lobby(room, max_sessions=4)
    people = [Principal(str(number), str(number)) for number in range(10)]
    inside, said = sorted_out(await enter(at, *people))
    assert len(inside) == 4
    assert set(said) == {"too many sessions are open on this gateway - try again later"}
    await leave(inside)


async def test_who_could_not_come_in_takes_no_place(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    at = lobby(room, max_sessions_per_person=1)

    async def full(key: str) -> None:
        raise Fault("no room on the disk")

    monkeypatch.setattr(room.blobs, "create", full)
    for _ in range(3):
        with pytest.raises(Fault):
            await at.enter(ALICE, "web-1", "", PEER)
    monkeypatch.undo()
    inside, _ = sorted_out(await enter(at, ALICE))
    await leave(inside)


async def test_a_sign_in_that_is_over_opens_nothing_more(room: Room) -> None:
    """A connection lasts longer than the certificate that it was made with. What is open then goes on."""
    at = lobby(room)
    now = datetime.now(UTC)
    (gate,), _ = sorted_out(await enter(at, replace(ALICE, expires_at=now + timedelta(hours=1))))
    inside, said = sorted_out(await enter(at, replace(ALICE, expires_at=now - timedelta(microseconds=1))))
    assert (inside, said) == ([], ["your sign-in has expired - sign in again"])
    assert not gate.ended.is_set()
    await leave([gate])
    reasons = [e.body["reason"] for e in await room.ledger.entries() if e.name == "identity.refused"]
    assert reasons == said
