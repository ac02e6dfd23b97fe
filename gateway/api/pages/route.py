"""What the routes of all pages share: who asks, where they are, and a page instead of an error."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from gateway.api.login import LoginState, Underway
from gateway.api.login_limits import TooMany
from gateway.api.pages import words
from gateway.api.pages.browser import Browser, Cookies
from gateway.api.pages.loopback import ProgramAsks
from gateway.api.pages.visits import Visits
from gateway.api.pages.words import House
from gateway.api.services import ApiServices, Services, SignIn, SigningIn
from gateway.core.errors import Fault, Refused
from gateway.session.doorbell import Ring

LONGEST_QUERY = 16_384


class PageState:
    """What the pages keep between two requests."""

    def __init__(self, services: ApiServices, sign_in: SignIn) -> None:
        self.cookies = Cookies(sign_in.public_url)
        self.visits = Visits(services.clock)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for a page."""

    request: Request
    services: ApiServices
    sign_in: SignIn
    login: LoginState
    pages: PageState
    browser: Browser

    @property
    def house(self) -> House:
        """For the foot of the page."""
        return House(self.services.gateway_name, self.sign_in.public_url)

    @property
    def now(self) -> datetime:
        """Wall time."""
        return self.services.clock.now()

    def token(self, purpose: str) -> str:
        """For a form."""
        return self.pages.cookies.form_token(self.browser, purpose)

    async def form(self, purpose: str) -> dict[str, str]:
        """What the person sent, for this purpose."""
        return dict(await self.pages.cookies.form(self.request, self.browser, purpose))

    def kept(self, response: Response) -> Response:
        """With the browser's cookie."""
        self.pages.cookies.keep(self.browser, response)
        return response

    def ring(self, code: str) -> Ring | None:
        """Whoever waits with this code. Raises `TooMany` for an address that has guessed too often."""
        # Not for pictures and frames of other sites: they could guess in the name of whoever looks at those.
        if self.request.headers.get("sec-fetch-dest", "document") != "document":
            raise HTTPException(403, "this page is to be opened by itself")
        try:
            return self.sign_in.doorbell.look(code, self.browser.peer)
        except Refused as refused:
            raise TooMany(refused.sentence, 60) from refused

    def again(self, errand: Ring | ProgramAsks) -> str:
        """Where a sign-in that failed can be tried again."""
        return f"/d/{errand.code}" if isinstance(errand, Ring) else f"/login?{urlencode(errand.parameters)}"


def _asked(request: Request, services: Services, sign_in: SigningIn, login: Underway) -> Asked:
    pages = request.app.state.pages
    assert isinstance(pages, PageState)
    if len(request.url.query) > LONGEST_QUERY:
        raise HTTPException(400, "an address of this length makes no sense here")
    return Asked(request, services, sign_in, login, pages, pages.cookies.browser(request))


Page = Annotated[Asked, Depends(_asked)]


class PageRoute(APIRoute):
    """Answers with a page whatever happens, but for mistakes of our own: those are logged as everywhere."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's hook."""
        answer = super().get_route_handler()

        async def with_pages(request: Request) -> Response:
            try:
                return await answer(request)
            except (HTTPException, RequestValidationError, Refused, Fault) as error:
                return _page_of(request, error)

        return with_pages


def _page_of(request: Request, error: Exception) -> Response:
    services = request.app.state.services
    house = House(services.gateway_name, services.sign_in.public_url)
    if isinstance(error, HTTPException):
        return words.sorry(house, str(error.detail), error.status_code)
    if isinstance(error, TooMany):
        return words.sorry(house, error.sentence, 429, headers={"Retry-After": str(error.seconds)})
    if isinstance(error, Fault):
        return words.sorry(house, error.sentence, 503, headers={"Retry-After": "5"})
    if isinstance(error, Refused):
        return words.sorry(house, error.sentence, 403)
    return words.sorry(house, "this address can not be read", 400)
