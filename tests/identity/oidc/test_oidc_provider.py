"""Sign-in at a stock provider (npm's oidc-provider): by browser, by code, with refresh and rotation, and its end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from gateway.core.errors import Fault, Refused
from gateway.core.secret import Secret
from gateway.identity.oidc.claims import Vouched
from gateway.identity.oidc.issuer import Issuer
from gateway.identity.oidc.journey import DeviceJourney
from gateway.identity.oidc.provider import NoLongerVouched, Provider
from tests.identity.oidc.conftest import CALLBACK
from tests.idp.browser import Browser
from tests.idp.running import RunningIdp, running_idp

pytestmark = [pytest.mark.interop, pytest.mark.needs("node", "npm")]

SECRET = "s+e c%r:et"
TOLD = {"client_id": "hoop", "client_secret": SECRET, "redirect_uris": [CALLBACK]}


async def client_secret() -> Secret:
    return Secret(SECRET)


class RealClock:
    """The system's clock, and a monotonic one that can be put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> Any:
        from datetime import UTC, datetime

        return datetime.now(UTC)

    def monotonic_us(self) -> int:
        return int((asyncio.get_running_loop().time() + self.ahead) * 1_000_000)


class Place:
    """A running provider, and the gateway's view of it."""

    def __init__(self, idp: RunningIdp, **settings: Any) -> None:
        self.idp = idp
        self.clock = RealClock()
        usual = {"client_id": "hoop", "client_secret": client_secret}
        self.provider = Provider(Issuer("corp", idp.issuer, **{**usual, **settings}), self.clock)

    async def signs_in(self, person: str) -> Vouched:
        async with Browser() as browser:
            journey = await self.provider.begin(CALLBACK)
            await browser.open(journey.url)
            await browser.submit(login=person, password="anything")
            await browser.submit(until=CALLBACK)
            return await self.provider.finish(journey, browser.query)

    async def answers_code(self, journey: DeviceJourney, person: str) -> None:
        async with Browser() as browser:
            await browser.open(journey.verification_uri)
            await browser.submit(user_code=journey.user_code)
            await browser.submit(confirm="yes")
            await browser.submit(login=person, password="anything")
            await browser.submit()
            assert "Sign-in Success" in browser.page


StartIdp = Callable[..., Place]


@pytest.fixture
async def start() -> AsyncIterator[StartIdp]:
    """Starts a provider; `idp` are its own settings, the rest is the gateway's."""
    async with AsyncExitStack() as stack:

        def begun(idp: dict[str, Any] | None = None, **settings: Any) -> Place:
            place = Place(stack.enter_context(running_idp({**TOLD, **(idp or {})})), **settings)
            stack.push_async_callback(place.provider.aclose)
            return place

        yield begun


@pytest.fixture
def own_place(start: StartIdp) -> Place:
    """For a test that changes things at the provider."""
    return start()


@pytest.fixture(scope="module")
def shared_idp() -> Iterator[RunningIdp]:
    with running_idp(TOLD) as idp:
        yield idp


@pytest.fixture
async def place(shared_idp: RunningIdp) -> AsyncIterator[Place]:
    place = Place(shared_idp)
    yield place
    await place.provider.aclose()


async def test_by_browser(place: Place) -> None:
    await place.provider.check()
    person = await place.signs_in("alice")
    assert (person.issuer, person.subject) == (place.idp.issuer, "alice")
    assert (person.name, person.email) == ("alice@example.com", "alice@example.com")
    assert person.groups == frozenset({"sre", "Dev Ops"})
    assert person.refresh is not None


async def test_with_everything_in_the_token(start: StartIdp) -> None:
    place = start({"in_id_token": True})
    person = await place.signs_in("alice")
    assert person.groups == frozenset({"sre", "Dev Ops"})


async def test_the_answer_says_who_it_is_from(shared_idp: RunningIdp) -> None:
    place = Place(shared_idp, shares_callback=True)
    assert (await place.signs_in("alice")).subject == "alice"
    await place.provider.aclose()


async def test_an_address_nobody_verified(place: Place) -> None:
    with pytest.raises(Refused, match=r"^corp has not verified your e-mail address"):
        await place.signs_in("bob")


async def test_groups_that_are_not_said(place: Place) -> None:
    with pytest.raises(Refused, match=r"^corp did not say which groups you are in$"):
        await place.signs_in("carol")
    lax = Place(place.idp, groups_missing="none")
    assert (await lax.signs_in("carol")).groups is None
    await lax.provider.aclose()


async def test_a_person_who_says_no(place: Place) -> None:
    async with Browser() as browser:
        journey = await place.provider.begin(CALLBACK)
        await browser.open(journey.url)
        await browser.open(browser.url + "/abort", CALLBACK)
        with pytest.raises(Refused, match=r"^corp did not sign you in: you or it said no$"):
            await place.provider.finish(journey, browser.query)


async def test_a_code_is_good_once_and_for_its_own_sign_in(place: Place) -> None:
    async with Browser() as browser:
        journey = await place.provider.begin(CALLBACK)
        await browser.open(journey.url)
        await browser.submit(login="alice", password="anything")
        await browser.submit(until=CALLBACK)
        other = await place.provider.begin(CALLBACK)
        with pytest.raises(Refused, match=r"^corp does not accept this answer any more; begin again$"):
            await place.provider.finish(other, {**browser.query, "state": other.state})


async def test_a_wrong_client_secret(shared_idp: RunningIdp) -> None:
    async def wrong() -> Secret:
        return Secret("wrong")

    place = Place(shared_idp, client_secret=wrong)
    with pytest.raises(Fault, match=r"^corp does not accept this gateway as its client"):
        await place.signs_in("alice")
    await place.provider.aclose()


async def test_refresh_until_the_person_is_gone(own_place: Place) -> None:
    first = await own_place.signs_in("alice")
    assert first.refresh is not None
    await own_place.idp.order(groups={"alice": ["now-other"]})
    second = await own_place.provider.refresh(first.refresh, "alice")
    assert second.groups == frozenset({"now-other"})
    assert second.refresh is not None
    assert second.refresh != first.refresh
    await own_place.idp.order(disable="alice")
    with pytest.raises(NoLongerVouched, match=r"^corp no longer vouches for you; sign in again$"):
        await own_place.provider.refresh(second.refresh, "alice")


async def test_a_refresh_token_that_was_used_before_ends_them_all(place: Place) -> None:
    first = await place.signs_in("alice")
    assert first.refresh is not None
    second = await place.provider.refresh(first.refresh, "alice")
    assert second.refresh is not None
    for token in (first.refresh, second.refresh):
        with pytest.raises(NoLongerVouched):
            await place.provider.refresh(token, "alice")


async def test_new_signing_keys_between_two_sign_ins(own_place: Place) -> None:
    assert (await own_place.signs_in("alice")).subject == "alice"
    before = {key.id for key in await own_place.provider._keys.all()}
    await own_place.idp.order(rotate=True)
    assert (await own_place.signs_in("alice")).subject == "alice"
    assert before.isdisjoint({key.id for key in await own_place.provider._keys.all()})


async def test_stopped(own_place: Place) -> None:
    journey = await own_place.provider.begin(CALLBACK)
    own_place.idp.stop()
    with pytest.raises(Fault, match=r"^corp can not be reached$"):
        await own_place.provider.finish(
            journey, {"code": "x", "state": journey.state, "iss": own_place.idp.issuer}
        )
    own_place.clock.ahead = 24 * 3600
    with pytest.raises(Fault, match=r"^corp can not be reached$"):
        await own_place.provider.begin(CALLBACK)
    with pytest.raises(Fault, match=r"^corp can not be reached$"):
        await own_place.provider.check()


async def test_by_code_on_the_providers_page(place: Place) -> None:
    journey = await place.provider.begin_device()
    place.clock.ahead += 5
    assert await place.provider.poll_device(journey) is None
    await place.answers_code(journey, "alice")
    place.clock.ahead += 5
    person = await place.provider.poll_device(journey)
    assert person is not None
    assert (person.subject, person.groups) == ("alice", frozenset({"sre", "Dev Ops"}))
    assert person.refresh is not None
    assert (await place.provider.refresh(person.refresh, "alice")).subject == "alice"


async def test_a_code_that_the_person_turns_down(place: Place) -> None:
    journey = await place.provider.begin_device()
    async with Browser() as browser:
        await browser.open(journey.verification_uri)
        await browser.submit(user_code=journey.user_code)
        await browser.submit(abort="yes")
    place.clock.ahead += 5
    with pytest.raises(Refused, match=r"^corp did not sign you in: you or it said no$"):
        await place.provider.poll_device(journey)


async def test_many_at_once(place: Place) -> None:
    people = await asyncio.gather(*(place.signs_in("alice") for _ in range(5)))
    assert [person.subject for person in people] == ["alice"] * 5
