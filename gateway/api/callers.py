"""Who calls: the bearer token of the Authorization header, and of no other place, becomes a Principal."""

from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gateway.api.services import Services
from gateway.core.errors import Fault, Refused
from gateway.core.people import Peer, Principal

_bearer = HTTPBearer(auto_error=False, description="An API token, made with `hoop-gateway token create`.")
_Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def peer_of(request: Request) -> Peer:
    """The caller's end of the line. What its program says it is, is only for show."""
    address, port = request.client or ("", 0)
    return Peer(address, port, request.headers.get("user-agent", "")[:128])


async def _caller(request: Request, services: Services, credentials: _Credentials) -> Principal:
    if credentials is None or not credentials.credentials:
        raise HTTPException(401, "an API token is needed", {"WWW-Authenticate": "Bearer"})
    try:
        return await services.identify(credentials.credentials, peer_of(request))
    except Refused as refused:
        challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        raise HTTPException(401, refused.sentence, challenge) from refused


Caller = Annotated[Principal, Depends(_caller)]
"""A route that takes this can only be called by somebody known."""


async def still_welcome(request: Request, services: Services) -> bool:
    """Would the caller of this long request be let in again? When that can't be told: no."""
    credentials = await _bearer(request)
    try:
        return credentials is not None and bool(
            await services.identify(credentials.credentials, peer_of(request))
        )
    except (Refused, Fault):
        return False
