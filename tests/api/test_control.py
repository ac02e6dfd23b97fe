"""Steering live sessions through the API: what it answers, and what it leaves behind."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import pytest

from gateway.api import control
from gateway.api.schema import PersonEnded, SessionState, SessionSummary
from gateway.core.errors import Fault
from gateway.core.events import SessionOpened
from gateway.core.ports import LEASE
from gateway.session.gate import Gate
from tests.api.house import House

PATIENCE = 10.0


@pytest.fixture
async def otto(http: httpx2.AsyncClient) -> httpx2.AsyncClient:
    http.headers["Authorization"] = "Bearer token-of-otto"
    return http


async def post(http: httpx2.AsyncClient, gate: Gate | str, what: str, **body: str) -> httpx2.Response:
    id = gate if isinstance(gate, str) else gate.session.id
    return await http.post(f"/v1/sessions/{id}/{what}", json=body or None)


def shown(response: httpx2.Response) -> SessionSummary:
    assert response.status_code == 200, response.text
    return SessionSummary.model_validate_json(response.content)


def refused(response: httpx2.Response, status: int) -> str:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return str(response.json()["detail"])


async def steered(house: House, gate: Gate) -> list[tuple[str, str, str]]:
    entries = await house.ledger.entries(session=gate.session.id)
    return [
        (entry.actor, str(entry.body["action"]), str(entry.body["text"]))
        for entry in entries
        if entry.name == "session.steered"
    ]


def flows(gate: Gate) -> bool:
    return gate.inflow.is_open


def closing(gate: Gate) -> "asyncio.Task[None]":
    """What an adapter does once its gate has ended."""

    async def close() -> None:
        await gate.ended.wait()
        await gate.close("ended", {"reason": "ended"})

    return asyncio.create_task(close())


async def test_pause_and_resume(otto: httpx2.AsyncClient, house: House) -> None:
    gate = await house.enter("ugo")
    paused = shown(await post(otto, gate, "pause"))
    assert (paused.state, paused.paused_by) == (SessionState.LIVE, "otto")
    assert not flows(gate)
    assert await gate.steering.next_words() == "hoop: paused by otto - your input waits"
    listed = (await otto.get("/v1/sessions")).json()["sessions"]
    assert [row["paused_by"] for row in listed] == ["otto"]
    assert shown(await post(otto, gate.session.id[2:6].lower(), "resume")).paused_by == ""
    assert flows(gate)
    assert await gate.steering.next_words() == "hoop: resumed"
    assert await steered(house, gate) == [("id-otto", "pause", ""), ("id-otto", "resume", "")]
    assert refused(await post(otto, gate, "resume"), 409) == f"{gate.session.id} is not paused"
    await gate.close("exit 0", {"status": 0})


async def test_a_message(otto: httpx2.AsyncClient, house: House) -> None:
    gate = await house.enter("ugo")
    shown(await post(otto, gate, "message", text='  please stop "that" für heute '))
    assert await gate.steering.next_words() == (
        "hoop: message from otto: \"please stop 'that' f<U+00FC>r heute\""
    )
    assert await steered(house, gate) == [("id-otto", "message", 'please stop "that" für heute')]
    await gate.close("exit 0", {"status": 0})


@pytest.mark.parametrize(
    "text", ["", "   ", "two\nlines", "\x1b[2J", "a\x00b", "a\x9bb", "a\u2028b", "x" * 301, None, 7]
)
async def test_texts_that_are_no_line(otto: httpx2.AsyncClient, house: House, text: object) -> None:
    gate = await house.enter("ugo")
    response = await otto.post(f"/v1/sessions/{gate.session.id}/message", json={"text": text})
    assert refused(response, 422).startswith("text: ")
    if text not in ("", "   "):
        for path in (f"sessions/{gate.session.id}", "people/ugo"):
            assert refused(await otto.post(f"/v1/{path}/end", json={"reason": text}), 422)
    assert not gate.ended.is_set()
    assert await steered(house, gate) == []
    await gate.close("exit 0", {"status": 0})


async def test_end(otto: httpx2.AsyncClient, house: House) -> None:
    gate = await house.enter("ugo")
    task = closing(gate)
    answer = shown(await post(otto, gate, "end", reason="incident 4411"))
    assert (answer.state, answer.outcome) == (SessionState.KILLED, "ended")
    assert gate.ended_because == 'by otto: "incident 4411" - talk to them before you come back'
    await task
    assert await steered(house, gate) == [("id-otto", "end", "incident 4411")]
    for what in ("pause", "resume", "end"):
        assert refused(await post(otto, gate, what), 409) == f"{gate.session.id} has ended already"
    assert refused(await post(otto, gate, "message", text="x"), 409)


async def test_an_end_needs_no_reason_and_no_body(otto: httpx2.AsyncClient, house: House) -> None:
    gate = await house.enter("ugo")
    task = closing(gate)
    assert shown(await post(otto, gate, "end")).state is SessionState.KILLED
    assert gate.ended_because == "by otto - talk to them before you come back"
    await task


async def test_an_adapter_that_takes_its_time(
    otto: httpx2.AsyncClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer does not wait for ever, and says what is: the session is still there."""
    monkeypatch.setattr(control, "CLOSED_WITHIN", 0.05)
    gate = await house.enter("ugo")
    assert shown(await post(otto, gate, "end")).state is SessionState.LIVE
    assert gate.ended.is_set()
    assert refused(await post(otto, gate, "end"), 409) == f"{gate.session.id} has ended already"
    await gate.close("ended", {"reason": "ended"})


async def test_everything_of_a_person(otto: httpx2.AsyncClient, house: House) -> None:
    mine = [await house.enter("ugo") for _ in range(3)]
    other = await house.enter("nina")
    tasks = [closing(gate) for gate in mine]
    response = await otto.post("/v1/people/UGO/end", json={"reason": "lost laptop"})
    answer = PersonEnded.model_validate_json(response.content)
    assert set(answer.ended) == {gate.session.id for gate in mine}
    assert answer.elsewhere == []
    await asyncio.gather(*tasks)
    assert not other.ended.is_set()
    for gate in mine:
        assert await steered(house, gate) == [("id-otto", "end", "lost laptop")]
    again = PersonEnded.model_validate_json((await otto.post("/v1/people/ugo/end")).content)
    assert again == PersonEnded(ended=[])
    await other.close("exit 0", {"status": 0})


async def test_what_runs_on_another_gateway(otto: httpx2.AsyncClient, house: House) -> None:
    """Seen alive a moment ago, but not here: said so, and lost once its lease has run out."""
    await house.ledger.append(opened("s-E1SEWHER"))
    assert "s-E1SEWHER is not live here" in refused(await post(otto, "s-E1SEWHER", "pause"), 409)
    answer = PersonEnded.model_validate_json((await otto.post("/v1/people/ugo/end")).content)
    assert answer == PersonEnded(ended=[], elsewhere=["s-E1SEWHER"])
    house.clock.move(LEASE + timedelta(seconds=1))
    assert refused(await post(otto, "s-E1SEWHER", "end"), 409) == "s-E1SEWHER has ended already"
    answer = PersonEnded.model_validate_json((await otto.post("/v1/people/ugo/end")).content)
    assert answer == PersonEnded(ended=[])


def opened(id: str) -> SessionOpened:
    return SessionOpened(
        session=id,
        actor="id-ugo",
        person="ugo",
        groups=[],
        target="web-1",
        kind="ssh",
        login="root",
        address="192.0.2.7",
        client="",
    )


async def test_a_lease_that_is_kept(otto: httpx2.AsyncClient, house: House) -> None:
    await house.ledger.append(opened("s-E1SEWHER"))
    for _ in range(3):
        house.clock.move(LEASE * 0.9)
        await house.ledger.keep_alive(["s-E1SEWHER"])
        assert shown(await otto.get("/v1/sessions/s-E1SEWHER")).state is SessionState.LIVE
    house.clock.move(LEASE)
    assert shown(await otto.get("/v1/sessions/s-E1SEWHER")).state is SessionState.LOST


async def test_two_at_once(otto: httpx2.AsyncClient, house: House) -> None:
    """One end counts, whoever else is pausing or ending at the same moment."""
    adam = {"Authorization": "Bearer token-of-adam"}
    for _ in range(5):
        gate = await house.enter("ugo")
        task = closing(gate)
        path = f"/v1/sessions/{gate.session.id}"
        answers = await asyncio.gather(
            otto.post(f"{path}/end", json={"reason": "first"}),
            otto.post(f"{path}/end", headers=adam),
            otto.post(f"{path}/pause", headers=adam),
            otto.post(f"{path}/resume"),
        )
        statuses = [answer.status_code for answer in answers]
        assert sorted(statuses[:2]) == [200, 409]
        assert statuses[2] in (200, 409)
        assert statuses[3] in (200, 409)
        await task
        ends = [each for each in await steered(house, gate) if each[1] == "end"]
        assert len(ends) == 1


async def test_what_can_not_be_audited_is_not_done(
    otto: httpx2.AsyncClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But an end is an end."""
    gate = await house.enter("ugo")

    async def broken(event: object) -> int:
        raise Fault("the ledger is broken")

    monkeypatch.setattr(house.ledger, "append", broken)
    assert refused(await post(otto, gate, "pause"), 503) == "the ledger is broken"
    assert refused(await post(otto, gate, "message", text="x"), 503)
    assert flows(gate)
    monkeypatch.setattr(control, "CLOSED_WITHIN", 0.05)
    shown(await post(otto, gate, "end"))
    assert gate.ended.is_set()
    monkeypatch.undo()
    await gate.close("ended", {"reason": "ended"})


async def test_a_body_without_an_end(line: httpx2.AsyncClient, house: House) -> None:
    """Nobody has to say who they are to send one, so not much of it is read."""
    gate = await house.enter("ugo")
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 200 << 20:
            sent += 1 << 16
            yield b" " * (1 << 16)

    try:
        response = await line.post(f"/v1/sessions/{gate.session.id}/message", content=endless())
        assert refused(response, 413) == "a request of this length makes no sense here"
    except httpx2.NetworkError:
        pass  # the door closed while we were still pouring
    assert sent < 50 << 20
    await gate.close("exit 0", {"status": 0})


BODIES = [b"", b"{", b"null", b"[]", b"{}", b'{"text": {}}', b'"x"', b"\xff", b"[" * 60_000, b'{"reason": 1}']

UNREADABLE = (b"\xff", b"[" * 60_000)


@pytest.mark.parametrize("body", BODIES)
async def test_bodies_that_are_none(otto: httpx2.AsyncClient, house: House, body: bytes) -> None:
    gate = await house.enter("ugo")
    path = f"/v1/sessions/{gate.session.id}/message"
    response = await otto.post(path, content=body, headers={"Content-Type": "application/json"})
    assert refused(response, 400 if body in UNREADABLE else 422)
    assert await steered(house, gate) == []
    await gate.close("exit 0", {"status": 0})
