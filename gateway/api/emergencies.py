"""Routes for what is done to requests instead of deciding, and afterwards: break the glass, sign its review, revoke.

Each is in the ledger before it is answered. Asked twice, it is done once.
"""

from fastapi import APIRouter

from gateway.api import already, request_sight
from gateway.api.callers import Caller
from gateway.api.once import JustOnce
from gateway.api.problems import documented
from gateway.api.requests import RequestId
from gateway.api.rights import Action
from gateway.api.schema_requests import RequestCard
from gateway.api.schema_reviews import GlassBreaking, RequestRevoking, ReviewSigning
from gateway.api.services import Services

router = APIRouter(prefix="/requests", tags=["requests"])
_DONE = documented(403, 404, 409, 410)


@router.post("/{id}/break-glass", responses=_DONE)
async def break_glass(
    id: RequestId, said: GlassBreaking, who: Caller, services: Services, once: JustOnce
) -> RequestCard:
    """Let your own request through in an emergency, where its rule lists a group of yours for that. It is no
    decision: it alerts, and a review stays open until somebody who was asked has signed it."""
    approval = await request_sight.to(services, who, id, Action.BREAK_GLASS)
    async with once as again:
        if not again and not already.broken(approval, who, said):
            act = services.approvals.break_glass(
                approval.id, who, said.sha256, said.reason, version=said.version
            )
            await request_sight.obeyed(act)
    return await request_sight.as_it_is(services, who, approval)


@router.post("/{id}/sign", responses=_DONE)
async def sign(
    id: RequestId, said: ReviewSigning, who: Caller, services: Services, once: JustOnce
) -> RequestCard:
    """Say whether it was right to break the glass. That closes the review, and nothing else does."""
    approval = await request_sight.to(services, who, id, Action.SIGN_REVIEW)
    async with once as again:
        if not again and not already.signed(approval, who, said):
            await request_sight.obeyed(services.approvals.sign(approval.id, who, said.verdict, said.reason))
    return await request_sight.as_it_is(services, who, approval)


@router.post("/{id}/revoke", responses=_DONE)
async def revoke(
    id: RequestId, said: RequestRevoking, who: Caller, services: Services, once: JustOnce
) -> RequestCard:
    """End what was approved: nothing more passes by it, and what was not tried again yet never does."""
    approval = await request_sight.to(services, who, id, Action.REVOKE_REQUEST)
    async with once as again:
        if not again and not already.revoked(approval, who, said):
            await request_sight.obeyed(services.approvals.revoke(approval.id, who, said.reason))
    return await request_sight.as_it_is(services, who, approval)
