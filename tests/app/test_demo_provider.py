"""The demo's identity provider: what a client and a browser can do there, and what nobody can."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from gateway.api.login_codes import pkce_challenge
from gateway.app.demo_provider import CLIENT, DEVICE_GRANT, PEOPLE, DemoProvider
from gateway.core.errors import Misconfigured, Refused
from gateway.core.secret import Secret
from gateway.identity.oidc.issuer import Issuer
from gateway.identity.oidc.provider import NoLongerVouched, Provider
from tests.api.front import Read
from tests.api.house import HeldClock

SECRET = "secret of the demo: 100% / + ü"
BACK = "http://127.0.0.1:9999/login/callback"
VERIFIER = "v" * 50


@pytest.fixture
async def demo() -> AsyncIterator[DemoProvider]:
    provider = DemoProvider(SECRET)
    await provider.start()
    yield provider
    await provider.stop()


@pytest.fixture
async def http(demo: DemoProvider) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=demo.url) as client:
        yield client


def asks(**changed: str) -> dict[str, str]:
    asked = {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": BACK,
        "state": "the-state",
        "nonce": "the-nonce",
        "scope": "openid email groups",
        "code_challenge": pkce_challenge(VERIFIER),
        "code_challenge_method": "S256",
    }
    return asked | changed


async def choose(http: httpx2.AsyncClient, person: str = "alice", **changed: str) -> httpx2.URL:
    """Click on a person; where the browser goes then."""
    page = Read(await http.get("/authorize", params=asks(**changed)))
    assert "Nobody asks for a password here." in page.text
    answer = await http.post("/choose", data={**page.forms[0].fields, "person": person})
    assert answer.status_code == 303
    return httpx2.URL(answer.headers["location"])


async def token(http: httpx2.AsyncClient, **fields: str) -> httpx2.Response:
    return await http.post("/token", data={"client_id": CLIENT, "client_secret": SECRET, **fields})


async def redeem(http: httpx2.AsyncClient, code: str, **changed: str) -> httpx2.Response:
    sent = {"code": code, "redirect_uri": BACK, "code_verifier": VERIFIER} | changed
    return await token(http, grant_type="authorization_code", **sent)


@pytest.mark.parametrize("person", PEOPLE)
async def test_everybody_by_code(http: httpx2.AsyncClient, demo: DemoProvider, person: Any) -> None:
    url = await choose(http, person.subject)
    assert str(url).startswith(f"{BACK}?")
    assert (url.params["state"], url.params["iss"]) == ("the-state", demo.url)
    said = (await redeem(http, url.params["code"])).json()
    keys = KeySet.import_key_set((await http.get("/jwks")).json())
    claims = jwt.decode(said["id_token"], keys, algorithms=["ES256"]).claims
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (demo.url, CLIENT, "the-nonce")
    assert (claims["sub"], claims["email"], claims["groups"]) == (
        person.subject,
        person.email,
        list(person.groups),
    )
    bearer = {"Authorization": f"Bearer {said['access_token']}"}
    assert (await http.get("/userinfo", headers=bearer)).json() == person.claims()
    assert (await redeem(http, url.params["code"])).json() == {"error": "invalid_grant"}, "good once"


async def test_the_gateway_as_its_client(demo: DemoProvider, http: httpx2.AsyncClient) -> None:
    """With the checks that every real provider has to stand."""

    async def secret() -> Secret:
        return Secret(SECRET)

    clock = HeldClock(datetime.now(UTC))
    client = Provider(Issuer("demo", demo.url, CLIENT, secret), clock)
    journey = await client.begin(BACK)
    page = Read(await http.get(journey.url))
    answer = await http.post("/choose", data={**page.forms[0].fields, "person": "bob"})
    vouched = await client.finish(journey, httpx2.URL(answer.headers["location"]).params)
    assert (vouched.subject, vouched.name) == ("bob", "bob@example.com")
    assert vouched.groups == frozenset({"dba"})
    assert vouched.refresh is not None
    again = await client.refresh(vouched.refresh, "bob")
    assert again.refresh is not None
    with pytest.raises(NoLongerVouched):
        await client.refresh(vouched.refresh, "bob")  # each is good once
    demo.forget("bob")
    with pytest.raises(NoLongerVouched):
        await client.refresh(again.refresh, "bob")
    device = await client.begin_device()
    page = Read(await http.get(device.verification_uri_complete))
    assert device.user_code in page.text
    assert "Done" in Read(await http.post("/choose", data={**page.forms[0].fields, "person": "carol"})).text
    clock.move(timedelta(seconds=device.interval))
    found = await client.poll_device(device)
    assert found is not None
    assert found.subject == "carol"
    said_no = await client.begin(BACK)
    page = Read(await http.get(said_no.url))
    answer = await http.post("/choose", data={**page.forms[0].fields, "person": ""})
    with pytest.raises(Refused, match="you or it said no"):
        await client.finish(said_no, httpx2.URL(answer.headers["location"]).params)
    await client.aclose()


@pytest.mark.parametrize(
    "changed",
    [
        {"code": "nosuch"},
        {"code_verifier": "w" * 50},
        {"code_verifier": ""},
        {"redirect_uri": BACK + "/x"},
    ],
)
async def test_a_code_of_somebody_else(http: httpx2.AsyncClient, changed: dict[str, str]) -> None:
    url = await choose(http)
    answer = await redeem(http, **{"code": url.params["code"], **changed})
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_grant"})


@pytest.mark.parametrize(
    "credentials",
    [
        {"client_secret": "wrong"},
        {"client_secret": ""},
        {"client_id": "other", "client_secret": SECRET},
    ],
)
async def test_another_client(http: httpx2.AsyncClient, credentials: dict[str, str]) -> None:
    url = await choose(http)
    answer = await redeem(http, url.params["code"], **credentials)
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
    for header in ("Basic !!!", "Basic aG9vcDp3cm9uZw==", "Bearer x", "Basic"):
        refused = await http.post(
            "/token", data={"grant_type": "refresh_token"}, headers={"Authorization": header}
        )
        assert refused.status_code == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "other"},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": "http://127.0.0.1@evil.example:80/"},
        {"redirect_uri": ""},
    ],
)
async def test_an_address_that_is_not_trusted_is_not_gone_to(
    http: httpx2.AsyncClient, wrong: dict[str, str]
) -> None:
    page = Read(await http.get("/authorize", params=asks(**wrong)))
    assert page.status == 400
    assert page.forms == []


@pytest.mark.parametrize(
    "wrong",
    [{"response_type": "token"}, {"code_challenge_method": "plain"}, {"code_challenge": ""}],
)
async def test_without_pkce_nobody_is_asked(http: httpx2.AsyncClient, wrong: dict[str, str]) -> None:
    answer = await http.get("/authorize", params=asks(**wrong))
    assert httpx2.URL(answer.headers["location"]).params["error"] == "invalid_request"


async def test_a_page_is_good_once(http: httpx2.AsyncClient) -> None:
    page = Read(await http.get("/authorize", params=asks()))
    fields = {**page.forms[0].fields, "person": "alice"}
    assert (await http.post("/choose", data=fields)).status_code == 303
    for sent in (fields, {}, {"page": "x", "person": "alice"}):
        assert (await http.post("/choose", data=sent)).status_code == 400


async def test_nobody_is_a_way_back(http: httpx2.AsyncClient) -> None:
    for person in ("", "nosuch"):
        url = await choose(http, person)
        assert url.params["error"] == "access_denied"
        assert "code" not in url.params


async def test_the_device_flow(http: httpx2.AsyncClient) -> None:
    client = {"client_id": CLIENT, "client_secret": SECRET}
    assert (await http.post("/device_authorization", data={"client_id": CLIENT})).status_code == 401
    said = (await http.post("/device_authorization", data=client)).json()
    poll = {"grant_type": DEVICE_GRANT, "device_code": said["device_code"]}
    assert (await token(http, **poll)).json() == {"error": "authorization_pending"}
    typed = said["user_code"].lower().replace("-", "")
    page = Read(await http.get("/device", params={"user_code": typed}))
    await http.post("/choose", data={**page.forms[0].fields, "person": "bob"})
    assert "id_token" in (await token(http, **poll)).json()
    assert (await token(http, **poll)).json() == {"error": "access_denied"}
    for code in (said["user_code"], "0000-0000", "x"):
        assert "not known here" in Read(await http.get("/device", params={"user_code": code})).text
    declined = (await http.post("/device_authorization", data=client)).json()
    page = Read(await http.get(declined["verification_uri_complete"]))
    await http.post("/choose", data={**page.forms[0].fields, "person": ""})
    poll["device_code"] = declined["device_code"]
    assert (await token(http, **poll)).json() == {"error": "access_denied"}


async def test_what_is_not_known(http: httpx2.AsyncClient) -> None:
    assert (await token(http, grant_type="password")).json() == {"error": "unsupported_grant_type"}
    assert (await token(http)).json() == {"error": "unsupported_grant_type"}
    assert (await token(http, grant_type="refresh_token", refresh_token="x")).json() == {
        "error": "invalid_grant"
    }
    for bearer in ("", "Bearer x", "x"):
        assert (await http.get("/userinfo", headers={"Authorization": bearer})).status_code == 401


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "localhost", "example.com", ""])
def test_it_listens_on_loopback_only(host: str) -> None:
    with pytest.raises(Misconfigured, match="listens on loopback"):
        DemoProvider(SECRET, host)


async def test_each_start_has_its_own_key() -> None:
    seen = set()
    for host in ("127.0.0.1", "::1"):
        demo = DemoProvider(SECRET, host)
        async with httpx2.AsyncClient(base_url=await demo.start()) as http:
            [key] = (await http.get("/jwks")).json()["keys"]
            assert "d" not in key
            seen.add(key["kid"])
        await demo.stop()
    assert len(seen) == 2
