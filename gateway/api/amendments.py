"""Routes about another text for what is held: somebody who decides proposes it, and whoever asked accepts it.

Neither alone lets anything run. Both name what they were shown, by digest and version.
"""

from fastapi import APIRouter, HTTPException, Request

from gateway.api import already, request_sight
from gateway.api.callers import Caller, peer_of
from gateway.api.once import JustOnce
from gateway.api.problems import documented
from gateway.api.requests import RequestId
from gateway.api.rights import Action
from gateway.api.schema_requests import RequestAcceptance, RequestAmendment, RequestCard
from gateway.api.services import ApiServices, Services
from gateway.session.beforehand import Beforehand

router = APIRouter(prefix="/requests", tags=["requests"])


@router.post("/{id}/amend", responses=documented(403, 404, 409, 410))
async def amend(
    id: RequestId, said: RequestAmendment, who: Caller, services: Services, once: JustOnce
) -> RequestCard:
    """Propose another text. Nothing runs by that: the person who asks is told, and may accept it."""
    approval = await request_sight.to_decide(services, who, id)
    async with once as again:
        if not again and not already.amended(approval, who, said):
            act = _where(services).amend(approval, who, said.sha256, said.version, said.text, said.reason)
            await request_sight.obeyed(act)
    return await request_sight.as_it_is(services, who, approval)


@router.post("/{id}/accept", responses=documented(403, 404, 409, 410))
async def accept(
    id: RequestId,
    said: RequestAcceptance,
    request: Request,
    who: Caller,
    services: Services,
    once: JustOnce,
) -> RequestCard:
    """Take the text that is proposed, instead of yours. The answer is the card of the request that it is now, or,
    where no rule holds that text, of yours, which is over. Yours only."""
    approval = await request_sight.to(services, who, id, Action.ACCEPT_TEXT)
    async with once as again:
        if not again and not already.accepted(approval, said):
            act = _where(services).accept(approval, who, peer_of(request), said.sha256, said.version)
            await request_sight.obeyed(act)
    now = await services.ledger.approval(approval.id) or approval
    other = await services.ledger.approval(now.replaced_by) if now.replaced_by else None
    return await request_sight.shown(services, who, other or now)


def _where(services: ApiServices) -> Beforehand:
    if services.beforehand is None:
        raise HTTPException(403, "nobody proposes other texts here")
    return services.beforehand
