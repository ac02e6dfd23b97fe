"""Every route for every role. A route that is missing in the table fails."""

from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Route

from gateway.api import control, feed, recordings, sessions
from gateway.api.rights import STAFF, STEERING, TO_ALL, Action
from gateway.core.events import RecordingViewed
from gateway.core.people import Principal
from tests.api.house import ROLES, House

THEIRS = "s-THE1RS00"
"""A session of somebody who is not among the callers."""

STAFF_ONLY = {"alba": 200, "pia": 200, "otto": 200, "adam": 200, "ugo": 404, "nina": 404}
OPERATORS = {"alba": 403, "pia": 403, "otto": 200, "adam": 200, "ugo": 404, "nina": 404}
EVERYBODY = dict.fromkeys(ROLES, 200)

TABLE: dict[tuple[str, str], dict[str, int]] = {
    ("GET", "/v1/me"): EVERYBODY,
    ("GET", "/v1/sessions"): EVERYBODY,
    ("GET", "/v1/sessions/{id}"): STAFF_ONLY,
    ("GET", "/v1/sessions/{id}/recording"): STAFF_ONLY,
    ("GET", "/v1/sessions/{id}/frames"): STAFF_ONLY,
    ("GET", "/v1/sessions/{id}/export"): STAFF_ONLY,
    ("GET", "/v1/feed"): EVERYBODY,
    ("POST", "/v1/sessions/{id}/pause"): OPERATORS,
    ("POST", "/v1/sessions/{id}/resume"): OPERATORS,
    ("POST", "/v1/sessions/{id}/message"): OPERATORS,
    ("POST", "/v1/sessions/{id}/end"): OPERATORS,
    ("POST", "/v1/people/{name}/end"): {
        "alba": 404,
        "pia": 404,
        "otto": 200,
        "adam": 200,
        "ugo": 404,
        "nina": 404,
    },
}
"""What each answers when asked about somebody else's session."""

OWN: dict[tuple[str, str], int] = {
    ("POST", "/v1/sessions/{id}/pause"): 403,
    ("POST", "/v1/sessions/{id}/resume"): 403,
    ("POST", "/v1/sessions/{id}/message"): 403,
}
"""What all of them answer when asked about one's own session, whatever one's role: 200 where nothing is said."""

PUBLIC = {"/v1/openapi.json"}
PARAMETERS = {"/v1/sessions/{id}/export": {"as": "txt"}}
BODIES = {"/v1/sessions/{id}/message": {"text": "hello"}}
"""What a route can't be called without."""


def routes(app: FastAPI) -> set[tuple[str, str]]:
    paths: dict[str, dict[str, Any]] = app.openapi()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


async def ask(
    http: httpx2.AsyncClient, method: str, path: str, session: str, name: str | None
) -> httpx2.Response:
    headers = {"Authorization": f"Bearer token-of-{name}"} if name else {}
    url = path.replace("{id}", session).replace("{name}", "somebody-else")
    return await http.request(
        method, url, params=PARAMETERS.get(path), json=BODIES.get(path), headers=headers
    )


@pytest.fixture
def house_that_ends_feeds(house: House, api: FastAPI) -> House:
    """A feed ends at once when the gateway is stopping, so that it can be asked like everything else."""
    api.state.services.stopping.set()
    return house


def test_the_table_has_every_route_and_no_other(api: FastAPI) -> None:
    assert routes(api) == set(TABLE)


def test_nothing_is_served_beside_the_documented_routes(api: FastAPI) -> None:
    routers = [sessions.router, recordings.router, feed.router, control.router]
    assert all(isinstance(route, APIRoute) and route.include_in_schema for r in routers for route in r.routes)
    included = [route for route in api.routes if not isinstance(route, Route)]
    assert len(included) == len(routers)
    assert {route.path for route in api.routes if isinstance(route, Route)} == PUBLIC


def test_every_action_is_in_the_table_of_rights() -> None:
    assert set(TO_ALL) == set(Action)
    assert all(roles <= STAFF for roles in TO_ALL.values())
    assert sorted(STEERING) == ["admin", "operator"]


@pytest.mark.parametrize(("method", "path"), sorted(TABLE))
async def test_route_for_each_role(
    http: httpx2.AsyncClient, house_that_ends_feeds: House, method: str, path: str
) -> None:
    if method == "POST":
        await steered_by_each_role(http, house_that_ends_feeds, path)
        return
    await house_that_ends_feeds.record(THEIRS, person="somebody-else")
    for number, name in enumerate(ROLES):
        mine = f"s-M1NE000{number}"
        await house_that_ends_feeds.record(mine, person=name)
        assert (await ask(http, method, path, THEIRS, name)).status_code == TABLE[method, path][name], name
        assert (await ask(http, method, path, mine, name)).status_code == 200, name


async def steered_by_each_role(http: httpx2.AsyncClient, house: House, path: str) -> None:
    """Each on live sessions of their own: there is no steering of what is over."""
    for name in ROLES:
        theirs, mine = await house.enter("somebody-else"), await house.enter(name)
        if path.endswith("/resume"):
            for gate in (theirs, mine):
                await gate.steering.pause(Principal("id-eve", "eve"))
        answered = await ask(http, "POST", path, theirs.session.id, name)
        assert answered.status_code == TABLE["POST", path][name], (name, answered.text)
        own = path.replace("{name}", name)
        assert (await ask(http, "POST", own, mine.session.id, name)).status_code == OWN.get(
            ("POST", path), 200
        ), name
        ends = path.endswith("/end")
        assert theirs.ended.is_set() == (ends and TABLE["POST", path][name] == 200), name
        assert mine.ended.is_set() == ends, name
        for gate in (theirs, mine):
            await gate.close("ended", {"reason": "ended"})


async def test_nobody_gets_in_without_a_token(http: httpx2.AsyncClient, house_that_ends_feeds: House) -> None:
    await house_that_ends_feeds.record(THEIRS)
    for method, path in TABLE:
        response = await ask(http, method, path, THEIRS, None)
        assert response.status_code == 401, path
        assert response.headers["www-authenticate"] == "Bearer"
        response = await ask(http, method, path, THEIRS, "nobody")
        assert response.status_code == 401, path
        assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'
        assert response.headers["content-type"] == "application/problem+json"
        assert b"hello" not in response.content


async def test_a_refused_look_is_no_viewing(http: httpx2.AsyncClient, house: House) -> None:
    await house.record(THEIRS, person="somebody-else")
    for path in ("/v1/sessions/{id}/frames", "/v1/sessions/{id}/export"):
        await ask(http, "GET", path, THEIRS, "ugo")
    names = [entry.name for entry in await house.ledger.entries(session=THEIRS)]
    assert RecordingViewed.name not in names


async def test_what_is_not_theirs_does_not_exist(http: httpx2.AsyncClient, house: House) -> None:
    """The same answer for another's session and for one that was never there."""
    await house.record(THEIRS, person="somebody-else")
    there = await ask(http, "GET", "/v1/sessions/{id}", THEIRS, "ugo")
    nowhere = await ask(http, "GET", "/v1/sessions/{id}", "s-00000000", "ugo")
    assert (there.status_code, there.content) == (nowhere.status_code, nowhere.content)


TOKEN_ELSEWHERE: list[dict[str, Any]] = [
    {"headers": {"Authorization": "Basic dG9rZW4tb2YtYWRhbTp4"}},
    {"headers": {"Authorization": "token-of-adam"}},
    {"headers": {"Authorization": "Bearer"}},
    {"headers": {"Authorization": "Bearer "}},
    {"headers": {"X-Api-Key": "token-of-adam"}},
    {"headers": {"Cookie": "token=token-of-adam; Authorization=Bearer token-of-adam"}},
    {"params": {"token": "token-of-adam", "access_token": "token-of-adam"}},
]


async def test_a_token_counts_in_its_header_only(http: httpx2.AsyncClient) -> None:
    for asked in TOKEN_ELSEWHERE:
        assert (await http.get("/v1/me", **asked)).status_code == 401, asked
