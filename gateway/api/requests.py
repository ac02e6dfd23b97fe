"""Routes about what is held for people to decide: asking in advance, the list, one of them, waiting for it; and what
its person says.

Nothing that is asked with GET changes anything. Deciding is elsewhere (`gateway.api.reviews`).
"""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Request

from gateway.api import already, cards, request_sight
from gateway.api.callers import Caller, peer_of
from gateway.api.news import about, first_of
from gateway.api.once import JustOnce
from gateway.api.problems import documented
from gateway.api.rights import Action, may
from gateway.api.schema_requests import RequestAnswer, RequestCard, RequestPage, RequestWish
from gateway.api.services import Services
from gateway.core.approval import Approval
from gateway.core.request_lists import Place
from gateway.core.reviews import OpenReviews
from gateway.session.beforehand import Wish
from gateway.session.objections import Objection

LONGEST_WAIT = 60.0
LOOK_AGAIN = 3.0
MOST_LISTED = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT = re.compile(r"[0-9]{1,17}", re.ASCII)
"""Microseconds, up to the year 5138."""

router = APIRouter(prefix="/requests", tags=["requests"])
RequestId = Annotated[
    str, Path(max_length=32, description="A request's id; neither hyphen nor capitals matter.")
]
Which = Literal["mine", "asked", "all", "decided", "reviews"]
State = Literal["", "held", "approved", "denied", "expired", "withdrawn"]
_WHICH = """Your own; those that you may decide now; or all that you may see, and of that: what is decided, or what
broken glass let through and nobody has signed."""
_STATES = {"decided": ("approved", "denied"), "reviews": ("approved", "denied")}


@router.get("", responses=documented(400))
async def list_requests(
    who: Caller,
    services: Services,
    which: Annotated[Which, Query(description=_WHICH)] = "asked",
    state: State = "",
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 100,
    cursor: Annotated[str, Query(max_length=100)] = "",
) -> RequestPage:
    """Requests with the beginning of their statements. Those that you may decide: in the order of their end; all else
    newest first. `decided`: those that were approved or denied; `reviews`: those whose glass was broken, and nobody
    has signed that."""
    by_end = which == "asked"
    if by_end and state not in ("", "held"):
        raise HTTPException(400, "what asks you is held: what became of others is among all")
    if which in _STATES and state and state not in _STATES[which]:
        raise HTTPException(400, f"what is in this list is {' or '.join(_STATES[which])}")
    now = services.clock.now()
    after = _read(cursor) if cursor else None
    listed = await services.approvals.listing(who, which, state, limit + 1, after)
    page = await request_sight.rows(services, who, listed[:limit], now)
    more = _place(listed[limit - 1], by_end=by_end) if len(listed) > limit else ""
    open_ones = OpenReviews()
    if may(who, Action.SEE_REQUEST, None):
        open_ones = await services.ledger.open_reviews(now)
    return RequestPage(
        requests=page,
        now=now,
        cursor=more,
        open_reviews=open_ones.count,
        overdue_reviews=open_ones.overdue,
    )


@router.post("", responses=documented(403, 404, 429))
async def ask(
    said: RequestWish, request: Request, who: Caller, services: Services, once: JustOnce
) -> RequestCard:
    """Ask before you do it, for what a rule would hold. Asked for again while it waits, it is the same request."""
    if services.beforehand is None or not may(who, Action.ASK_IN_ADVANCE, who.name):
        raise HTTPException(403, "it takes the role person, which you do not have here")
    wish = Wish(**said.model_dump(), key=once.key)
    async with once:
        try:
            approval = await services.beforehand.ask(who, peer_of(request), wish)
        except Objection as objection:
            raise request_sight.problem_of(objection) from objection
    return await request_sight.shown(services, who, approval)


@router.get("/{id}", responses=documented(404))
async def one_request(id: RequestId, who: Caller, services: Services) -> RequestCard:
    """The whole card."""
    return await request_sight.shown(services, who, await request_sight.found(services, who, id))


@router.get("/{id}/wait", responses=documented(404))
async def wait(
    id: RequestId,
    who: Caller,
    services: Services,
    mark: Annotated[str, Query(max_length=64, description="Of the card that you have.")] = "",
    timeout: Annotated[float, Query(ge=0, le=LONGEST_WAIT, allow_inf_nan=False)] = 25.0,
) -> RequestCard:
    """The card, as soon as its mark is another one than yours. At the end of the time, and of what nothing more can
    become: as it is."""
    clock = asyncio.get_running_loop()
    until = clock.time() + timeout
    approval = await request_sight.found(services, who, id)
    async with about(services.bus, approval.id, "approval") as news:
        while True:
            news.clear()
            approval = await request_sight.found(services, who, approval.id)
            now, left = services.clock.now(), until - clock.time()
            changed = cards.mark(approval, now) != mark
            over = cards.word(approval, now) != "held" or services.stopping.is_set()
            if changed or over or left <= 0:
                return await request_sight.shown(services, who, approval)
            ends = (approval.expires_at - now).total_seconds()
            await first_of(news, services.stopping, within=max(0.01, min(LOOK_AGAIN, left, ends)))


@router.post("/{id}/reply", responses=documented(403, 404, 409, 410))
async def reply(
    id: RequestId, said: RequestAnswer, who: Caller, services: Services, once: JustOnce
) -> RequestCard:
    """Give the reason or the ticket that is asked for, or say one line more. Yours only."""
    approval = await request_sight.to_answer(services, who, id)
    async with once as again:
        left = (
            {} if again else already.unsaid(approval, who, said, services.clock.now(), keyed=bool(once.key))
        )
        if left:
            await request_sight.obeyed(services.approvals.reply(approval.id, who, **left))
    return await one_request(approval.id, who, services)


@router.post("/{id}/cancel", responses=documented(403, 404, 409, 410))
async def cancel(id: RequestId, who: Caller, services: Services, once: JustOnce) -> RequestCard:
    """Take it back. Yours only."""
    approval = await request_sight.to_answer(services, who, id)
    async with once as again:
        if not again and approval.state != "withdrawn":
            await request_sight.obeyed(services.approvals.withdraw(approval.id, who))
    return await one_request(approval.id, who, services)


def _place(approval: Approval, *, by_end: bool) -> str:
    moment = approval.expires_at if by_end else approval.opened_at
    return f"{(moment - _EPOCH) // timedelta(microseconds=1)}-{approval.id}"


def _read(cursor: str) -> Place:
    """The place that a cursor names: what follows it is listed, whether or not what stood there still does."""
    moment, _, id = cursor.partition("-")
    if not _MOMENT.fullmatch(moment):
        raise HTTPException(400, "this cursor is none of ours")
    return Place(_EPOCH + timedelta(microseconds=int(moment)), id)
