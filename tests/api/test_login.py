"""Signing programs and machines in and out: by device, by the code of a browser, by password, by exchange."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from gateway.api.login_codes import pkce_challenge
from gateway.api.login_limits import PER_ADDRESS
from gateway.core.errors import Refused
from gateway.core.people import Peer, Principal
from gateway.session.doorbell import OPEN_PER_ADDRESS
from tests.api.front import ALICE, AWAY, HOME, PUBLIC, Front

VERIFIER = "verifier-of-43-letters-and-more-0123456789-._~"
REDIRECT = "http://127.0.0.1:8765/done"


async def start(http: httpx2.AsyncClient, **asked: str) -> dict[str, Any]:
    answer = await http.post("/v1/login/device", json={"host": "laptop", "client": "hoop-tui/0.1.0", **asked})
    assert answer.status_code == 200
    said: dict[str, Any] = answer.json()
    return said


async def poll(http: httpx2.AsyncClient, device_code: str) -> httpx2.Response:
    return await http.post("/v1/login/token", json={"grant": "device", "device_code": device_code})


def moved(front: Front, seconds: float) -> None:
    front.house.clock.move(timedelta(seconds=seconds))


# The device flow.


async def test_a_device_is_signed_in_by_a_browser(front: Front) -> None:
    async with front.at() as device, front.at() as browser:
        said = await start(device.http)
        assert said["verification_uri"] == f"{PUBLIC}/d"
        assert said["verification_uri_complete"] == f"{PUBLIC}/d/{said['user_code']}"
        assert (said["expires_in"], said["interval"]) == (300, 5)
        page = await browser.get(f"/d/{said['user_code']}")
        assert "Asks hoop-tui login on laptop" in page.text
        assert "Program hoop-tui/0.1.0" in page.text
        waiting = await poll(device.http, said["device_code"])
        assert waiting.status_code == 400
        assert waiting.json() == {"error": "authorization_pending", "detail": "nobody has confirmed it yet"}
        assert waiting.headers["cache-control"] == "no-store"
        question = await browser.to_confirm(f"/d/{said['user_code']}")
        await browser.press(question, "Yes, it is me")
        moved(front, 5)
        answer = await poll(device.http, said["device_code"])
        assert answer.status_code == 200
        assert answer.json()["person"] == ALICE.name
        assert answer.json()["token"].startswith("hoop_")
        assert front.desk.said[-1] == ("issue", ALICE.name, HOME, "device", HOME)
        moved(front, 5)
        again = await poll(device.http, said["device_code"])
        assert again.json()["error"] == "invalid_grant"
    assert len(front.doorbell) == 0


async def test_who_asks_too_often_has_to_slow_down(front: Front) -> None:
    async with front.at() as device:
        code = (await start(device.http))["device_code"]

        async def error() -> str:
            return str((await poll(device.http, code)).json()["error"])

        assert await error() == "authorization_pending"
        moved(front, 4)
        assert await error() == "slow_down"
        moved(front, 5)
        assert await error() == "slow_down", "the interval is ten seconds now"
        moved(front, 10)
        assert await error() == "slow_down", "and fifteen now"
        moved(front, 20)
        assert await error() == "authorization_pending"
        moved(front, 19.6)
        assert await error() == "authorization_pending", "half a second is the network's"


async def test_slow_down_holds_even_when_it_is_confirmed(front: Front) -> None:
    async with front.at() as device:
        said = await start(device.http)
        await poll(device.http, said["device_code"])
        ring = front.doorbell.look(said["user_code"], Peer(HOME))
        assert ring is not None
        await front.doorbell.answer(ring, ALICE, Peer(HOME))
        assert (await poll(device.http, said["device_code"])).json()["error"] == "slow_down"
        moved(front, 10)
        assert (await poll(device.http, said["device_code"])).status_code == 200


async def test_a_device_that_was_declined(front: Front) -> None:
    async with front.at() as device, front.at() as browser:
        said = await start(device.http)
        await browser.press(await browser.to_confirm(f"/d/{said['user_code']}"), "No, stop it")
        answer = (await poll(device.http, said["device_code"])).json()
        assert answer["error"] == "access_denied"
        assert "stopped in the browser" in answer["detail"]
        moved(front, 5)
        assert (await poll(device.http, said["device_code"])).json()["error"] == "invalid_grant"


async def test_a_device_whose_time_is_over(front: Front) -> None:
    async with front.at() as device:
        said = await start(device.http)
        moved(front, 300)
        assert (await poll(device.http, said["device_code"])).json()["error"] == "expired_token"
        assert (await poll(device.http, said["device_code"])).json()["error"] == "invalid_grant"


async def test_a_device_code_from_another_address_is_over_and_written_down(front: Front) -> None:
    async with front.at() as device, front.at(AWAY) as thief:
        said = await start(device.http)
        stolen = await poll(thief.http, said["device_code"])
        assert stolen.json()["error"] == "invalid_grant"
        assert (await poll(device.http, said["device_code"])).json()["error"] == "invalid_grant"
        assert front.doorbell.look(said["user_code"], Peer(HOME)) is None
    [refusal] = await front.refusals()
    assert refusal["address"] == AWAY


async def test_many_polls_at_once_give_one_token(front: Front) -> None:
    async with front.at() as device:
        said = await start(device.http)
        ring = front.doorbell.look(said["user_code"], Peer(HOME))
        assert ring is not None
        await front.doorbell.answer(ring, ALICE, Peer(HOME))
        answers = await asyncio.gather(*(poll(device.http, said["device_code"]) for _ in range(5)))
        assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400, 400]


async def test_a_locked_person_gets_no_token_and_the_code_is_used_up(front: Front) -> None:
    async with front.at() as device:
        said = await start(device.http)
        ring = front.doorbell.look(said["user_code"], Peer(HOME))
        assert ring is not None
        await front.doorbell.answer(ring, ALICE, Peer(HOME))
        front.desk.locked.add(ALICE.name)
        answer = await poll(device.http, said["device_code"])
        assert answer.json() == {"error": "access_denied", "detail": "alice@example.com is locked"}
        front.desk.locked.clear()
        moved(front, 5)
        assert (await poll(device.http, said["device_code"])).json()["error"] == "invalid_grant"


async def test_too_many_devices_of_one_address(front: Front) -> None:
    async with front.at() as device, front.at(AWAY) as other:
        for _ in range(OPEN_PER_ADDRESS):
            await start(device.http)
        answer = await device.http.post("/v1/login/device", json={})
        assert answer.status_code == 429
        assert answer.headers["retry-after"]
        await start(other.http)


@pytest.mark.parametrize(
    ("host", "what", "shown"),
    [
        ("laptop", "hoop-tui login", "hoop-tui login on laptop"),
        ("", "hoop-tui login", "hoop-tui login"),
        ("https://evil.example/x", "hoop-tui login", "hoop-tui login on https?//evil.example/x"),
        ("<b>x", "hoop-tui login", "hoop-tui login on ?b?x"),
        ("l\u0430ptop", "hoop-tui login", "hoop-tui login on l?ptop"),
        ("\u202egnp", "hoop-tui login", "hoop-tui login on ?gnp"),
        ("laptop", "Your security team asks: confirm at once or lose your account", None),
    ],
)
async def test_what_a_program_says_of_itself(front: Front, host: str, what: str, shown: str | None) -> None:
    async with front.at() as device, front.at() as browser:
        said = await start(device.http, host=host, what=what)
        page = await browser.get(f"/d/{said['user_code']}")
        if shown is None:
            assert "lose your account" not in page.text
        else:
            assert f"Asks {shown} From" in page.text


@pytest.mark.parametrize("host", ["a\nb", "x" * 129, "\x1b[31m"])
async def test_what_is_no_line_is_refused(front: Front, host: str) -> None:
    async with front.at() as device:
        answer = await device.http.post("/v1/login/device", json={"host": host})
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"


# A browser that came back.


def asks(**changed: str) -> dict[str, str]:
    return {
        "response_type": "code",
        "client_id": "hoop-tui",
        "redirect_uri": REDIRECT,
        "state": "state-of-hoop-tui",
        "code_challenge": pkce_challenge(VERIFIER),
        "code_challenge_method": "S256",
        **changed,
    }


async def brought(front: Front, answer: str = "Yes, it is me", **changed: str) -> httpx2.URL:
    """What hoop-tui's own port is told."""
    async with front.at() as browser:
        page = await browser.get("/login", params=asks(**changed))
        assert "hoop-tui on this computer waits for you to sign in." in page.text
        question = await browser.come_back(await browser.press(page, "Sign in with Corp"))
        assert "Let hoop-tui on this computer in as you?" in question.text
        policy = question.headers["content-security-policy"]
        assert "form-action 'self' http://127.0.0.1:8765;" in policy
        sent = await browser.sent(question, answer)
        assert sent.status_code == 302
        return httpx2.URL(sent.headers["location"])


async def redeem(http: httpx2.AsyncClient, **grant: str) -> httpx2.Response:
    filled = {"grant": "code", "code_verifier": VERIFIER, "redirect_uri": REDIRECT, **grant}
    return await http.post("/v1/login/token", json=filled)


async def test_hoop_tui_is_signed_in_by_its_own_browser(front: Front) -> None:
    url = await brought(front)
    assert str(url).startswith(f"{REDIRECT}?code=")
    assert url.params["state"] == "state-of-hoop-tui"
    assert url.params["iss"] == PUBLIC
    async with front.at() as program:
        answer = await redeem(program.http, code=url.params["code"])
        assert answer.status_code == 200
        assert answer.json()["person"] == ALICE.name
        assert front.desk.said[-1] == ("issue", ALICE.name, HOME, "code", "")
        again = await redeem(program.http, code=url.params["code"])
        assert again.json()["error"] == "invalid_grant"


async def test_no_is_told_to_hoop_tui(front: Front) -> None:
    url = await brought(front, "No, stop it")
    assert dict(url.params) == {"error": "access_denied", "state": "state-of-hoop-tui", "iss": PUBLIC}
    [refusal] = await front.refusals()
    assert refusal["actor"] == ALICE.id


@pytest.mark.parametrize(
    "changed",
    [
        {"code_verifier": VERIFIER + "x"},
        {"code_verifier": ""},
        {"code_verifier": "short"},
        {"code_verifier": pkce_challenge(VERIFIER)},
        {"code_verifier": VERIFIER + "\u00e9"},
        {"redirect_uri": "http://127.0.0.1:8766/done"},
        {"redirect_uri": REDIRECT + "/"},
        {"redirect_uri": ""},
    ],
)
async def test_a_code_is_of_use_to_one_program_only(front: Front, changed: dict[str, str]) -> None:
    url = await brought(front)
    async with front.at(AWAY) as thief, front.at() as program:
        stolen = await redeem(thief.http, code=url.params["code"], **changed)
        assert stolen.json()["error"] == "invalid_grant"
        late = await redeem(program.http, code=url.params["code"])
        assert late.json()["error"] == "invalid_grant", "it was used up by the try"
    assert not [said for said in front.desk.said if said[0] == "issue"]


async def test_a_code_is_good_for_a_minute(front: Front) -> None:
    url = await brought(front)
    moved(front, 60)
    async with front.at() as program:
        assert (await redeem(program.http, code=url.params["code"])).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "sent",
    [
        {"grant": "device"},
        {"grant": "device", "device_code": "x" * 43},
        {"grant": "code"},
        {"grant": "code", "code": "x" * 43, "code_verifier": VERIFIER, "redirect_uri": REDIRECT},
    ],
)
async def test_codes_that_nobody_was_given(front: Front, sent: dict[str, str]) -> None:
    async with front.at() as program:
        answer = await program.http.post("/v1/login/token", json=sent)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"


async def test_the_codes_are_not_kept(front: Front) -> None:
    """Only their hashes: whoever reads the memory can not sign in."""
    url = await brought(front)
    async with front.at() as device:
        said = await start(device.http)
    state = front.app.state.login
    kept = repr((state.devices._devices, state.codes._granted))
    assert said["device_code"] not in kept
    assert url.params["code"] not in kept
    assert len(said["device_code"]) == 43


# Passwords and machines.


async def test_passwords(front: Front) -> None:
    async with front.at() as http:
        for given in ({"password": "wrong"}, {"password": front.desk.secret, "name": "nobody"}):
            answer = await http.http.post("/v1/login/password", json={"name": ALICE.name, **given})
            assert answer.status_code == 401
            assert answer.json()["detail"] == "wrong name or password"
        for broken in ({}, {"password": ""}, {"password": None}, {"password": "x" * 2000}):
            answer = await http.http.post("/v1/login/password", json={"name": ALICE.name, **broken})
            assert answer.status_code == 422
        right = {"name": ALICE.name, "password": front.desk.secret}
        answer = await http.http.post("/v1/login/password", json=right)
        assert answer.status_code == 200
        assert front.desk.said[-1] == ("issue", ALICE.name, HOME, "password", "")
        front.desk.locked.add(ALICE.name)
        assert (await http.http.post("/v1/login/password", json=right)).status_code == 401


@pytest.mark.parametrize("at_once", [1, 15])
async def test_guessing_passwords(front: Front, at_once: int) -> None:
    """As many as are too many and not one more, one after another or all at once."""
    async with front.at() as robot, front.at(AWAY) as alice:
        answers: list[int] = []
        while len(answers) < 45:
            tries = [
                robot.http.post("/v1/login/password", json={"name": ALICE.name, "password": f"guess {n}"})
                for n in range(at_once)
            ]
            answers += [answer.status_code for answer in await asyncio.gather(*tries)]
        assert answers.count(401) == PER_ADDRESS
        assert set(answers) == {401, 429}
        assert len([said for said in front.desk.said if said[0] == "password"]) == PER_ADDRESS
        right = {"name": ALICE.name, "password": front.desk.secret}
        refused = await robot.http.post("/v1/login/password", json=right)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) == 600
        assert "try again in 10 minutes" in refused.json()["detail"]
        assert (await alice.http.post("/v1/login/password", json=right)).status_code == 200
        moved(front, 601)
        assert (await robot.http.post("/v1/login/password", json=right)).status_code == 200


async def test_guessing_one_name_from_many_addresses(front: Front) -> None:
    wrong = {"name": ALICE.name, "password": "guess"}
    for number in range(100):
        async with front.at(f"203.0.113.{number}") as robot:
            assert (await robot.http.post("/v1/login/password", json=wrong)).status_code == 401
    async with front.at(AWAY) as robot:
        assert (await robot.http.post("/v1/login/password", json=wrong)).status_code == 429
        spelt = {"name": ALICE.name.upper(), "password": "guess"}
        assert (await robot.http.post("/v1/login/password", json=spelt)).status_code == 429
        other = {"name": "bob@example.com", "password": "guess"}
        assert (await robot.http.post("/v1/login/password", json=other)).status_code == 401


async def test_addresses_of_one_neighbourhood_count_as_one(front: Front) -> None:
    wrong = {"name": "x", "password": "guess"}
    for number in range(PER_ADDRESS):
        async with front.at(f"2001:db8::{number:x}") as robot:
            assert (
                await robot.http.post("/v1/login/password", json={**wrong, "name": f"n{number}"})
            ).status_code == 401
    async with front.at("2001:db8::ffff") as robot:
        assert (await robot.http.post("/v1/login/password", json=wrong)).status_code == 429


async def test_a_crowd_at_one_address_is_turned_away(front: Front) -> None:
    right = {"name": ALICE.name, "password": front.desk.secret}
    async with front.at() as http:
        tries = [http.http.post("/v1/login/password", json=right) for _ in range(40)]
        answers = [answer.status_code for answer in await asyncio.gather(*tries)]
    assert answers.count(200) >= 16
    assert set(answers) <= {200, 429}
    assert not front.app.state.login.turnstile._locks, "nothing of those who have gone is kept"


async def test_machines(front: Front) -> None:
    async with front.at() as http:
        post = http.http.post
        for sent in ({"client_secret": front.desk.secret}, {"subject_token": front.desk.secret}):
            answer = await post("/v1/login/exchange", json={"machine": "deploy-bot", **sent})
            assert answer.status_code == 200
            assert answer.json()["person"] == "deploy-bot"
        for sent in ({}, {"client_secret": "a", "subject_token": "b"}):
            answer = await post("/v1/login/exchange", json={"machine": "deploy-bot", **sent})
            assert answer.status_code == 422
        for _ in range(PER_ADDRESS):
            answer = await post("/v1/login/exchange", json={"machine": "deploy-bot", "client_secret": "no"})
            assert answer.status_code == 401
        answer = await post("/v1/login/exchange", json={"machine": "deploy-bot", "client_secret": "no"})
        assert answer.status_code == 429


SECRETS = {
    "/v1/login/password": {"name": "alice", "password": "canary-7261", "otp": "canary-7261"},
    "/v1/login/exchange": {"machine": "bot", "client_secret": "canary-7261"},
    "/v1/login/token": {"grant": "nosuch", "code": "canary-7261"},
}


@pytest.mark.parametrize("path", SECRETS)
async def test_what_was_sent_is_not_repeated(front: Front, path: str) -> None:
    async with front.at() as http:
        for body in (
            SECRETS[path],
            {**SECRETS[path], "name": 1, "machine": 1, "code_verifier": ["canary-7261"]},
        ):
            assert "canary" not in (await http.http.post(path, json=body)).text
        broken = json.dumps(SECRETS[path])[:-1]
        answer = await http.http.post(path, content=broken, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422
        assert "canary" not in answer.text


# With a token.

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI me@laptop"


@pytest.fixture
def callers(front: Front, monkeypatch: pytest.MonkeyPatch) -> Front:
    """Tokens that say their kind and role: `login.person`."""

    async def identify(token: str, peer: Peer) -> Principal:
        kind, _, role = token.partition(".")
        if not role:
            raise Refused("this token is not known here")
        return Principal("id-1", "ugo", roles=frozenset({role}), token="t-000001", token_kind=kind)

    front.app.state.services = replace(front.services(), identify=identify)
    return front


ANSWERS = {
    ("login.person", "/v1/login/refresh"): 200,
    ("api.person", "/v1/login/refresh"): 403,
    ("machine.person", "/v1/login/refresh"): 403,
    ("database.person", "/v1/login/refresh"): 403,
    ("login.person", "/v1/logout"): 204,
    ("machine.person", "/v1/logout"): 204,
    ("login.person", "/v1/ssh/certificate"): 200,
    ("login.auditor", "/v1/ssh/certificate"): 403,
    ("machine.person", "/v1/ssh/certificate"): 200,
    ("database.person", "/v1/ssh/certificate"): 403,
    ("login.person", "/v1/tokens"): 200,
    ("login.auditor", "/v1/tokens"): 403,
    ("database.person", "/v1/tokens"): 403,
}
BODIES: dict[str, Any] = {
    "/v1/ssh/certificate": {"public_key": KEY, "bind_address": True},
    "/v1/tokens": {"kind": "database", "target": "appdb", "ttl": 60},
}


@pytest.mark.parametrize(("token", "path"), ANSWERS)
async def test_what_each_kind_of_token_is_good_for(callers: Front, token: str, path: str) -> None:
    async with callers.at() as http:
        bearer = {"Authorization": f"Bearer {token}"}
        answer = await http.http.post(path, json=BODIES.get(path), headers=bearer)
    assert answer.status_code == ANSWERS[token, path]
    assert bool(callers.desk.said) is (answer.status_code < 300), (
        "the desk hears of nothing that is not allowed"
    )


async def test_a_certificate_and_a_database_token(callers: Front) -> None:
    async with callers.at() as http:
        http.http.headers["Authorization"] = "Bearer login.person"
        answer = await http.http.post("/v1/ssh/certificate", json=BODIES["/v1/ssh/certificate"])
        assert answer.json()["serial"] == "18446744073709551615"
        assert callers.desk.said[-1] == ("certify", "ugo", KEY, "True")
        refused = await http.http.post("/v1/ssh/certificate", json={"public_key": "none"})
        assert refused.status_code == 403
        assert refused.json()["detail"] == "this is no public key that can be certified"
        await http.http.post("/v1/tokens", json=BODIES["/v1/tokens"])
        assert callers.desk.said[-1] == ("database", "ugo", "appdb", "60")
        refused = await http.http.post("/v1/tokens", json={"target": "nosuch"})
        assert refused.status_code == 403
        for wrong in ({"ttl": -1}, {"kind": "api"}, {"target": ""}):
            answer = await http.http.post("/v1/tokens", json={"target": "appdb", **wrong})
            assert answer.status_code == 422


async def test_without_a_token(front: Front) -> None:
    async with front.at() as http:
        for path in ("/v1/login/refresh", "/v1/logout", "/v1/ssh/certificate", "/v1/tokens"):
            stranger = await http.http.post(path, json={}, headers={"Authorization": "Bearer nobody"})
            assert stranger.status_code == 401
            assert (await http.http.post(path, json={}, headers={"Authorization": ""})).status_code == 401
