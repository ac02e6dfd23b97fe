"""OAuth as psql 18 speaks it (RFC 8414, RFC 8628): the sign-in by a device's code, in the standard's form.

What comes of it is a password for databases and nothing else; programs of our own use `login.py`. The scope says for
which target: `database:appdb`, or `database` for all that the person may reach.
"""

import re
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from gateway.api.callers import peer_of
from gateway.api.login import Underway, usual
from gateway.api.login_codes import INTERVAL, GrantProblem, TakenElsewhere
from gateway.api.problems import documented
from gateway.api.schema_databases import OAuthDeviceCode, OAuthMetadata, OAuthProblem, OAuthToken
from gateway.api.services import Services, SigningIn
from gateway.core.errors import HoopError, Refused
from gateway.core.events import SignInRefused

router = APIRouter(tags=["oauth"])

SCOPE = "database"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
MOST_FIELDS = 20
LONGEST_FORM = 1 << 14

_FORM = "application/x-www-form-urlencoded"
_TARGET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", re.ASCII)
_DESCRIPTION = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")
_BAD = {400: {"model": OAuthProblem}, **documented(404)}


class _Problem(HoopError):
    """`error` is the standard's word."""

    def __init__(self, error: str, sentence: str) -> None:
        super().__init__(sentence)
        self.error = error


async def _form(request: Request) -> dict[str, str]:
    """Each field once. Raises `_Problem`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if kind != _FORM or len(body) > LONGEST_FORM:
        raise _Problem("invalid_request", "this takes a short form")
    try:
        pairs = parse_qsl(
            body.decode(),
            keep_blank_values=True,
            strict_parsing=True,
            max_num_fields=MOST_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise _Problem("invalid_request", "this form can not be read") from None
    if len(dict(pairs)) != len(pairs):
        raise _Problem("invalid_request", "this form says something twice")
    return dict(pairs)


@router.get("/.well-known/openid-configuration", responses=documented(404))
async def openid_configuration(sign_in: SigningIn) -> OAuthMetadata:
    """Where the pages of the sign-in are, at the address that psql is told."""
    return OAuthMetadata(
        issuer=sign_in.public_url,
        token_endpoint=f"{sign_in.public_url}/oauth/token",
        device_authorization_endpoint=f"{sign_in.public_url}/oauth/device_authorization",
        grant_types_supported=[DEVICE_GRANT],
        scopes_supported=[SCOPE],
    )


@router.get("/.well-known/oauth-authorization-server", responses=documented(404))
async def authorization_server(sign_in: SigningIn) -> OAuthMetadata:
    """The same, at the address that the standard names."""
    return await openid_configuration(sign_in)


@router.post("/oauth/device_authorization", response_model=OAuthDeviceCode, responses=_BAD)
async def device_authorization(
    request: Request, sign_in: SigningIn, underway: Underway
) -> BaseModel | Response:
    """Ask to be signed in to databases by somebody at a browser."""
    peer = peer_of(request)
    try:
        form = await _form(request)
        target = _target_of(form.get("scope", ""))
        what = f"psql to {usual(target)}" if target else "psql to databases through this gateway"
        ring = await sign_in.doorbell.ring(what, peer)
    except _Problem as problem:
        return _refused(problem.error, problem.sentence)
    except Refused as refused:
        return _refused("temporarily_unavailable", refused.sentence)
    return OAuthDeviceCode(
        device_code=underway.clients.add(ring, peer, target),
        user_code=ring.code,
        verification_uri=f"{sign_in.public_url}/d",
        verification_uri_complete=f"{sign_in.public_url}/d/{ring.code}",
        expires_in=int((ring.expires_at - ring.asked_at).total_seconds()),
        interval=int(INTERVAL),
    )


@router.post("/oauth/token", response_model=OAuthToken, responses=_BAD)
async def token(
    request: Request, services: Services, sign_in: SigningIn, underway: Underway
) -> BaseModel | Response:
    """The end of such a sign-in: a password for databases."""
    peer = peer_of(request)
    try:
        form = await _form(request)
        if form.get("grant_type") != DEVICE_GRANT:
            raise _Problem("unsupported_grant_type", "only the grant of a device's code is offered")
        who, browser, target = await underway.clients.ask(form.get("device_code", ""), peer)
        given = await sign_in.desk.oauth_token(who, target, peer, browser)
    except _Problem as problem:
        return _refused(problem.error, problem.sentence)
    except GrantProblem as problem:
        if isinstance(problem, TakenElsewhere):
            reason = "a code was asked for at one address and used at another"
            await services.ledger.append(
                SignInRefused(reason=reason, address=peer.address, client=peer.client)
            )
        return _refused(problem.error, problem.sentence)
    except Refused as refused:
        return _refused("access_denied", refused.sentence)
    left = int((given.expires_at - services.clock.now()).total_seconds())
    return OAuthToken(access_token=given.token, expires_in=max(left, 1), scope=_scope_for(target))


def _target_of(scope: str) -> str:
    """What `database:appdb` names; empty for all. Raises `_Problem`."""
    name, colon, target = (scope.strip() or SCOPE).partition(":")
    if name != SCOPE or (colon and not _TARGET.fullmatch(target)):
        raise _Problem("invalid_scope", f"the scope is {SCOPE}:TARGET, or {SCOPE} for all of them")
    return target


def _scope_for(target: str) -> str:
    return f"{SCOPE}:{target}" if target else SCOPE


def _refused(error: str, sentence: str) -> Response:
    """Only these characters may be in a description."""
    problem = OAuthProblem(error=error, error_description=_DESCRIPTION.sub("?", sentence))
    return Response(problem.model_dump_json(), 400, media_type="application/json")
