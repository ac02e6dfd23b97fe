"""Which requests a caller may see, why they may not decide, and how a request is shown to them.

Who sees a request and who is asked is known to `gateway.session.approvals`; here is what roles and tokens add to
that. What others have asked for before is not shown to somebody who only sees what is their own.
"""

import asyncio
from datetime import datetime

from fastapi import HTTPException

from gateway.api import cards
from gateway.api.problems import not_found
from gateway.api.rights import Action, may
from gateway.api.schema_requests import CardPast, RequestCard, RequestSummary
from gateway.api.services import ApiServices
from gateway.core import quorum
from gateway.core.approval import Approval
from gateway.core.ids import canonical_request
from gateway.core.people import Principal
from gateway.session.objections import Objection

MOST_COMPARED = 1000
"""So many earlier requests are looked at."""
_STATUS = {
    "unknown": 404,
    "not_yours": 403,
    "changed": 409,
    "decided": 409,
    "over": 410,
    "missing": 422,
    "scope": 422,
    "claimed": 409,
}
_BY_TOKEN = "token "  # noqa: S105 - how the method of such a sign-in begins


def why_not(services: ApiServices, who: Principal, approval: Approval, now: datetime) -> str:
    """Empty where they may decide about it now."""
    objection = services.approvals.may_decide(approval, who, now)
    if not objection and not may(who, Action.DECIDE_REQUEST, _owner(who, approval)):
        return "it takes the role approver, which you do not have here"
    return objection


async def found(services: ApiServices, who: Principal, text: str) -> Approval:
    """The request that `text` names, for somebody who may see it."""
    try:
        return await services.approvals.find(canonical_request(text), who)
    except (ValueError, Objection) as problem:
        raise not_found("there is no such request for you") from problem


async def to_decide(services: ApiServices, who: Principal, text: str) -> Approval:
    """The same, for somebody who may decide about what is like it."""
    approval = await found(services, who, text)
    if not may(who, Action.DECIDE_REQUEST, _owner(who, approval)):
        raise HTTPException(403, f"you can not decide about {approval.id}: {_why_not_at_all(who, approval)}")
    return approval


async def to_answer(services: ApiServices, who: Principal, text: str) -> Approval:
    """The same, for the person who asks."""
    approval = await found(services, who, text)
    if not may(who, Action.ANSWER_REQUEST, _owner(who, approval)):
        raise HTTPException(403, f"{approval.id} is not yours: only who asks can answer or cancel it")
    return approval


def problem_of(objection: Objection) -> HTTPException:
    """What the engine objects to, as an answer."""
    return HTTPException(_STATUS[objection.code], objection.sentence)


def row(services: ApiServices, who: Principal, approval: Approval, now: datetime) -> RequestSummary:
    """One row, for this reader."""
    return cards.summary(approval, now, why_not(services, who, approval, now))


async def shown(services: ApiServices, who: Principal, approval: Approval) -> RequestCard:
    """The card, for this reader."""
    past = await _past(services, who, approval)
    since = await _since(services, approval)
    now = services.clock.now()
    objection = why_not(services, who, approval, now)
    if len(approval.text) <= cards.LONG_TEXT:
        return cards.card(approval, now, objection, past, since)
    return await asyncio.to_thread(cards.card, approval, now, objection, past, since)


def _owner(who: Principal, approval: Approval) -> str | None:
    """Names may change, ids do not."""
    return who.name if approval.requester == who.id else None


def _why_not_at_all(who: Principal, approval: Approval) -> str:
    if approval.requester == who.id:
        return "you are the requester"
    return "it takes the role approver, which you do not have here"


async def _past(services: ApiServices, who: Principal, approval: Approval) -> CardPast:
    ledger, id, shape = services.ledger, approval.id, approval.shape
    person = cards.tally(await ledger.past(requester=approval.requester, but=id, limit=MOST_COMPARED))
    if not (who.groups & quorum.ever_asked(approval) or may(who, Action.SEE_REQUEST, None)):
        return CardPast(person=person)
    alike = await ledger.past(shape=shape, but=id, limit=MOST_COMPARED) if shape else None
    return CardPast(shape=cards.tally(alike) if alike else None, person=person)


async def _since(services: ApiServices, approval: Approval) -> datetime | None:
    """When the person signed in, where that is known: their token says so."""
    method = str(approval.facts.get("method", ""))
    if not method.startswith(_BY_TOKEN):
        return None
    token = await services.ledger.token(method.removeprefix(_BY_TOKEN))
    return token.created_at if token else None
