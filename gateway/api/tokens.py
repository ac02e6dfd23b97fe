"""Routes about tokens: which there are, and ending one. Making one is signing in (`gateway.api.login`).

A secret is never here: only its id, whose it is, and what it is for. What is a machine's belongs to its owner.
"""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Query

from gateway.api.callers import Caller
from gateway.api.problems import documented, not_found
from gateway.api.rights import Action, may
from gateway.api.schema import TokenPage, TokenSummary
from gateway.api.services import ApiServices, Services
from gateway.api.who_is_who import WhoIsWho, who_is_who
from gateway.core.events import TokenRevoked
from gateway.core.ports import Hint, TokenRow

router = APIRouter(prefix="/tokens", tags=["tokens"])
_Id = Annotated[str, Path(pattern=r"^[A-Za-z]-[0-9A-Za-z]{1,16}$")]
PersonFilter = Annotated[str, Query(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]
State = Literal["good", "all"]
Limit = Annotated[int, Query(ge=1, le=1000)]


@router.get("")
async def list_tokens(
    who: Caller, services: Services, person: PersonFilter = "", state: State = "good", limit: Limit = 200
) -> TokenPage:
    """The tokens you may know of, newest first: those that are good now, or all of them."""
    everybody = await who_is_who(services)
    found = [
        row
        for row in await services.ledger.tokens()
        if may(who, Action.LIST_TOKENS, everybody.owner(row.person))
        and person.casefold() in ("", everybody.name(row.person).casefold())
        and (state == "all" or _is_good(services, row))
    ]
    return TokenPage(tokens=[_summary(everybody, row) for row in found[:limit]])


@router.delete("/{id}", status_code=204, responses=documented(403, 404))
async def revoke_token(id: _Id, who: Caller, services: Services) -> None:
    """End a token, and the tokens and certificates that were made with it. Asking again changes nothing."""
    everybody = await who_is_who(services)
    row = await services.ledger.token(id[:2].lower() + id[2:].upper())
    owner = everybody.owner(row.person) if row else None
    if row is None or not may(who, Action.LIST_TOKENS, owner):
        raise not_found("there is no such token for you")
    if not may(who, Action.REVOKE_TOKEN, owner):
        raise HTTPException(403, f"you may see {row.id}, and not revoke it: that takes an operator")
    if await services.ledger.revoke_token(row.id, TokenRevoked(actor=who.id, token=row.id)):
        await services.bus.publish(Hint("people", row.person))


def _is_good(services: ApiServices, row: TokenRow) -> bool:
    return not row.revoked and (row.expires_at is None or row.expires_at > services.clock.now())


def _summary(everybody: WhoIsWho, row: TokenRow) -> TokenSummary:
    return TokenSummary(
        id=row.id,
        person=everybody.name(row.person),
        kind=row.kind,
        roles=sorted(row.roles),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked=row.revoked,
        target=row.target,
        label=row.label,
        parent=row.parent,
        created_by=everybody.name(row.created_by),
        used_at=row.used_at,
    )
