"""Who calls: the bearer token of the Authorization header, and of no other place, becomes a Principal.

A route takes a `Caller`, who is a person. One that is for machines, too, takes `AnyCaller` instead, and asks
`rights.may` what a token of this kind can be used for.
"""

from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gateway.api.rights import Action, may
from gateway.api.services import ApiServices, Identify, Services
from gateway.core.errors import Fault, Refused
from gateway.core.people import Peer, Principal

_bearer = HTTPBearer(auto_error=False, description="An API token, made with `hoop-gateway token create`.")
IDENTIFY = "hoop.identify"
"""Where a connection that is not the network's says who comes over it: no header reaches this."""
_Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def peer_of(request: Request) -> Peer:
    """The caller's end of the line. What its program says it is, is only for show."""
    address, port = request.client or ("", 0)
    return Peer(address, port, request.headers.get("user-agent", "")[:128])


def _identify(request: Request, services: ApiServices) -> Identify:
    own: Identify | None = request.scope.get(IDENTIFY)
    return own or services.identify


async def _any_caller(request: Request, services: Services, credentials: _Credentials) -> Principal:
    if credentials is None or not credentials.credentials:
        raise HTTPException(401, "an API token is needed", {"WWW-Authenticate": "Bearer"})
    try:
        return await _identify(request, services)(credentials.credentials, peer_of(request))
    except Refused as refused:
        challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        raise HTTPException(401, refused.sentence, challenge) from refused


AnyCaller = Annotated[Principal, Depends(_any_caller)]
"""A route that takes this can only be called by somebody known: a person, or a machine."""


async def _caller(who: AnyCaller) -> Principal:
    if not may(who, Action.CALL, who.name):
        raise HTTPException(403, "a token of this kind is for machines: nobody looks around with it")
    return who


Caller = Annotated[Principal, Depends(_caller)]
"""A route that takes this can only be called by a person."""


async def still_welcome(request: Request, services: Services) -> bool:
    """Would the caller of this long request be let in again? When that can't be told: no."""
    credentials = await _bearer(request)
    try:
        return credentials is not None and bool(
            await _identify(request, services)(credentials.credentials, peer_of(request))
        )
    except (Refused, Fault):
        return False
