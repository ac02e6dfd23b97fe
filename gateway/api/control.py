"""Routes that steer live sessions: pause, resume, message, end; and the end of everything of a person.

The act itself is the Gate's: it is in the ledger and in the recording before it takes effect.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path

from gateway.api import summaries
from gateway.api.callers import Caller
from gateway.api.problems import documented, not_found
from gateway.api.rights import Action, may
from gateway.api.schema import EndPerson, EndSession, Message, PersonEnded, SessionSummary
from gateway.api.services import ApiServices, Services
from gateway.api.sessions import SessionId
from gateway.core.errors import Refused
from gateway.core.people import Principal
from gateway.core.ports import SessionRow
from gateway.session.gate import Gate

CLOSED_WITHIN = 2.0
"""Seconds that an answer waits for the session that it ended to be written down as over."""

router = APIRouter(tags=["control"])
_STEERED = documented(403, 404, 409)
_Person = Annotated[str, Path(max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]


@router.post("/sessions/{id}/pause", responses=_STEERED)
async def pause(id: SessionId, who: Caller, services: Services) -> SessionSummary:
    """Hold back what the person sends; output goes on. It ends by itself after five minutes unless renewed."""
    row, gate = await _steered(services, who, Action.STEER_SESSION, id)
    await _done(gate.steering.pause(who))
    return await _now(services, row)


@router.post("/sessions/{id}/resume", responses=_STEERED)
async def resume(id: SessionId, who: Caller, services: Services) -> SessionSummary:
    """Let the person's input go on. Nothing of it was lost."""
    row, gate = await _steered(services, who, Action.STEER_SESSION, id)
    await _done(gate.steering.resume(who))
    return await _now(services, row)


@router.post("/sessions/{id}/message", responses=_STEERED)
async def message(id: SessionId, what: Message, who: Caller, services: Services) -> SessionSummary:
    """Say one line to the person, in their own terminal."""
    row, gate = await _steered(services, who, Action.STEER_SESSION, id)
    await _done(gate.steering.message(who, what.text))
    return await _now(services, row)


@router.post("/sessions/{id}/end", responses=_STEERED)
async def end(
    id: SessionId, who: Caller, services: Services, why: EndSession | None = None
) -> SessionSummary:
    """End it now. The person is told by whom, and why."""
    row, gate = await _steered(services, who, Action.END_SESSION, id)
    await _done(gate.steering.end(who, why.reason if why else ""))
    await _over([gate])
    return await _now(services, row)


@router.post("/people/{name}/end", tags=["people"], responses=documented(404))
async def end_person(
    name: _Person, who: Caller, services: Services, why: EndPerson | None = None
) -> PersonEnded:
    """End every session of a person that is open on this gateway."""
    if not may(who, Action.END_SESSION, name):
        raise not_found("there is nobody of this name for you")
    gates = services.live.of(name)
    name = gates[0].session.principal.name if gates else name
    return PersonEnded(
        ended=await end_gates(gates, who, why.reason if why else ""),
        elsewhere=await live_elsewhere(services, name),
    )


async def end_gates(gates: Sequence[Gate], who: Principal, reason: str) -> list[str]:
    """End these sessions, wait a moment until they are written down as over, and return the ids of those that had not
    ended before."""
    ended = await asyncio.gather(*(_ended(gate, who, reason) for gate in gates))
    await _over([gate for gate, did in zip(gates, ended, strict=True) if did])
    return [gate.session.id for gate, did in zip(gates, ended, strict=True) if did]


async def live_elsewhere(services: ApiServices, name: str) -> list[str]:
    """The sessions of the person of this name that are live on other gateways."""
    rows = await services.ledger.sessions(live=True, person=name, limit=1000)
    return [row.id for row in rows if summaries.is_live(services, row) and not _is_here(services, row)]


async def _steered(services: ApiServices, who: Principal, action: Action, id: str) -> tuple[SessionRow, Gate]:
    """The session and its gate. What the caller may not see is not there; what they may only see is forbidden."""
    row = await summaries.find(services, who, Action.SEE_SESSION, id)
    if not may(who, action, row.person):
        raise HTTPException(403, _why_not(who, row))
    gate = services.live.get(row.id)
    if gate is not None:
        return row, gate
    if summaries.is_live(services, row):
        where = f": it runs on {row.gateway}, so ask that gateway" if row.gateway else ""
        raise HTTPException(409, f"{row.id} is not live here{where}")
    raise HTTPException(409, f"{row.id} has ended already")


def _why_not(who: Principal, row: SessionRow) -> str:
    if who.name == row.person:
        return f"{row.id} is your own: you can end it, and nothing else"
    return f"you may watch {row.id}, and not steer it: that takes an operator"


async def _done(act: Awaitable[None]) -> None:
    try:
        await act
    except Refused as refused:
        raise HTTPException(409, refused.sentence) from refused


async def _ended(gate: Gate, who: Principal, reason: str) -> bool:
    try:
        await gate.steering.end(who, reason)
    except Refused:
        return False
    return True


async def _over(gates: Sequence[Gate]) -> None:
    """Wait a moment until what was ended is written down as over."""
    waits = [asyncio.create_task(gate.over.wait()) for gate in gates]
    if waits:
        _, late = await asyncio.wait(waits, timeout=CLOSED_WITHIN)
        for wait in late:
            wait.cancel()


async def _now(services: ApiServices, row: SessionRow) -> SessionSummary:
    return summaries.summary(services, await services.ledger.session(row.id) or row)


def _is_here(services: ApiServices, row: SessionRow) -> bool:
    return services.live.get(row.id) is not None
