"""The route that asks what a held request would do. It is only asked on demand: no card waits for it.

Not for who asks for the request: what a statement is about that they may not run tells of data that they may not
see. A dry run is for who may decide about it.
"""

from dataclasses import asdict

from fastapi import APIRouter, HTTPException

from gateway.api import request_sight
from gateway.api.callers import Caller
from gateway.api.problems import documented
from gateway.api.requests import RequestId
from gateway.api.rights import Action
from gateway.api.schema_impact import ImpactAsked, RequestImpact
from gateway.api.services import Services
from gateway.session.objections import Objection

router = APIRouter(prefix="/requests", tags=["requests"])


@router.post("/{id}/impact", responses=documented(403, 404, 409, 410, 429))
async def impact(
    id: RequestId, who: Caller, services: Services, asked: ImpactAsked | None = None
) -> RequestImpact:
    """What it would do, as far as can be found out without doing it; or (`dry_run`) by trying it and taking it back,
    which takes somebody who may decide about it."""
    dry_run = asked is not None and asked.dry_run
    approval = await request_sight.to(services, who, id, Action.ASK_IMPACT)
    if services.approvals.is_own(approval, who):
        raise HTTPException(403, request_sight.not_told(approval))
    now = services.clock.now()
    if dry_run and (why := request_sight.why_not(services, who, approval, now)):
        raise HTTPException(403, f"you can not try {approval.id}: {why}")
    if services.impacts is None:
        raise HTTPException(409, "nothing can be found out about requests here")
    try:
        services.approvals.must_wait(approval)
        found = await services.impacts.ask(approval, who, dry_run=dry_run)
    except Objection as objection:
        raise request_sight.problem_of(objection) from objection
    return RequestImpact.model_validate({"id": approval.id, "dry_run": dry_run, **asdict(found)})
