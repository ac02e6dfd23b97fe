"""Every route for every role, on what is one's own and on what is others'. A route that is not in the table fails."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Route

from gateway.api import control
from gateway.api.app import ROUTERS, build_api
from gateway.api.rights import OVERSIGHT, RIGHTS, ROLES, STAFF, STEERING, Action, may
from gateway.app.web import WebDoor, listen
from gateway.core.events import RecordingViewed
from gateway.core.people import Principal
from gateway.core.ports import Hint
from tests.api.role_cases import PUBLIC_KEY, Case, about_oneself, ask, cleared, is_list, prepared
from tests.api.role_table import CALLERS, Line, read
from tests.api.test_feed import Reader
from tests.api.town import EVAS_ROBOT, LOCKED_ROBOT, OTHER, ROBOT, ROLE_OF, Town

TABLE = read()
GUARDED = [line for line in TABLE if line.action != "-"]
OPEN = {
    "/v1/login/device": 200,
    "/v1/login/token": 400,
    "/v1/login/password": 401,
    "/v1/login/exchange": 401,
    "/.well-known/openid-configuration": 200,
    "/.well-known/oauth-authorization-server": 200,
    "/oauth/device_authorization": 400,
    "/oauth/token": 400,
}
"""What the open routes answer when nobody can be signed in with what they are sent."""

BY_ROLE = {role: name for name, role in ROLE_OF.items()} | {"machine": ROBOT}
"""Who calls for each column: their id."""

EXPECTED = {
    "all": (2, 2),
    "own": (404, 2),
    "sees": (403, 2),
    "others": (2, 403),
    "never": (404, 403),
    "no": (403, 403),
}
"""What a word of the table means: the answer about what is others', and about what is one's own. 2: any success."""


def route_id(line: Line) -> str:
    return f"{line.method} {line.path}"


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody closes the gates that are ended here, so there is nothing to wait for."""
    monkeypatch.setattr(control, "CLOSED_WITHIN", 0.01)


@pytest.fixture
def api(town: Town) -> FastAPI:
    return build_api(town.services())


@pytest.fixture
async def wire(api: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A real connection: a feed does not end by itself."""
    door = WebDoor(api, listen("127.0.0.1", 0, "tests"))
    port = await door.start()
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        yield client
    api.state.services.stopping.set()
    await door.stop()


# The table, and the decision.


def documented(app: FastAPI) -> set[tuple[str, str]]:
    paths: dict[str, dict[str, Any]] = app.openapi()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


def test_the_table_has_every_route_and_no_other(api: FastAPI) -> None:
    routes = [(line.method, line.path) for line in TABLE]
    assert len(routes) == len(set(routes))
    assert documented(api) == set(routes)
    assert {line.path for line in TABLE if line.action == "-"} == set(OPEN)


def test_what_is_not_documented_is_for_browsers(api: FastAPI) -> None:
    for router in ROUTERS:
        assert all(isinstance(route, APIRoute) and route.include_in_schema for route in router.routes)
    found = {
        route.path for route in api.routes if isinstance(route, Route) and not isinstance(route, APIRoute)
    }
    assert found == {"/v1/openapi.json"}
    for router in (part.original_router for part in api.routes if hasattr(part, "original_router")):
        hidden = [r.path for r in router.routes if isinstance(r, APIRoute) and not r.include_in_schema]
        assert all(path.startswith(("/d", "/login")) for path in hidden)


def test_every_action_is_in_the_table() -> None:
    assert set(RIGHTS) == set(Action)
    assert {line.action for line in GUARDED} == set(Action) - {Action.CALL}


def test_the_columns_are_the_roles() -> None:
    assert (*ROLES, "machine") == CALLERS
    assert STEERING < OVERSIGHT < STAFF < set(ROLES)
    for right in RIGHTS.values():
        assert right.to_all <= STAFF
        assert right.to_own is None or right.to_own <= set(ROLES)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("line", GUARDED, ids=route_id)
def test_the_decision_agrees_with_the_table(line: Line, caller: str) -> None:
    """What the words say, the one function decides; 404 or 403 is the routes' business."""
    kind = "machine" if caller == "machine" else "login"
    who = Principal("id", "somebody", roles=frozenset({"person", caller} & {*ROLES}), token_kind=kind)
    others, own = EXPECTED[line.cells[caller]]
    assert may(who, Action(line.action), "somebody") == (own == 2)
    if not about_oneself(line):
        assert may(who, Action(line.action), "olga") == (others == 2)
        assert may(who, Action(line.action), None) == (others == 2)


@pytest.mark.parametrize("kind", ["database", "secret", "another"])
def test_a_kind_of_token_that_is_not_for_the_api_opens_nothing(kind: str) -> None:
    adam = Principal("id", "adam", roles=frozenset(ROLES), token_kind=kind)
    assert not any(may(adam, action, owner) for action in Action for owner in ("adam", "olga", None))


# Every route, called.


def assert_answer(response: httpx2.Response, expected: int, where: str) -> None:
    status = response.status_code
    assert (status // 100 if expected == 2 else status) == expected, (where, response.text)
    if status >= 400:
        assert response.headers["content-type"] == "application/problem+json", where
        assert response.json()["detail"], where


async def call(http: httpx2.AsyncClient, town: Town, line: Line, caller: str, whose: str) -> None:
    """One caller, about what is somebody's, held to the word in the table."""
    token, _ = await town.token(BY_ROLE[caller], "machine" if caller == "machine" else "login")
    about_others = whose == OTHER
    expected = EXPECTED[line.cells[caller]][0 if about_others else 1]
    where = f"{route_id(line)} by {caller} about what is {'others' if about_others else 'their own'}"
    case = await prepared(town, line, whose)
    response = await ask(http, line, case, token)
    if is_list(line) and expected in (2, 404):
        assert_answer(response, 2, where)
        assert (case.shown in response.text) == (expected == 2), where
    else:
        assert_answer(response, expected, where)
    if case.gate is not None:
        assert case.gate.ended.is_set() == (line.path.endswith("/end") and expected == 2), where
    await cleared(town, line, case)


@pytest.mark.parametrize("line", [line for line in GUARDED if line.path != "/v1/feed"], ids=route_id)
async def test_each_route_for_each_role(http: httpx2.AsyncClient, town: Town, line: Line) -> None:
    for caller, id in BY_ROLE.items():
        if not about_oneself(line):
            await call(http, town, line, caller, OTHER)
        await call(http, town, line, caller, id)


@pytest.mark.parametrize("caller", CALLERS)
async def test_the_feed_for_each_role(wire: httpx2.AsyncClient, town: Town, caller: str) -> None:
    (line,) = (line for line in TABLE if line.path == "/v1/feed")
    theirs = (await prepared(town, line, OTHER)).shown
    mine = (await prepared(town, line, BY_ROLE[caller])).shown
    token, _ = await town.token(BY_ROLE[caller], "machine" if caller == "machine" else "login")
    async with wire.stream("GET", line.path, headers={"Authorization": f"Bearer {token}"}) as response:
        if line.cells[caller] == "no":
            assert response.status_code == 403
            return
        reader = Reader(response)
        await reader.next()
        for id in (theirs, mine):
            await town.house.bus.publish(Hint("session", id))
        heard = [("session", id) for id in (theirs, mine) if line.cells[caller] == "all" or id == mine]
        assert await reader.hints(len(heard)) == heard


async def unusable(town: Town) -> dict[str, str]:
    """What opens nothing, though some of it was once good, and some is good elsewhere. Adam has every right."""
    made: dict[str, str] = {"nothing": "", "no token": "letmein"}
    made["unknown"] = "hoop_t-ZZZZZZ_" + "a" * 52
    made["over"], _ = await town.token("adam", lasts=timedelta(seconds=-1))
    made["of nobody"], _ = await town.token("nobody")
    made["a password for a database"], _ = await town.token("adam", "database", target="web-1")
    made["a machine's secret"], _ = await town.token(ROBOT, "secret")
    made["revoked"], id = await town.token("adam")
    await town.revoke(id)
    good, parent = await town.token("adam")
    made["made with one that is revoked"], _ = await town.token("adam", parent=parent)
    await town.revoke(parent)
    made["of a machine that is locked"], _ = await town.token(LOCKED_ROBOT, "machine")
    made["of a machine whose owner is locked"], _ = await town.token(EVAS_ROBOT, "machine")
    made["of somebody locked"], _ = await town.token("eva")
    for person in ("eva", LOCKED_ROBOT):
        await town.lock_out(person)
    made["made for somebody locked"], _ = await town.token("eva")
    made["its parent"] = good
    made["cut"] = made["its parent"][:-1]
    return made


async def test_nobody_gets_in_without_a_good_token(http: httpx2.AsyncClient, town: Town) -> None:
    tokens = await unusable(town)
    for line in GUARDED:
        case = Case({"id": "s-00000000", "name": "olga", "serial": "1"})
        for what, token in tokens.items():
            response = await ask(http, line, case, token)
            assert_answer(response, 401, f"{route_id(line)} with {what}")
            challenge = 'Bearer error="invalid_token"' if token else "Bearer"
            assert response.headers["www-authenticate"] == challenge


async def test_open_routes_are_the_same_for_everybody(http: httpx2.AsyncClient, town: Town) -> None:
    admins, _ = await town.token("adam")
    machines, _ = await town.token(ROBOT, "machine")
    for line in (line for line in TABLE if line.action == "-"):
        for token in ("", admins, machines, "letmein"):
            response = await ask(http, line, Case({}), token)
            assert response.status_code == OPEN[line.path], (line.path, response.text)
            town.house.clock.move(timedelta(minutes=1))


# What a token does not bring.


@pytest.mark.parametrize(
    ("person", "made_with", "roles"),
    [
        ("adam", {"person"}, ["person"]),
        ("otto", {"person", "admin"}, ["person"]),
        ("otto", {"admin"}, []),
        ("adam", {"operator"}, []),
    ],
)
async def test_a_token_made_with_fewer_roles_has_no_more(
    http: httpx2.AsyncClient, town: Town, person: str, made_with: set[str], roles: list[str]
) -> None:
    """It has the roles that it was made with and that its person has, and brings no other token that has more."""
    token, _ = await town.token(person, "login", frozenset(made_with))
    http.headers["Authorization"] = f"Bearer {token}"
    for _ in range(2):
        assert (await http.get("/v1/me")).json()["roles"] == roles
        assert (await http.post("/v1/people/olga/lock", json={"reason": "x"})).status_code == 404
        fresh = (await http.post("/v1/login/refresh")).json()
        assert fresh["roles"] == roles
        http.headers["Authorization"] = f"Bearer {fresh['token']}"


async def test_a_token_without_the_role_person_opens_no_way_to_targets(
    http: httpx2.AsyncClient, town: Town
) -> None:
    token, _ = await town.token("alba", "api", frozenset({"auditor"}))
    http.headers["Authorization"] = f"Bearer {token}"
    assert (await http.get("/v1/people/olga")).status_code == 200
    for path, body in (
        ("/v1/ssh/certificate", {"public_key": PUBLIC_KEY}),
        ("/v1/tokens", {"target": "web-1"}),
    ):
        assert_answer(await http.post(path, json=body), 403, path)
    assert await town.house.ledger.certificates() == []


async def test_only_a_sign_in_is_renewed(http: httpx2.AsyncClient, town: Town) -> None:
    for kind, expected in (("login", 200), ("api", 403), ("machine", 403)):
        token, _ = await town.token(ROBOT if kind == "machine" else "petra", kind)
        response = await http.post("/v1/login/refresh", headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == expected, kind


async def test_groups_bring_people_roles_and_machines_none(http: httpx2.AsyncClient, town: Town) -> None:
    id = await town.vouched("greta", groups=frozenset({"sec"}))
    for whose, kind, expected in (
        (id, "login", ["auditor", "person"]),
        (ROBOT, "machine", ["person"]),
    ):
        token, _ = await town.token(whose, kind)
        me = await http.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
        assert me.json()["roles"] == expected


# What a refusal gives away.


async def test_what_is_not_theirs_does_not_exist(http: httpx2.AsyncClient, town: Town) -> None:
    """The same answer, to the byte, about what is others' and about what was never there."""
    never = Case({"id": "t-000000", "name": "nobody-at-all", "serial": "404"})
    token, _ = await town.token("petra")
    for line in (line for line in GUARDED if line.cells["person"] in ("own", "never")):
        if about_oneself(line) or is_list(line) or "sessions" in line.path or line.path == "/v1/feed":
            continue
        theirs = await prepared(town, line, OTHER)
        there, nowhere = [await ask(http, line, case, token) for case in (theirs, never)]
        assert (there.status_code, there.content) == (404, nowhere.content), route_id(line)
        await cleared(town, line, theirs)


async def test_another_session_and_none_are_the_same(http: httpx2.AsyncClient, town: Town) -> None:
    token, _ = await town.token("petra")
    for line in (line for line in GUARDED if line.path.startswith("/v1/sessions/{id}")):
        theirs = await prepared(town, line, OTHER)
        there = await ask(http, line, theirs, token)
        nowhere = await ask(http, line, Case({"id": "s-00000000"}), token)
        assert (there.status_code, there.content) == (404, nowhere.content), route_id(line)
        await cleared(town, line, theirs)


async def test_a_refused_look_is_no_viewing(http: httpx2.AsyncClient, town: Town) -> None:
    await town.house.record("s-THE1RS00", person="olga")
    token, _ = await town.token("petra")
    for path in ("/v1/sessions/s-THE1RS00/frames", "/v1/sessions/s-THE1RS00/export?as=txt"):
        assert (await http.get(path, headers={"Authorization": f"Bearer {token}"})).status_code == 404
    names = [entry.name for entry in await town.house.ledger.entries(session="s-THE1RS00")]
    assert RecordingViewed.name not in names


async def test_a_token_counts_in_its_header_only(http: httpx2.AsyncClient, town: Town) -> None:
    token, _ = await town.token("adam")
    elsewhere: list[dict[str, Any]] = [
        {"headers": {"Authorization": "Basic dG9rZW4tb2YtYWRhbTp4"}},
        {"headers": {"Authorization": token}},
        {"headers": {"Authorization": "Bearer"}},
        {"headers": {"Authorization": "Bearer "}},
        {"headers": {"X-Api-Key": token}},
        {"headers": {"Cookie": f"token={token}; Authorization=Bearer {token}"}},
        {"params": {"token": token, "access_token": token}},
    ]
    for asked in elsewhere:
        assert (await http.get("/v1/me", **asked)).status_code == 401, asked
    assert (await http.get("/v1/me", headers={"Authorization": f"Bearer {token}"})).status_code == 200
