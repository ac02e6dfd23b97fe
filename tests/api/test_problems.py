"""Whatever goes wrong is problem+json with one plain sentence, and tells nothing of our insides."""

import ast
import asyncio
import logging
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api import schema
from gateway.api.app import build_api
from gateway.api.schema import Problem
from gateway.core.errors import Fault
from tests.api.house import House

ID = "s-2B8CK4TQ"


def problem(response: httpx2.Response) -> Problem:
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    told = Problem.model_validate_json(response.content)
    assert told.status == response.status_code
    assert told.detail
    assert "\n" not in told.detail
    return told


async def test_nothing_there(http: httpx2.AsyncClient) -> None:
    for path in (
        "/",
        "/v1",
        "/v1/",
        "/v1/me/",
        "/v2/me",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/v1/sessions/a/b",
    ):
        assert problem(await http.get(path)).status == 404, path
    assert problem(await http.get("/nowhere")).detail == "there is nothing at this address"


async def test_other_methods(auditor: httpx2.AsyncClient) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "HEAD"):
        response = await auditor.request(method, "/v1/me")
        assert response.status_code == 405
        assert response.headers["allow"] == "GET"
        if method != "HEAD":
            assert problem(response).detail == "this address does not take this method"


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("/v1/sessions", {"limit": 0}, "limit: "),
    ("/v1/sessions", {"limit": 1001}, "limit: "),
    ("/v1/sessions", {"limit": "many"}, "limit: "),
    ("/v1/sessions", {"state": "dead"}, "state: "),
    ("/v1/sessions", {"person": "x" * 201}, "person: "),
    ("/v1/sessions", {"target": "a\x00b"}, "target: "),
    (f"/v1/sessions/{'x' * 65}", {}, "id: "),
    (f"/v1/sessions/{ID}/frames", {"from": -1}, "from: "),
    (f"/v1/sessions/{ID}/frames", {"from": 1 << 41}, "from: "),
    (f"/v1/sessions/{ID}/frames", {"wait": 20.1}, "wait: "),
    (f"/v1/sessions/{ID}/frames", {"wait": -1}, "wait: "),
    (f"/v1/sessions/{ID}/frames", {"wait": "nan"}, "wait: "),
    (f"/v1/sessions/{ID}/frames", {"wait": "inf"}, "wait: "),
    (f"/v1/sessions/{ID}/frames", {"limit_bytes": 1}, "limit_bytes: "),
    (f"/v1/sessions/{ID}/frames", {"limit_bytes": 1 << 30}, "limit_bytes: "),
    (f"/v1/sessions/{ID}/export", {}, "as: "),
    (f"/v1/sessions/{ID}/export", {"as": "avi"}, "as: "),
    (f"/v1/sessions/{ID}/export", {"as": "../txt"}, "as: "),
]


async def test_values_out_of_bounds(auditor: httpx2.AsyncClient, house: House) -> None:
    await house.record(ID)
    for path, params, start in WRONG:
        response = await auditor.get(path, params=params)
        assert response.status_code == 422, (path, params)
        assert problem(response).detail.startswith(start)


async def test_without_a_token_values_tell_nothing(http: httpx2.AsyncClient) -> None:
    """Who is not signed in does not learn what would be wrong."""
    for path, params, _ in WRONG:
        assert (await http.get(path, params=params)).status_code in (401, 422)


class FailingLedger:
    """The house's ledger, but some of what it does fails."""

    def __init__(self, house: House, *failing: str) -> None:
        self._house = house
        self._failing = failing

    def __getattr__(self, name: str) -> Any:
        if name not in self._failing:
            return getattr(self._house.ledger, name)

        async def fail(*args: object, **options: object) -> None:
            raise Fault("the ledger can not be written: the disk is full")

        return fail


def with_other(house: House, **others: Any) -> httpx2.ASGITransport:
    """An API over the same house with another organ."""
    services = house.services()
    same = {name: getattr(services, name) for name in services.__slots__}
    return httpx2.ASGITransport(app=build_api(type(services)(**same | others)), raise_app_exceptions=False)


async def test_a_fault_is_503(house: House) -> None:
    await house.record(ID)
    transport = with_other(house, ledger=FailingLedger(house, "session", "sessions", "find_sessions"))
    headers = {"Authorization": "Bearer token-of-alba"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://x", headers=headers) as http:
        for path in ("/v1/sessions", f"/v1/sessions/{ID}", "/v1/sessions/2b", f"/v1/sessions/{ID}/frames"):
            response = await http.get(path)
            assert response.status_code == 503, path
            assert problem(response).detail == "the ledger can not be written: the disk is full"
            assert response.headers["retry-after"] == "5"


async def test_nothing_is_shown_that_can_not_be_logged(house: House) -> None:
    await house.record(ID)
    transport = with_other(house, ledger=FailingLedger(house, "append"))
    headers = {"Authorization": "Bearer token-of-alba"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://x", headers=headers) as http:
        for what in ("frames", "frames?from=1", "export?as=txt", "frames"):
            response = await http.get(f"/v1/sessions/{ID}/{what}")
            assert problem(response).detail == "the ledger can not be written: the disk is full"
            assert response.status_code == 503
            assert b"hello" not in response.content
        assert (await http.get(f"/v1/sessions/{ID}/recording")).status_code == 200


async def test_a_crash_tells_nothing(house: House) -> None:
    async def crash(token: str, peer: object) -> Any:
        raise RuntimeError(f"secret inside: {token}")

    transport = with_other(house, identify=crash)
    async with httpx2.AsyncClient(transport=transport, base_url="http://x") as http:
        response = await http.get("/v1/me", headers={"Authorization": "Bearer token-of-alba"})
    assert response.status_code == 500
    told = problem(response)
    assert told.detail == "the gateway made a mistake; its log says more"
    assert "secret" not in response.text
    assert "token-of-alba" not in response.text


def check_described(path: str, described_as: dict[str, Any]) -> None:
    answers = described_as["responses"]
    assert {"401", "422", "503"} <= set(answers), path
    assert {"200", "204"} & set(answers), path
    for status, answer in answers.items():
        if (path, status) == ("/v1/login/token", "400"):
            assert list(answer["content"]) == ["application/json"], "as OAuth has it"
        elif not status.startswith("2"):
            assert list(answer["content"]) == ["application/problem+json"]
    assert described_as.get("description"), path


async def test_openapi(http: httpx2.AsyncClient) -> None:
    described = (await http.get("/v1/openapi.json")).json()
    assert described["info"] == {"title": "hoop gateway", "version": "1.2.3"}
    assert described["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    open_to_all = set()
    for path, methods in described["paths"].items():
        for described_as in methods.values():
            check_described(path, described_as)
            if "security" not in described_as:
                open_to_all.add(path)
            else:
                assert described_as["security"] == [{"HTTPBearer": []}]
    assert open_to_all == {f"/v1/login/{way}" for way in ("device", "token", "password", "exchange")}
    assert "HTTPValidationError" not in described["components"]["schemas"]


PATHS = ["/v1/me", "/v1/sessions", "/v1/sessions/{}", "/v1/sessions/{}/recording", "/v1/sessions/{}/frames"]


async def test_fuzzed_questions_never_crash(auditor: httpx2.AsyncClient, house: House) -> None:
    await house.record(ID)
    values = st.one_of(st.text(max_size=12), st.integers().map(str), st.floats().map(str))
    names = st.sampled_from(["state", "person", "target", "limit", "from", "limit_bytes", "as"])
    asked: list[tuple[str, str, list[tuple[str, str]]]] = []

    @settings(max_examples=100, deadline=None, database=None)
    @given(st.sampled_from(PATHS), st.text(max_size=10), st.lists(st.tuples(names, values), max_size=4))
    def collect(path: str, id: str, params: list[tuple[str, str]]) -> None:
        asked.append((path, id, params))

    collect()
    for path, id, params in asked:
        part = "".join(f"%{byte:02x}" for byte in id.encode()) or ID
        response = await auditor.get(path.format(part), params=urlencode(params))
        assert response.status_code in (200, 404, 409, 422), (path, id, params)


def test_importing_the_schema_imports_nothing_else_of_ours() -> None:
    assert schema.__file__ is not None
    rooms = ("frames", "impact", "requests", "reviews")
    parts = {f"gateway.api.schema_{name}" for name in rooms}
    files = [Path(schema.__file__), *(Path(schema.__file__).with_name(f"{name[12:]}.py") for name in parts)]
    for file in files:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)} - parts
        assert not any(name.startswith(("gateway", "fastapi", "starlette")) for name in modules)


async def test_every_answer_says_that_it_is_not_to_be_kept(
    auditor: httpx2.AsyncClient, api: FastAPI, house: House
) -> None:
    await house.record(ID)
    for what in ("/v1/me", "/v1/sessions", f"/v1/sessions/{ID}/frames", f"/v1/sessions/{ID}/export?as=txt"):
        response = await auditor.get(what)
        assert response.status_code == 200
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"


async def test_who_hangs_up_in_the_middle_is_no_mistake_of_the_gateway(
    line: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        place = line.base_url
        _reader, writer = await asyncio.open_connection(place.host, place.port)
        head = f"POST /v1/requests/7QF-2KM4/claim HTTP/1.1\r\nHost: {place.host}\r\n"
        head += "Authorization: Bearer token-of-alba\r\n"
        writer.write(f'{head}Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{{"ver'.encode())
        await writer.drain()
        await asyncio.sleep(0.2)
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(0.3)
        assert (await line.get("/nowhere")).status_code == 404
    assert [record.getMessage() for record in caplog.records] == []
