"""Rows of the ledger in the API's words, and the rows that a caller may see."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from fastapi import HTTPException

from gateway.api.problems import not_found
from gateway.api.rights import Action, may
from gateway.api.schema import SessionState, SessionSummary
from gateway.api.services import ApiServices
from gateway.core.ids import canonical_session
from gateway.core.people import Principal
from gateway.core.ports import SessionRow

_WHOLE_ID = len("s-") + 8
_MOST_OWN = 1000
_BY_OUTCOME = {
    "blocked": SessionState.BLOCKED,
    "denied": SessionState.BLOCKED,
    "ended": SessionState.KILLED,
    "crash": SessionState.LOST,
}


def state_of(row: SessionRow, live: AbstractSet[str], now: datetime, lease: timedelta) -> SessionState:
    """The word a session is shown with. `live`: the ids of those that are open in this process."""
    if row.ended_at is not None:
        return _BY_OUTCOME.get(row.outcome, SessionState.ENDED)
    if row.id in live or now - (row.seen_at or row.started_at) < lease:
        return SessionState.LIVE
    return SessionState.LOST


def is_live(services: ApiServices, row: SessionRow) -> bool:
    """May more of it follow?"""
    return _state(services, row) is SessionState.LIVE


def summary(services: ApiServices, row: SessionRow) -> SessionSummary:
    """One row as the API sends it."""
    return SessionSummary(
        id=row.id,
        state=_state(services, row),
        person=row.person,
        target=row.target,
        kind=row.kind,
        login=row.login,
        address=row.address,
        client=row.client,
        labels=dict(row.labels),
        started_at=row.started_at,
        ended_at=row.ended_at,
        outcome=row.outcome,
        commands=row.commands,
        blocked=row.blocked,
        held=row.held,
        masked=sum((row.masked or {}).values()),
        bytes_shown=row.bytes_shown,
        imported_from=row.imported_from,
        gateway=row.gateway,
        paused_by=gate.steering.paused_by if (gate := services.live.get(row.id)) else "",
    )


def _state(services: ApiServices, row: SessionRow) -> SessionState:
    return state_of(row, services.live.ids(), services.clock.now(), services.lease)


async def find(services: ApiServices, who: Principal, action: Action, text: str) -> SessionRow:
    """The one session that `text` names, by its id or the start of one, among those that `who` may see."""
    unknown = not_found("there is no session of this id")
    try:
        id = canonical_session(text)
    except ValueError as problem:
        raise unknown from problem
    rows = [row for row in await _candidates(services, who, action, id) if may(who, action, row.person)]
    if not rows:
        raise unknown
    if len(rows) > 1:
        ids = ", ".join(row.id for row in rows[:5])
        raise HTTPException(409, f"several sessions start like this: {ids}{', ...' * (len(rows) > 5)}")
    return rows[0]


async def _candidates(services: ApiServices, who: Principal, action: Action, id: str) -> Sequence[SessionRow]:
    if len(id) == _WHOLE_ID:
        row = await services.ledger.session(id)
        return [row] if row is not None else []
    if may(who, action, None):
        return await services.ledger.find_sessions(id)
    # The ledger's answer to a prefix is cut at ten: among other people's sessions one's own might be missing.
    own = await services.ledger.sessions(person=who.name, limit=_MOST_OWN)
    return [row for row in own if row.id.startswith(id)]
