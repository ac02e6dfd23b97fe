"""Routes that sign people's programs and machines in and out. Browsers have pages of their own (`gateway.api.pages`).

Who somebody is, the desk decides, and writes down; what passes through here is counted, and waits for its turn.
"""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from gateway.api.callers import AnyCaller, peer_of
from gateway.api.login_codes import INTERVAL, BrowserCodes, DeviceCodes, GrantProblem, TakenElsewhere
from gateway.api.login_limits import TooMany, Turnstile
from gateway.api.problems import documented
from gateway.api.rights import Action, may
from gateway.api.schema import (
    CertificateAsked,
    DatabaseTokenAsked,
    DeviceAsked,
    DeviceCode,
    GrantRefused,
    MachineAsked,
    PasswordGiven,
    SignedInToken,
    SshCertificate,
    TokenAsked,
)
from gateway.api.schema_databases import DatabaseCertificate, DatabaseCertificateAsked, DatabasePassword
from gateway.api.services import Services, SigningIn
from gateway.core.errors import Refused
from gateway.core.events import SignInRefused
from gateway.core.people import Peer, Principal
from gateway.core.ports import Clock

router = APIRouter(tags=["sign-in"])
_UNUSUAL = re.compile(r"[^A-Za-z0-9 ./_@'()-]")


class LoginState:
    """What is under way between two requests. In memory: a restart makes people start again."""

    def __init__(self, clock: Clock) -> None:
        self.turnstile = Turnstile(clock)
        self.devices = DeviceCodes(clock)
        self.clients = DeviceCodes(clock)
        """Of clients that come the standard's own way: `oauth.py`."""
        self.codes = BrowserCodes(clock)


def _state(request: Request) -> LoginState:
    state = request.app.state.login
    assert isinstance(state, LoginState)
    return state


Underway = Annotated[LoginState, Depends(_state)]
"""What is under way, for routes."""


@router.post("/login/device", responses=documented(404, 429))
async def device(asked: DeviceAsked, request: Request, sign_in: SigningIn) -> DeviceCode:
    """Ask to be signed in by somebody at a browser. They see what asks, from where, and type or open the code."""
    caller = peer_of(request)
    peer = Peer(caller.address, caller.port, usual(asked.client) or caller.client)
    what = usual(asked.what)[:40] + (f" on {usual(asked.host)[:64]}" if asked.host else "")
    try:
        ring = await sign_in.doorbell.ring(what, peer)
    except Refused as refused:
        raise HTTPException(429, refused.sentence, {"Retry-After": "60"}) from refused
    return DeviceCode(
        device_code=_state(request).devices.add(ring, peer),
        user_code=ring.code,
        verification_uri=f"{sign_in.public_url}/d",
        verification_uri_complete=f"{sign_in.public_url}/d/{ring.code}",
        expires_in=int((ring.expires_at - ring.asked_at).total_seconds()),
        interval=int(INTERVAL),
    )


@router.post(
    "/login/token",
    response_model=SignedInToken,
    responses={400: {"model": GrantRefused}, **documented(404)},
)
async def token(
    asked: TokenAsked, request: Request, services: Services, sign_in: SigningIn, underway: Underway
) -> SignedInToken | Response:
    """The end of a sign-in: what the device waited for, or what the browser came back with."""
    peer = peer_of(request)
    try:
        browser = None
        if asked.grant == "device":
            who, browser, _ = await underway.devices.ask(asked.device_code, peer)
        else:
            who = underway.codes.redeem(asked.code, asked.code_verifier, asked.redirect_uri)
        return await sign_in.desk.issue(who, peer, asked.grant, browser)
    except GrantProblem as problem:
        if isinstance(problem, TakenElsewhere):
            reason = "a code was asked for at one address and used at another"
            await services.ledger.append(
                SignInRefused(reason=reason, address=peer.address, client=peer.client)
            )
        refused = GrantRefused(error=problem.error, detail=problem.sentence)
    except Refused as no:
        refused = GrantRefused(error="access_denied", detail=no.sentence)
    return Response(refused.model_dump_json(), 400, media_type="application/json")


@router.post("/login/password", responses=documented(404, 429))
async def password(
    given: PasswordGiven, request: Request, sign_in: SigningIn, underway: Underway
) -> SignedInToken:
    """Sign in with a password, where the gateway has local people."""
    peer = peer_of(request)
    async with _turn(underway, peer, given.name):
        who = await sign_in.desk.by_password(given, peer)
    with _refused_as(401):
        return await sign_in.desk.issue(who, peer, "password")


@router.post("/login/exchange", responses=documented(404, 429))
async def exchange(
    asked: MachineAsked, request: Request, sign_in: SigningIn, underway: Underway
) -> SignedInToken:
    """Sign a machine in, with its own secret or with the token of its CI job."""
    if bool(asked.client_secret) == bool(asked.subject_token):
        raise HTTPException(422, "send one of client_secret and subject_token")
    peer = peer_of(request)
    async with _turn(underway, peer):
        return await sign_in.desk.by_machine(asked, peer)


@router.post("/login/refresh", responses=documented(403, 404))
async def refresh(request: Request, who: AnyCaller, sign_in: SigningIn) -> SignedInToken:
    """Another token for the one that this is asked with, which ends."""
    _need(who, Action.RENEW, "only a sign-in can be renewed, and this token is none")
    with _refused_as(401):
        return await sign_in.desk.refresh(who, peer_of(request))


@router.post("/logout", status_code=204, responses=documented(403, 404))
async def logout(who: AnyCaller, sign_in: SigningIn) -> None:
    """End the token that this is asked with, and what was made with it."""
    _need(who, Action.SIGN_OUT, "this token can not be signed out with")
    with _refused_as(403):
        await sign_in.desk.logout(who)


@router.post("/ssh/certificate", responses=documented(403, 404))
async def certificate(
    asked: CertificateAsked, request: Request, who: AnyCaller, sign_in: SigningIn
) -> SshCertificate:
    """A certificate for an SSH key: with it, ssh asks nothing."""
    _need(who, Action.ASK_CERTIFICATE, "this token can not be used to get certificates")
    with _refused_as(403):
        return await sign_in.desk.certify(who, asked, peer_of(request))


@router.post("/databases/certificate", responses=documented(403, 404))
async def database_certificate(
    asked: DatabaseCertificateAsked, request: Request, who: AnyCaller, sign_in: SigningIn
) -> DatabaseCertificate:
    """A certificate for a key: with it, databases ask for no password."""
    _need(who, Action.ASK_CERTIFICATE, "this token can not be used to get certificates")
    with _refused_as(403):
        return await sign_in.desk.database_certificate(who, asked, peer_of(request))


@router.post("/tokens", responses=documented(403, 404))
async def database_token(
    asked: DatabaseTokenAsked, request: Request, who: AnyCaller, sign_in: SigningIn
) -> DatabasePassword:
    """A short-lived password for one target, and where to show it."""
    _need(who, Action.MAKE_DATABASE_TOKEN, "this token can not be used to make others")
    with _refused_as(403):
        return await sign_in.desk.database_token(who, asked, peer_of(request))


def _need(who: Principal, action: Action, sentence: str) -> None:
    if not may(who, action, who.name):
        raise HTTPException(403, sentence)


@contextmanager
def _refused_as(status: int) -> Iterator[None]:
    try:
        yield
    except Refused as refused:
        raise HTTPException(status, refused.sentence) from refused


@asynccontextmanager
async def _turn(underway: LoginState, peer: Peer, name: str = "") -> AsyncIterator[None]:
    try:
        async with underway.turnstile.turn(peer, name):
            yield
    except TooMany as many:
        raise HTTPException(429, many.sentence, {"Retry-After": str(many.seconds)}) from many
    except Refused as refused:
        raise HTTPException(401, refused.sentence, {"WWW-Authenticate": "Bearer"}) from refused


def usual(text: str) -> str:
    """What a program says of itself: nothing that reads as an address or as another alphabet's letters."""
    return _UNUSUAL.sub("?", text).strip()
