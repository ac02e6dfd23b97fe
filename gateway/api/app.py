"""The two web applications: the API that staff tools use, and health for the admin listener."""

from collections.abc import Mapping

from fastapi import FastAPI, HTTPException
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api import (
    amendments,
    certificates,
    control,
    emergencies,
    feed,
    health,
    impact,
    login,
    machines,
    oauth,
    people,
    problems,
    recordings,
    requests,
    reviews,
    sessions,
    tokens,
)
from gateway.api.health import Check
from gateway.api.once import KeysUsed
from gateway.api.pages import arriving, confirming
from gateway.api.pages.route import PageState
from gateway.api.playback import Playback
from gateway.api.services import ApiServices
from gateway.api.viewings import Viewings

__all__ = ["ApiServices", "build_api", "build_health"]

ROUTERS = (
    sessions.router,
    recordings.router,
    feed.router,
    control.router,
    login.router,
    people.router,
    tokens.router,
    certificates.router,
    machines.router,
    requests.router,
    reviews.router,
    amendments.router,
    emergencies.router,
    impact.router,
)
LONGEST_BODY = 1 << 16
_EVERYWHERE = problems.documented(401, 422, 503)


def build_api(services: ApiServices) -> FastAPI:
    """The API over these organs. OpenAPI is at /v1/openapi.json; the only pages are those to sign in."""
    app = FastAPI(
        title="hoop gateway",
        version=services.version,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.services = services
    app.state.playback = Playback(services.blobs)
    app.state.viewings = Viewings()
    app.state.keys = KeysUsed()
    app.state.login = login.LoginState(services.clock)
    for router in ROUTERS:
        app.include_router(router, prefix="/v1", responses=_EVERYWHERE)
    if services.sign_in is not None:
        app.state.pages = PageState(services, services.sign_in)
        app.include_router(arriving.router)
        app.include_router(confirming.router)
        app.include_router(oauth.router, responses=problems.documented(503))
    app.add_middleware(_SmallBodies)
    app.add_middleware(_NeverKept)
    problems.install(app)
    return app


def build_health(checks: Mapping[str, Check]) -> FastAPI:
    """`/livez` and `/readyz` over these checks, by the name of their organ."""
    app = FastAPI(title="hoop gateway health", openapi_url=None, docs_url=None, redoc_url=None)
    app.state.checks = dict(checks)
    app.include_router(health.router)
    app.add_middleware(_NeverKept)
    problems.install(app)
    return app


class _SmallBodies:
    """Takes no more of a request than any of our questions is long: bodies are read before anybody is asked who
    they are."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        taken = 0

        async def measured() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > LONGEST_BODY:
                raise HTTPException(
                    413, "a request of this length makes no sense here", {"Connection": "close"}
                )
            return message

        await self._app(scope, measured if scope["type"] == "http" else receive, send)


class _NeverKept:
    """Tells browsers and caches to keep no answer and to guess no media type."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Cache-Control"] = "no-store"
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        await self._app(scope, receive, marked if scope["type"] == "http" else send)
