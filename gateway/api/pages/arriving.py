"""Pages that people come to first: with a code of their terminal, or sent by hoop-tui on their own machine.

To look changes nothing: programs that preview links do that, too. Only a form that was sent starts something.
"""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import ValidationError
from starlette.responses import RedirectResponse

from gateway.api.login_limits import TooMany
from gateway.api.pages import words
from gateway.api.pages.browser import once
from gateway.api.pages.loopback import ProgramAsks, read
from gateway.api.pages.route import Asked, Page, PageRoute
from gateway.api.pages.words import Choice
from gateway.api.schema import PasswordGiven
from gateway.core.errors import Fault, Refused
from gateway.core.ids import canonical_code
from gateway.session.doorbell import Ring

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_LOOKING = ["GET", "HEAD"]
_Code = Annotated[str, Path(max_length=200)]


@router.api_route("/d", methods=_LOOKING)
async def code_page(asked: Page, code: str = "") -> Response:
    """Where the code is typed. A code that reads as one leads on, known or not."""
    if not code:
        return words.type_code(asked.house)
    try:
        return RedirectResponse(f"/d/{canonical_code(code)}", 303)
    except ValueError:
        return words.type_code(asked.house, words.NOT_KNOWN, 404)


@router.api_route("/d/{code}", methods=_LOOKING)
async def ring_page(code: _Code, asked: Page) -> Response:
    """What asks with this code, and how to sign in."""
    ring = asked.ring(code)
    if ring is None:
        return words.type_code(asked.house, words.NOT_KNOWN, 404)
    return _choose(asked, ring)


@router.post("/d/{code}")
async def ring_chosen(code: _Code, asked: Page) -> Response:
    """The person has chosen how to sign in."""
    ring = asked.ring(code)
    if ring is None:
        return words.type_code(asked.house, words.NOT_KNOWN, 404)
    return await _start(asked, ring, await asked.form(_purpose(ring)))


@router.api_route("/login", methods=_LOOKING)
async def program_page(asked: Page) -> Response:
    """hoop-tui asks to be let in."""
    return _choose(asked, read(once(asked.request.query_params.multi_items())))


@router.post("/login")
async def program_chosen(asked: Page) -> Response:
    """The person has chosen how to sign in."""
    fields = await asked.form("program")
    return await _start(asked, read(fields), fields)


def _choose(asked: Asked, errand: Ring | ProgramAsks, problem: str = "", status: int = 200) -> Response:
    desk = asked.sign_in.desk
    choice = Choice(
        action=f"/d/{errand.code}" if isinstance(errand, Ring) else "/login",
        token=asked.token(_purpose(errand)),
        issuers=desk.issuers,
        local=desk.local,
        carried=errand.parameters if isinstance(errand, ProgramAsks) else {},
    )
    return asked.kept(words.choose(asked.house, errand, choice, asked.now, problem, status))


def _purpose(errand: Ring | ProgramAsks) -> str:
    return f"ring {errand.code}" if isinstance(errand, Ring) else "program"


async def _start(asked: Asked, errand: Ring | ProgramAsks, fields: dict[str, str]) -> Response:
    try:
        if "issuer" in fields:
            return await _to_provider(asked, errand, fields["issuer"])
        return await _by_password(asked, errand, fields)
    except TooMany as many:
        return _choose(asked, errand, many.sentence, 429)
    except Refused as refused:
        return _choose(asked, errand, refused.sentence, 403)
    except Fault as fault:
        return _choose(asked, errand, fault.sentence, 503)


async def _to_provider(asked: Asked, errand: Ring | ProgramAsks, issuer: str) -> Response:
    titles = {known.name: known.title for known in asked.sign_in.desk.issuers}
    if issuer not in titles:
        raise Refused("there is no identity provider of this name here")
    journey = await asked.sign_in.desk.begin(issuer, f"{asked.sign_in.public_url}/login/callback")
    asked.pages.visits.leave(asked.browser, errand, journey)
    return words.leaving(asked.house, titles[issuer], journey.url)


async def _by_password(asked: Asked, errand: Ring | ProgramAsks, fields: dict[str, str]) -> Response:
    if not asked.sign_in.desk.local:
        raise Refused("nobody signs in with a password here")
    try:
        given = PasswordGiven(
            name=fields.get("name", ""), password=fields.get("password", ""), otp=fields.get("otp", "")
        )
    except ValidationError as error:
        raise Refused("type your name and your password") from error
    peer = asked.browser.peer
    async with asked.login.turnstile.turn(peer, given.name):
        principal = await asked.sign_in.desk.by_password(given, peer)
    visit = asked.pages.visits.known(asked.browser, errand, principal)
    return RedirectResponse(f"/login/confirm/{visit.id}", 303)
