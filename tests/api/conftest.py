"""An API, and clients of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from gateway.api.app import build_api
from gateway.app.web import WebDoor, listen
from gateway.blobs.local import LocalBlobs
from tests.api.front import Front
from tests.api.house import HeldClock, House, WatchedBus
from tests.api.town import Town, a_town
from tests.store.fresh import fresh_ledger


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    clock = HeldClock()
    ledger = await fresh_ledger(tmp_path / "ledger.db", now=clock.now)
    root = tmp_path / "blobs"
    yield House(ledger, LocalBlobs(root, reserve_bytes=0), WatchedBus(), clock, root)
    await ledger.close()


@pytest.fixture
def api(house: House) -> FastAPI:
    return build_api(house.services())


@pytest.fixture
async def http(api: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that has not signed in. Crashes reach it as a stock client sees them."""
    transport = httpx2.ASGITransport(app=api, raise_app_exceptions=False, client=("192.0.2.9", 40000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway.example") as client:
        yield client


@pytest.fixture
async def auditor(http: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """The same client with an auditor's token."""
    http.headers["Authorization"] = "Bearer token-of-alba"
    return http


@pytest.fixture
async def line(api: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A client with a real connection to a real server."""
    door = WebDoor(api, listen("127.0.0.1", 0, "tests"))
    port = await door.start()
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        yield client
    api.state.services.stopping.set()
    await door.stop()


@pytest.fixture
async def town(house: House, tmp_path: Path) -> AsyncIterator[Town]:
    """A whole gateway but for its doors, with people in it."""
    async with a_town(house, tmp_path / "data") as town:
        yield town


@pytest.fixture
async def visitor(town: Town) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the town's API that has not signed in."""
    transport = httpx2.ASGITransport(app=build_api(town.services()), client=("192.0.2.9", 40000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway.example") as client:
        yield client


@pytest.fixture
def front(house: House) -> Front:
    return Front(house)
