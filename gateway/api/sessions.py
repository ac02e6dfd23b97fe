"""Routes about sessions: the list, and one of them."""

from collections.abc import Sequence
from datetime import UTC
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from gateway.api import summaries
from gateway.api.callers import AnyCaller, Caller
from gateway.api.problems import documented
from gateway.api.rights import Action, may
from gateway.api.schema import Me, SessionPage, SessionSummary
from gateway.api.services import ApiServices, Services
from gateway.core.ports import SessionRow

MOST_COUNTED = 1000
"""The counts of the title line stop here."""

router = APIRouter(tags=["sessions"])
SessionId = Annotated[str, Path(max_length=64, description="A session's id, or the start of one.")]
State = Literal["live", "ended", "all"]
_Name = Annotated[str, Query(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


@router.get("/me", tags=["people"])
async def me(who: AnyCaller, services: Services) -> Me:
    """Who you are, and which gateway this is."""
    return Me(
        person=who.name,
        roles=sorted(who.roles),
        groups=sorted(who.groups),
        method=who.method,
        expires_at=who.expires_at,
        gateway=services.gateway_name,
        version=services.version,
        demo=services.demo,
        hints=list(services.hints),
    )


@router.get("/sessions")
async def list_sessions(
    who: Caller,
    services: Services,
    state: State = "all",
    person: _Name = "",
    target: _Name = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> SessionPage:
    """The sessions you may see, newest first; `person` without its @ and what follows is enough. `live` and `today`
    count all of them, up to 1000 each."""
    whose = "" if may(who, Action.LIST_SESSIONS, None) else who.name
    rows: Sequence[SessionRow] = []
    if not whose or person in ("", whose):
        rows = await _rows(services, state, whose or person, target, limit, or_called=not whose)
    live, today = await _counts(services, whose)
    shown = [summaries.summary(services, row) for row in rows]
    return SessionPage(sessions=shown, live=live, today=today)


@router.get("/sessions/{id}", responses=documented(404, 409))
async def one_session(id: SessionId, who: Caller, services: Services) -> SessionSummary:
    """One session."""
    row = await summaries.find(services, who, Action.SEE_SESSION, id)
    return summaries.summary(services, row)


async def _rows(
    services: ApiServices, state: State, person: str, target: str, limit: int, *, or_called: bool
) -> Sequence[SessionRow]:
    """The ledger knows which sessions have not ended; which of those are lost, only we know."""
    find = partial(services.ledger.sessions, person=person, target=target, or_called=or_called)
    if state == "all":
        return await find(limit=limit)
    unended = await find(live=True, limit=MOST_COUNTED)
    if state == "live":
        return [row for row in unended if summaries.is_live(services, row)][:limit]
    ended = await find(live=False, limit=limit)
    lost = [row for row in unended if not summaries.is_live(services, row)]
    return sorted([*ended, *lost], key=lambda row: row.started_at, reverse=True)[:limit]


async def _counts(services: ApiServices, whose: str) -> tuple[int, int]:
    midnight = services.clock.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    unended = await services.ledger.sessions(live=True, person=whose, limit=MOST_COUNTED)
    newest = await services.ledger.sessions(person=whose, limit=MOST_COUNTED)
    live = sum(summaries.is_live(services, row) for row in unended)
    return live, sum(row.started_at >= midnight for row in newest)
