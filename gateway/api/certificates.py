"""Routes about SSH certificates: which were signed, and ending one. Asking for one is `gateway.api.login`."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path

from gateway.api.callers import Caller
from gateway.api.problems import documented, not_found
from gateway.api.rights import Action, may
from gateway.api.schema import CertificatePage, CertificateSummary
from gateway.api.services import Services
from gateway.api.tokens import Limit, PersonFilter, State
from gateway.api.who_is_who import WhoIsWho, who_is_who
from gateway.core.events import CertificateRevoked
from gateway.core.ports import CertificateRow, Hint

router = APIRouter(prefix="/certificates", tags=["certificates"])
_Serial = Annotated[
    str, Path(pattern=r"^[0-9]{1,20}$", description="In decimal, as `ssh-keygen -L` shows it.")
]


@router.get("")
async def list_certificates(
    who: Caller, services: Services, person: PersonFilter = "", state: State = "good", limit: Limit = 200
) -> CertificatePage:
    """The certificates you may know of, newest first: those that are good now, or all of them."""
    everybody = await who_is_who(services)
    now = services.clock.now()
    found = [
        row
        for row in await services.ledger.certificates()
        if may(who, Action.LIST_CERTIFICATES, everybody.owner(row.person))
        and person.casefold() in ("", everybody.name(row.person).casefold())
        and (state == "all" or (not row.revoked and row.expires_at > now))
    ]
    return CertificatePage(certificates=[_summary(everybody, row) for row in found[:limit]])


@router.delete("/{serial}", status_code=204, responses=documented(403, 404))
async def revoke_certificate(serial: _Serial, who: Caller, services: Services) -> None:
    """End a certificate: it signs nobody in any more. Asking again changes nothing."""
    everybody = await who_is_who(services)
    row = await services.ledger.certificate(int(serial))
    owner = everybody.owner(row.person) if row else None
    if row is None or not may(who, Action.LIST_CERTIFICATES, owner):
        raise not_found("there is no such certificate for you")
    if not may(who, Action.REVOKE_CERTIFICATE, owner):
        raise HTTPException(403, f"you may see {row.serial}, and not revoke it: that takes an operator")
    event = CertificateRevoked(actor=who.id, serial=str(row.serial), person=row.person)
    if await services.ledger.revoke_certificate(row.serial, event):
        await services.bus.publish(Hint("people", row.person))


def _summary(everybody: WhoIsWho, row: CertificateRow) -> CertificateSummary:
    return CertificateSummary(
        serial=str(row.serial),
        person=everybody.name(row.person),
        fingerprint=row.fingerprint,
        issued_at=row.issued_at,
        expires_at=row.expires_at,
        address=row.address,
        token=row.token,
        revoked=row.revoked,
    )
