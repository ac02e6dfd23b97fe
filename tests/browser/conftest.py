"""A gateway, the demo's provider, and a real browser without a screen."""

import shutil
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from gateway.api.app import build_api
from gateway.api.services import Issuer as Offered
from gateway.api.services import SignIn
from gateway.app.clock import SystemClock
from gateway.app.demo_provider import CLIENT, DemoProvider
from gateway.app.web import WebDoor, listen
from gateway.blobs.local import LocalBlobs
from gateway.core.people import Peer, Principal
from gateway.core.secret import Secret
from gateway.identity.oidc.issuer import Issuer
from gateway.identity.oidc.journey import Journey
from gateway.identity.oidc.provider import Provider
from gateway.session.doorbell import Doorbell
from tests.api.front import MemoryDesk
from tests.api.house import House, WatchedBus
from tests.store.fresh import fresh_ledger

SECRET = "the demo client's secret"


class ProviderDesk(MemoryDesk):
    """Sends people to a real provider; hands out the tokens of tests."""

    def __init__(self, provider: Provider, issuers: Sequence[Offered]) -> None:
        super().__init__(issuers=issuers)
        self._provider = provider

    async def begin(self, issuer: str, callback: str) -> Any:
        return await self._provider.begin(callback)

    async def finish(self, journey: Any, query: Mapping[str, str], browser: Peer) -> Principal:
        assert isinstance(journey, Journey)
        vouched = await self._provider.finish(journey, query)
        return Principal(f"{vouched.issuer}#{vouched.subject}", vouched.name, vouched.groups or frozenset())


@dataclass(frozen=True, slots=True)
class Site:
    """Where browsers go."""

    url: str
    doorbell: Doorbell
    house: House


@pytest.fixture
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    """At 127.0.0.1 like the provider. At ::1, where a test asks for it, the two are foreign sites to a browser."""
    host = getattr(request, "param", "127.0.0.1")
    clock = SystemClock()
    ledger = await fresh_ledger(tmp_path / "ledger.db")
    demo = DemoProvider(SECRET)
    issuer = await demo.start()

    async def secret() -> Secret:
        return Secret(SECRET)

    provider = Provider(Issuer("demo", issuer, CLIENT, secret), clock)
    socket = listen(host, 0, "tests")
    url = f"http://{f'[{host}]' if ':' in host else host}:{socket.getsockname()[1]}"
    house = House(ledger, LocalBlobs(tmp_path / "blobs", reserve_bytes=0), WatchedBus(), clock, tmp_path)  # type: ignore[arg-type]  # real time
    doorbell = Doorbell(ledger, clock, timedelta(minutes=5))
    desk = ProviderDesk(provider, (Offered("demo", "Demo identity provider"),))
    sign_in = SignIn(desk=desk, doorbell=doorbell, public_url=url)
    door = WebDoor(build_api(replace(house.services(), sign_in=sign_in)), socket)
    await door.start()
    yield Site(url, doorbell, house)
    await door.stop()
    await provider.aclose()
    await demo.stop()
    await ledger.close()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """Headless, with nothing of anybody's in it. One for all tests: to start takes it longer than what they do."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
        "--window-size=1100,900",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    driver.set_page_load_timeout(30)
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    """A new window, which sizes and media that a test emulates go away with, and nothing of the tests before."""
    first = chromium.current_window_handle
    chromium.switch_to.new_window("window")
    chromium.set_window_size(1100, 900)
    chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})
    chromium.execute_cdp_cmd("Network.clearBrowserCache", {})
    chromium.get_log("browser")  # type: ignore[no-untyped-call]  # selenium's
    yield chromium
    chromium.close()
    chromium.switch_to.window(first)
