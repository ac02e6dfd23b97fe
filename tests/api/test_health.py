"""Health: ready only when every organ says so."""

import asyncio

import httpx2
import pytest

from gateway.api import health
from gateway.api.app import build_health
from gateway.api.health import Check
from gateway.api.schema import Health
from gateway.core.errors import Fault
from tests.api.house import House


async def fine() -> None:
    """Nothing to complain about."""


async def broken() -> None:
    raise Fault("the disk for recordings is full")


async def hangs() -> None:
    await asyncio.Event().wait()


async def crashes() -> None:
    raise ZeroDivisionError("secret inside")


async def ask(checks: dict[str, Check], path: str = "/readyz") -> httpx2.Response:
    transport = httpx2.ASGITransport(app=build_health(checks))
    async with httpx2.AsyncClient(transport=transport, base_url="http://admin.example") as http:
        return await http.get(path)


def told(response: httpx2.Response) -> Health:
    return Health.model_validate_json(response.content)


async def test_alive_whatever_is_wrong() -> None:
    response = await ask({"ledger": broken}, "/livez")
    assert (response.status_code, response.text) == (200, "ok")


async def test_ready() -> None:
    response = await ask({"ledger": fine, "recordings": fine})
    assert (response.status_code, told(response)) == (200, Health(ready=True, checks={}))
    for path in ("/readyz?verbose", "/readyz?verbose=1"):
        response = await ask({"ledger": fine, "recordings": fine}, path)
        assert told(response) == Health(ready=True, checks={"ledger": "ok", "recordings": "ok"})


async def test_not_ready_and_why(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(health, "SECONDS_PER_CHECK", 0.05)
    checks: dict[str, Check] = {"a": fine, "b": broken, "c": hangs, "d": crashes}
    failing = {
        "b": "the disk for recordings is full",
        "c": "no answer within 0.05 seconds",
        "d": "its check crashed; the log says more",
    }
    response = await ask(checks)
    assert (response.status_code, told(response)) == (503, Health(ready=False, checks=failing))
    response = await ask(checks, "/readyz?verbose")
    assert told(response).checks == {"a": "ok", **failing}
    assert "ZeroDivisionError" in caplog.text


async def test_real_organs(house: House) -> None:
    checks: dict[str, Check] = {"ledger": house.ledger.check, "recordings": house.blobs.check}
    assert (await ask(checks)).status_code == 200
    house.root.chmod(0o777)
    response = await ask(checks)
    assert response.status_code == 503
    assert list(told(response).checks) == ["recordings"]


async def test_nothing_else_is_there() -> None:
    for path in ("/", "/docs", "/openapi.json", "/v1/me"):
        response = await ask({}, path)
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"
