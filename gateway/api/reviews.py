"""Routes by which people decide about what others ask for: approve, deny, claim, comment.

A decision names what its author was shown, by digest and version; it is in the ledger before it is answered. Asked
twice, it is one decision.
"""

from fastapi import APIRouter

from gateway.api import already, request_sight
from gateway.api.callers import Caller
from gateway.api.once import JustOnce
from gateway.api.problems import documented
from gateway.api.requests import RequestId
from gateway.api.schema_requests import RequestApproval, RequestCard, RequestComment, RequestDenial
from gateway.api.services import ApiServices, Services
from gateway.core.people import Principal
from gateway.session.objections import Objection

router = APIRouter(prefix="/requests", tags=["requests"])
_DECIDED = documented(403, 404, 409, 410)


@router.post("/{id}/approve", responses=_DECIDED)
async def approve(
    id: RequestId, said: RequestApproval, who: Caller, services: Services, once: JustOnce
) -> RequestCard:
    """Say yes to exactly what you were shown. It goes on once everybody who has to has said so."""
    return await _decided(services, who, id, said, once)


@router.post("/{id}/deny", responses=_DECIDED)
async def deny(
    id: RequestId, said: RequestDenial, who: Caller, services: Services, once: JustOnce
) -> RequestCard:
    """Say no. The person is told your reason, word for word."""
    return await _decided(services, who, id, said, once)


@router.post("/{id}/claim", responses=_DECIDED)
async def claim(id: RequestId, who: Caller, services: Services, once: JustOnce) -> RequestCard:
    """Tell the person and your colleagues that you are looking at it."""
    approval = await request_sight.to_decide(services, who, id)
    async with once as again:
        if not again and approval.claimed_by != who.id:
            await request_sight.obeyed(services.approvals.claim(approval.id, who))
    return await request_sight.as_it_is(services, who, approval)


@router.post("/{id}/unclaim", responses=_DECIDED)
async def unclaim(id: RequestId, who: Caller, services: Services, once: JustOnce) -> RequestCard:
    """Leave it to somebody else."""
    approval = await request_sight.to_decide(services, who, id)
    async with once as again:
        if not again and not already.unclaimed(approval, who):
            await request_sight.obeyed(services.approvals.unclaim(approval.id, who))
    return await request_sight.as_it_is(services, who, approval)


@router.post("/{id}/comment", responses=_DECIDED)
async def comment(
    id: RequestId, said: RequestComment, who: Caller, services: Services, once: JustOnce
) -> RequestCard:
    """Say one line to the person who asks, and to everybody who decides."""
    approval = await request_sight.to_decide(services, who, id)
    async with once as again:
        now = services.clock.now()
        if not again and not (once.key and already.remarked(approval, who, "comment", said.text, now)):
            await request_sight.obeyed(services.approvals.comment(approval.id, who, said.text))
    return await request_sight.as_it_is(services, who, approval)


async def _decided(
    services: ApiServices, who: Principal, id: str, said: RequestApproval | RequestDenial, once: JustOnce
) -> RequestCard:
    approval = await request_sight.to_decide(services, who, id)
    granted, scope = (True, said.scope) if isinstance(said, RequestApproval) else (False, "once")
    async with once as again:
        if not again and not already.decided(approval, who, said):
            try:
                await services.approvals.settle(
                    approval.id, who, granted, said.sha256, said.reason, version=said.version, scope=scope
                )
            except Objection as objection:
                approval = await services.ledger.approval(approval.id) or approval
                if not already.decided(approval, who, said):
                    raise request_sight.problem_of(objection) from objection
    return await request_sight.as_it_is(services, who, approval)
