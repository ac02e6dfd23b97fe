"""Which requests a caller may see, why they may not decide, and how a request is shown to them.

Who sees a request and who is asked is known to `gateway.session.approvals`; here is what roles and tokens add to
that. What others have asked for before is not shown to somebody who only sees what is their own.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import datetime

from fastapi import HTTPException

from gateway.api import cards
from gateway.api.card_risks import LONG_TEXT
from gateway.api.problems import not_found
from gateway.api.rights import Action, may
from gateway.api.schema_requests import CardPast, RequestCard, RequestSummary
from gateway.api.schema_reviews import CardGlass
from gateway.api.services import ApiServices
from gateway.api.summaries import is_live
from gateway.core import quorum
from gateway.core.approval import Approval
from gateway.core.ids import canonical_request
from gateway.core.people import Principal
from gateway.session.objections import Objection

_STATUS = {
    "unknown": 404,
    "not_yours": 403,
    "changed": 409,
    "decided": 409,
    "over": 410,
    "missing": 422,
    "scope": 422,
    "claimed": 409,
    "blocked": 403,
    "many": 429,
}
_BY_TOKEN = "token "  # noqa: S105 - how the method of such a sign-in begins


def why_not(services: ApiServices, who: Principal, approval: Approval, now: datetime) -> str:
    """Empty where they may decide about it now."""
    objection = services.approvals.may_decide(approval, who, now)
    if not objection and not may(who, Action.DECIDE_REQUEST, _owner(who, approval)):
        return _lacks("approver")
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


async def to(services: ApiServices, who: Principal, text: str, action: Action) -> Approval:
    """The same, for somebody whose role lets them do this to it."""
    approval = await found(services, who, text)
    if may(who, action, _owner(who, approval)):
        return approval
    own = {Action.BREAK_GLASS: "break its glass", Action.ACCEPT_TEXT: "accept another text"}.get(action)
    if own and approval.requester != who.id:
        raise HTTPException(403, f"{approval.id} is not yours: only who asked for it can {own}")
    if action is Action.ASK_IMPACT and approval.requester == who.id:
        raise HTTPException(403, not_told(approval))
    role = "person" if own else "approver"
    why = "you are the requester" if approval.requester == who.id and role == "approver" else _lacks(role)
    raise HTTPException(403, f"you can not {action} ({approval.id}): {why}")


def not_told(approval: Approval) -> str:
    """Why who asks for something is not told what it would do."""
    return f"what {approval.id} would do is told to those who decide: you asked for it"


def problem_of(objection: Objection) -> HTTPException:
    """What the engine objects to, as an answer."""
    return HTTPException(_STATUS[objection.code], objection.sentence)


async def obeyed(act: Awaitable[Approval]) -> Approval:
    """What somebody did. Raises a problem with what the engine objects to."""
    try:
        return await act
    except Objection as objection:
        raise problem_of(objection) from objection


async def as_it_is(services: ApiServices, who: Principal, approval: Approval) -> RequestCard:
    """The card, with all that has happened by now."""
    return await shown(services, who, await services.ledger.approval(approval.id) or approval)


async def rows(
    services: ApiServices, who: Principal, listed: Sequence[Approval], now: datetime
) -> list[RequestSummary]:
    """The rows of a list, for this reader."""
    alike = await services.ledger.alike({each.requester for each in listed if each.state == "held"})
    return [
        cards.summary(
            each,
            now,
            why_not(services, who, each, now),
            alike.get((each.requester, each.shape), 1) if each.state == "held" else 1,
        )
        for each in listed
    ]


async def shown(services: ApiServices, who: Principal, approval: Approval) -> RequestCard:
    """The card, for this reader."""
    beside = cards.Beside(
        past=await _past(services, who, approval),
        since=await _since(services, approval),
        glass=_glass(services, who, approval),
        connected=await _connected(services, approval),
        number=await services.ledger.policy_number(approval.revision) if approval.revision else 0,
        ticket_url=services.ticket_url(),
    )
    now = services.clock.now()
    objection = why_not(services, who, approval, now)
    if len(approval.text) <= LONG_TEXT:
        return cards.card(approval, now, objection, beside)
    return await asyncio.to_thread(cards.card, approval, now, objection, beside)


async def _connected(services: ApiServices, approval: Approval) -> bool | None:
    """Of what somebody's client waits for: whether it is there still."""
    if not approval.session or approval.state != "held":
        return None
    row = await services.ledger.session(approval.session)
    return None if row is None else is_live(services, row)


def _glass(services: ApiServices, who: Principal, approval: Approval) -> CardGlass | None:
    """Of one that is held: who may break its glass, and why this reader may not."""
    if approval.break_glass is None or approval.state != "held":
        return None
    why = services.approvals.may_break(approval, who)
    if not why and not may(who, Action.BREAK_GLASS, _owner(who, approval)):
        why = _lacks("person")
    return CardGlass(groups=sorted(approval.break_glass.groups), may_break=why)


def _owner(who: Principal, approval: Approval) -> str | None:
    """Names may change, ids do not."""
    return who.name if approval.requester == who.id else None


def _why_not_at_all(who: Principal, approval: Approval) -> str:
    if approval.requester == who.id:
        return "you are the requester"
    return _lacks("approver")


def _lacks(role: str) -> str:
    return f"it takes the role {role}, which you do not have here"


async def _past(services: ApiServices, who: Principal, approval: Approval) -> CardPast:
    ledger = services.ledger
    person = cards.tally(await ledger.past(but=approval.id, requester=approval.requester))
    if not (who.groups & quorum.ever_asked(approval) or may(who, Action.SEE_REQUEST, None)):
        return CardPast(person=person)
    if not approval.shape:
        return CardPast(person=person)
    return CardPast(
        shape=cards.tally(await ledger.past(but=approval.id, shape=approval.shape)), person=person
    )


async def _since(services: ApiServices, approval: Approval) -> datetime | None:
    """When the person signed in, where that is known: their token says so."""
    method = str(approval.facts.get("method", ""))
    if not method.startswith(_BY_TOKEN):
        return None
    token = await services.ledger.token(method.removeprefix(_BY_TOKEN))
    return token.created_at if token else None
