"""The sign-in of test_oidc_provider.py at other people's providers. `scripts/interop-oidc` gets them, and runs this.

It is not collected with the suite: it needs hundreds of megabytes and minutes.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.core.errors import Fault, Refused
from gateway.core.secret import Secret
from gateway.identity.oidc.claims import Vouched
from gateway.identity.oidc.issuer import Issuer
from gateway.identity.oidc.provider import NoLongerVouched, Provider
from tests.idp.browser import Browser
from tests.idp.keycloak import running_keycloak
from tests.idp.sites import CALLBACK, CLIENT, SECRET, Site
from tests.idp.toolkit import running_toolkit

pytestmark = [pytest.mark.interop, pytest.mark.slow]

STARTS: dict[str, Callable[[Path], AbstractContextManager[Site]]] = {
    "keycloak": running_keycloak,
    "toolkit": running_toolkit,
}


class RealClock:
    """The system's clock, and a monotonic one that is put forward instead of waiting."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_us(self) -> int:
        return int((asyncio.get_running_loop().time() + self.ahead) * 1_000_000)


@pytest.fixture(scope="module", params=STARTS)
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """INTEROP_<NAME> says where what it is started from lies."""
    lies = os.environ.get(f"INTEROP_{request.param.upper()}", "")
    if not lies:
        pytest.skip(f"scripts/interop-oidc was not asked for {request.param}")
    with STARTS[request.param](Path(lies)) as site:
        yield site


async def client_secret() -> Secret:
    return Secret(SECRET)


class Place:
    """The gateway's view of a site."""

    def __init__(self, site: Site, **settings: Any) -> None:
        self.site = site
        self.clock = RealClock()
        usual = {"client_id": CLIENT, "client_secret": client_secret, "scopes": site.scopes}
        self.provider = Provider(Issuer("corp", site.issuer, **{**usual, **settings}), self.clock, seconds=20)

    async def signs_in(self, person: str) -> Vouched:
        async with Browser() as browser:
            journey = await self.provider.begin(CALLBACK)
            await browser.open(journey.url)
            await self.site.log_in(browser, person)
            return await self.provider.finish(journey, browser.query)

    async def by_code(self, person: str, *, allow: bool) -> Vouched:
        journey = await self.provider.begin_device()
        self.clock.ahead += journey.interval
        assert await self.provider.poll_device(journey) is None
        async with Browser() as browser:
            await self.site.answer_code(browser, journey, person, allow=allow)
        while True:
            if (vouched := await self.provider.poll_device(journey)) is not None:
                return vouched
            await asyncio.sleep(0.2)


@pytest.fixture
async def place(site: Site) -> AsyncIterator[Place]:
    place = Place(site)
    yield place
    await place.provider.aclose()


@pytest.fixture
async def device_place(site: Site) -> AsyncIterator[Place]:
    place = Place(site, client_id=site.device_client)
    yield place
    await place.provider.aclose()


async def test_by_browser(place: Place) -> None:
    await place.provider.check()
    person = await place.signs_in("alice")
    assert person.issuer == place.site.issuer
    assert (person.name, person.email) == ("alice@example.com", "alice@example.com")
    assert person.groups == frozenset({"sre", "Dev Ops"})
    assert person.refresh is not None
    assert (await place.signs_in("alice")).subject == person.subject


async def test_two_people_are_two(place: Place) -> None:
    assert (await place.signs_in("alice")).subject != (await place.signs_in("dora")).subject


async def test_an_address_nobody_verified(place: Place) -> None:
    with pytest.raises(Refused, match=r"^corp has not verified your e-mail address"):
        await place.signs_in("bob")


async def test_a_code_of_another_sign_in(place: Place) -> None:
    async with Browser() as browser:
        journey = await place.provider.begin(CALLBACK)
        await browser.open(journey.url)
        await place.site.log_in(browser, "alice")
        other = await place.provider.begin(CALLBACK)
        with pytest.raises(Refused, match=r"^corp does not accept this answer any more; begin again$"):
            await place.provider.finish(other, {**browser.query, "state": other.state})


async def test_a_wrong_client_secret(site: Site) -> None:
    async def wrong() -> Secret:
        return Secret("wrong")

    place = Place(site, client_secret=wrong)
    with pytest.raises(Fault, match=r"^corp does not accept this gateway as its client"):
        await place.signs_in("alice")
    await place.provider.aclose()


async def test_refresh_with_a_new_token_each_time(place: Place) -> None:
    first = await place.signs_in("alice")
    assert first.refresh is not None
    second = await place.provider.refresh(first.refresh, first.subject)
    assert (second.subject, second.name, second.groups) == (first.subject, first.name, first.groups)
    assert second.refresh is not None
    assert second.refresh != first.refresh
    with pytest.raises(NoLongerVouched):
        await place.provider.refresh(first.refresh, first.subject)


async def test_by_code_on_the_providers_page(device_place: Place) -> None:
    if not device_place.site.says_who_by_code:
        with pytest.raises(Fault, match=r"^corp sent no sign-in token$"):
            await device_place.by_code("alice", allow=True)
        return
    person = await device_place.by_code("alice", allow=True)
    assert (person.name, person.groups) == ("alice@example.com", frozenset({"sre", "Dev Ops"}))


async def test_a_code_that_the_person_turns_down(device_place: Place) -> None:
    with pytest.raises(Refused, match=r"^corp did not sign you in: you or it said no$"):
        await device_place.by_code("alice", allow=False)


async def test_new_signing_keys_between_two_sign_ins(place: Place) -> None:
    before = await place.signs_in("alice")
    ids = {key.id for key in await place.provider._keys.all()}
    await place.site.rotate()
    assert (await place.signs_in("alice")).subject == before.subject
    assert ids.isdisjoint({key.id for key in await place.provider._keys.all()})


async def test_somebody_who_is_gone(place: Place) -> None:
    dora = await place.signs_in("dora")
    assert dora.refresh is not None
    await place.site.disable("dora")
    with pytest.raises(NoLongerVouched, match=r"^corp no longer vouches for you; sign in again$"):
        await place.provider.refresh(dora.refresh, dora.subject)


async def test_stopped(place: Place) -> None:
    """The last one: the provider does not come back."""
    await place.provider.check()
    place.site.stop()
    place.clock.ahead = 24 * 3600
    with pytest.raises(Fault, match=r"^corp can not be reached$"):
        await place.provider.begin(CALLBACK)
