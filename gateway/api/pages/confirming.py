"""Back from the provider: who it is, and the one question that lets something in.

The answer counts once, from the browser that started, with a token that only its page had. Where the browser is at
another address than what asks, the person types the code from their own screen, too: somebody who was sent a link has
no such screen.
"""

import ipaddress
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Response
from starlette.responses import RedirectResponse

from gateway.api.pages import words
from gateway.api.pages.browser import once
from gateway.api.pages.loopback import ProgramAsks
from gateway.api.pages.route import Asked, Page, PageRoute
from gateway.api.pages.visits import Visit
from gateway.core.errors import Refused
from gateway.core.events import SignInRefused
from gateway.core.failures import neighbourhood
from gateway.core.people import Principal
from gateway.session.doorbell import Ring, same_code

router = APIRouter(route_class=PageRoute, include_in_schema=False)
OVER = "this sign-in was not started in this browser, or is over: go back to your terminal and open its address again"
WRONG_CODES = 3
_Id = Annotated[str, Path(max_length=64)]


@router.get("/login/callback")
@router.get("/login/callback/{issuer}")
async def callback(asked: Page) -> Response:
    """The provider sends the browser back. It is known only by what it left with, and where another provider would
    send it, it does not belong."""
    query = once(asked.request.query_params.multi_items())
    found = None if asked.browser.fresh else asked.pages.visits.back(query.get("state", ""), asked.browser)
    if found is None:
        raise HTTPException(403, OVER)
    visit, journey = found
    if f"{asked.sign_in.public_url}{asked.request.url.path}" != journey.callback:
        asked.pages.visits.drop(visit)
        raise HTTPException(403, OVER)
    try:
        visit.principal = await asked.sign_in.desk.finish(journey, query, asked.browser.peer)
    except Refused as refused:
        return words.sorry(asked.house, refused.sentence, 403, asked.again(visit.errand))
    finally:
        if visit.principal is None:
            asked.pages.visits.drop(visit)
    return RedirectResponse(f"/login/confirm/{visit.id}", 303)


@router.get("/login/confirm/{id}")
async def confirm_page(id: _Id, asked: Page) -> Response:
    """The question."""
    return _question(asked, *_visit(asked, id))


@router.post("/login/confirm/{id}")
async def confirmed(id: _Id, asked: Page) -> Response:
    """The answer."""
    fields = await asked.form(f"confirm {id}")
    visit, principal = _visit(asked, id)
    answer = fields.get("answer")
    if answer == "no":
        return await _no(asked, visit, principal)
    if answer != "yes":
        raise HTTPException(400, "this form can not be read")
    if not _has_own_screen(asked, visit.errand, fields.get("code", "")):
        return await _wrong_code(asked, visit, principal)
    asked.pages.visits.drop(visit)
    if isinstance(visit.errand, Ring):
        await asked.sign_in.doorbell.answer(visit.errand, principal, asked.browser.peer)
        return words.done(asked.house, visit.errand, principal)
    code = asked.login.codes.add(principal, visit.errand.code_challenge, visit.errand.redirect_uri)
    return _back_to_program(asked, visit.errand, code=code)


def _visit(asked: Asked, id: str) -> tuple[Visit, Principal]:
    visit = None if asked.browser.fresh else asked.pages.visits.find(id, asked.browser)
    if visit is None or visit.principal is None:
        raise HTTPException(403, OVER)
    ring = visit.errand
    if isinstance(ring, Ring) and (ring.declined or ring.principal or asked.now >= ring.expires_at):
        asked.pages.visits.drop(visit)
        raise Refused("this code has expired or was used: start again in your terminal")
    return visit, visit.principal


def _question(
    asked: Asked, visit: Visit, principal: Principal, problem: str = "", status: int = 200
) -> Response:
    elsewhere = isinstance(visit.errand, Ring) and _is_elsewhere(asked, visit.errand)
    return words.confirm(
        asked.house,
        visit.errand,
        principal,
        token=asked.token(f"confirm {visit.id}"),
        here=asked.browser.peer.address,
        elsewhere=elsewhere,
        now=asked.now,
        problem=problem,
        status=status,
    )


async def _wrong_code(asked: Asked, visit: Visit, principal: Principal) -> Response:
    visit.wrong_codes += 1
    if visit.wrong_codes < WRONG_CODES:
        return _question(asked, visit, principal, "this is not the code on the screen of what asks", 403)
    return await _no(asked, visit, principal, "wrong codes were typed")


async def _no(asked: Asked, visit: Visit, principal: Principal, why: str = "the person said no") -> Response:
    """Stopped at once, then written down."""
    asked.pages.visits.drop(visit)
    errand, browser = visit.errand, asked.browser.peer
    asks = errand.peer if isinstance(errand, Ring) else browser
    if isinstance(errand, Ring):
        asked.sign_in.doorbell.decline(errand)
    reason = f"stopped in the browser at {browser.address}: {why}"
    await asked.services.ledger.append(
        SignInRefused(
            actor=principal.id, reason=reason, address=asks.address, login=principal.name, client=asks.client
        )
    )
    if isinstance(errand, ProgramAsks):
        return _back_to_program(asked, errand, error="access_denied")
    return words.stopped(asked.house, errand, _is_elsewhere(asked, errand))


def _back_to_program(asked: Asked, errand: ProgramAsks, **answer: str) -> Response:
    return RedirectResponse(errand.back(asked.sign_in.public_url, **answer), 302)


def _has_own_screen(asked: Asked, errand: Ring | ProgramAsks, code: str) -> bool:
    return isinstance(errand, ProgramAsks) or not _is_elsewhere(asked, errand) or same_code(code, errand.code)


def _is_elsewhere(asked: Asked, ring: Ring) -> bool:
    one, other = ring.peer.address, asked.browser.peer.address
    return neighbourhood(one) != neighbourhood(other) and not (_is_loopback(one) and _is_loopback(other))


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback
