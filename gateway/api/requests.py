"""Routes about what is held for people to decide: asking in advance, the list, one of them, waiting for it; and what
its person says.

Nothing that is asked with GET changes anything. Deciding is elsewhere (`gateway.api.reviews`).
"""

import asyncio
from collections.abc import Sequence
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
from gateway.session.beforehand import Wish
from gateway.session.objections import Objection

LONGEST_WAIT = 60.0
LOOK_AGAIN = 3.0
MOST_LISTED = 1000
MOST_FOUND = 10_000
"""A cursor leads no further."""

router = APIRouter(prefix="/requests", tags=["requests"])
RequestId = Annotated[
    str, Path(max_length=32, description="A request's id; neither hyphen nor capitals matter.")
]
Which = Literal["mine", "asked", "all"]
State = Literal["", "held", "approved", "denied", "expired", "withdrawn"]


@router.get("", responses=documented(400))
async def list_requests(
    who: Caller,
    services: Services,
    which: Annotated[
        Which, Query(description="Your own, those that you may decide now, or all that you may see.")
    ] = "asked",
    state: State = "",
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 100,
    cursor: Annotated[str, Query(max_length=100)] = "",
) -> RequestPage:
    """Requests with the beginning of their statements. Those that you may decide: in the order of their end; all else
    newest first."""
    by_end = which == "asked"
    if by_end and state not in ("", "held"):
        raise HTTPException(400, "what asks you is held: what became of others is among all")
    listed: Sequence[Approval] = ()
    now = services.clock.now()
    if not cursor:
        listed = await services.approvals.listing(who, which, state, limit + 1)
    if cursor or (by_end and len(listed) <= limit):  # of what asks others, too, some were left out
        listed = await services.approvals.listing(who, which, state, MOST_FOUND)
    rest = _after(listed, cursor, by_end=by_end) if cursor else listed
    page = [request_sight.row(services, who, each, now) for each in rest[:limit]]
    more = _place(rest[limit - 1], by_end=by_end) if len(rest) > limit else ""
    return RequestPage(requests=page, now=now, cursor=more)


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
            try:
                await services.approvals.reply(approval.id, who, **left)
            except Objection as objection:
                raise request_sight.problem_of(objection) from objection
    return await one_request(approval.id, who, services)


@router.post("/{id}/cancel", responses=documented(403, 404, 409, 410))
async def cancel(id: RequestId, who: Caller, services: Services, once: JustOnce) -> RequestCard:
    """Take it back. Yours only."""
    approval = await request_sight.to_answer(services, who, id)
    async with once as again:
        if not again and approval.state != "withdrawn":
            try:
                await services.approvals.withdraw(approval.id, who)
            except Objection as objection:
                raise request_sight.problem_of(objection) from objection
    return await one_request(approval.id, who, services)


def _place(approval: Approval, *, by_end: bool) -> str:
    moment = approval.expires_at if by_end else approval.opened_at
    return f"{int(moment.timestamp() * 1_000_000)}-{approval.id}"


def _after(listed: Sequence[Approval], cursor: str, *, by_end: bool) -> list[Approval]:
    """Those behind the place that the cursor names, whether or not what stood there still does."""
    moment, _, id = cursor.partition("-")
    if not moment.isdecimal() or not moment.isascii():
        raise HTTPException(400, "this cursor is none of ours")
    ids = [approval.id for approval in listed]
    if id in ids:
        return list(listed[ids.index(id) + 1 :])
    at = int(moment)
    return [
        each
        for each in listed
        if (here := int(_place(each, by_end=by_end).partition("-")[0])) != at and (here > at) == by_end
    ]
