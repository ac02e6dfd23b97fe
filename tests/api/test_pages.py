"""The sign-in pages, as people go through them, and as others try to."""

from datetime import timedelta

import httpx2
import pytest

from gateway.api.app import build_api
from gateway.api.pages import words
from gateway.core.errors import Refused
from gateway.session.doorbell import MISSES
from tests.api.front import ALICE, AWAY, HOME, PUBLIC, Front, Read
from tests.api.house import House

YES, NO = "Yes, it is me", "No, stop it"


async def test_a_person_signs_in_and_the_terminal_goes_on(front: Front) -> None:
    ring = await front.ring()
    async with front.at() as alice:
        choosing = await alice.get(f"/d/{ring.code}")
        assert "ssh to web-1" in choosing.text
        assert f"From {HOME}" in choosing.text
        assert "Program OpenSSH_9.2" in choosing.text
        assert "Since just now (12:00 UTC)" in choosing.text
        assert "Good for 5 minutes" in choosing.text
        leaving = await alice.press(choosing, "Sign in with Corp")
        assert leaving.refresh.startswith("https://id.example.com/authorize?state=")
        assert leaving.links == [leaving.refresh]
        question = await alice.come_back(leaving)
        assert "You are alice@example.com." in question.text
        assert f"Let ssh to web-1 from {HOME} in as you?" in question.text
        assert words.ELSEWHERE not in question.text
        assert await ring.answered(0) is None, "nothing happens before the answer"
        done = await alice.press(question, YES)
    assert done.status == 200
    assert "You are signed in" in done.text
    assert "go back to your terminal" in done.text
    assert await ring.answered(0) == ALICE
    assert ring.browser is not None
    assert ring.browser.address == HOME
    assert front.desk.said == [
        ("begin", "corp", f"{PUBLIC}/login/callback"),
        ("finish", "corp", "code-of-alice", HOME),
    ]


async def test_no_stops_it_and_is_written_down(front: Front) -> None:
    ring = await front.ring()
    async with front.at() as alice:
        stopped = await alice.press(await alice.to_confirm(f"/d/{ring.code}"), NO)
    assert "Stopped" in stopped.text
    with pytest.raises(Refused, match="stopped in the browser"):
        await ring.answered(0)
    [refusal] = await front.refusals()
    assert refusal["actor"] == ALICE.id
    assert refusal["address"] == HOME
    assert refusal["reason"] == f"stopped in the browser at {HOME}: the person said no"


async def test_a_password_signs_in_too(front: Front) -> None:
    ring = await front.ring()
    async with front.at() as alice:
        choosing = await alice.get(f"/d/{ring.code}")
        wrong = await alice.press(
            choosing, "Sign in with a password", name="alice@example.com", password="no"
        )
        assert wrong.status == 403
        assert "Wrong name or password." in wrong.text
        assert "ssh to web-1" in wrong.text, "it is the same page, to try again"
        empty = await alice.press(wrong, "Sign in with a password", name="", password="")
        assert "Type your name and your password." in empty.text
        question = await alice.press(
            empty, "Sign in with a password", name="alice@example.com", password=front.desk.secret
        )
        await alice.press(question, YES)
    assert await ring.answered(0) == ALICE


async def test_without_local_people_there_is_no_password_form(front: Front) -> None:
    front.desk.local = False
    ring = await front.ring()
    async with front.at() as alice:
        page = await alice.get(f"/d/{ring.code}")
        assert "assword" not in page.text
        form = page.forms[0]
        data = {**form.fields, "name": "alice@example.com", "password": front.desk.secret, "local": "yes"}
        answer = Read(await alice.http.post(form.action, data=data))
    assert answer.status == 403
    assert "Nobody signs in with a password here." in answer.text
    assert front.desk.said == []


@pytest.mark.parametrize("typed", ["{0}", "{1}", " {1} ", "{2}", "{3}"])
async def test_a_code_is_read_as_people_type_it(front: Front, typed: str) -> None:
    ring = await front.ring()
    code = ring.code
    forms = (code, code.lower(), code.replace("-", ""), code.replace("0", "O").replace("1", "l").lower())
    async with front.at() as alice:
        first = await alice.get("/d")
        assert first.status == 200
        page = await alice.get("/d", params={"code": typed.format(*forms)})
        assert "ssh to web-1" in page.text
        assert page.url == f"{PUBLIC}/d/{code}"
        direct = await alice.get(f"/d/{forms[3]}")
        assert "ssh to web-1" in direct.text


async def test_unknown_used_declined_and_expired_codes_read_the_same(front: Front) -> None:
    used, declined, expired = await front.ring(), await front.ring(), await front.ring()
    await front.doorbell.answer(used, ALICE, used.peer)
    front.doorbell.decline(declined)
    front.house.clock.move(timedelta(minutes=6))
    seen = set()
    async with front.at() as somebody:
        for code in ("0000-0000", used.code, declined.code, expired.code, "not a code", "%00", "x" * 200):
            page = await somebody.get(f"/d/{code}")
            seen.add((page.status, page.markup, tuple(sorted(set(page.headers) - {"content-length"}))))
        assert len(seen) == 1
        assert words.NOT_KNOWN[1:] in page.text
        posted = await somebody.http.post(f"/d/{expired.code}", data={"issuer": "corp"})
        assert (posted.status_code, posted.text) == (page.status, page.markup)
    assert page.status == 404


async def test_guessing_codes_is_counted_by_address(front: Front) -> None:
    ring = await front.ring()
    async with front.at(AWAY) as robot, front.at() as alice:
        for number in range(MISSES):
            assert (await robot.get(f"/d/0000-{number:04}")).status == 404
        turned_away = await robot.get(f"/d/{ring.code}")
        assert turned_away.status == 429
        assert "ssh to web-1" not in turned_away.text
        assert "Too many wrong codes" in turned_away.text
        assert int(turned_away.headers["retry-after"]) > 0
        assert (await alice.get(f"/d/{ring.code}")).status == 200


@pytest.mark.parametrize("kind", ["image", "iframe", "empty", "script"])
async def test_another_site_can_not_guess_in_somebodys_name(front: Front, kind: str) -> None:
    """A page full of pictures, each with another code as its address."""
    ring = await front.ring()
    async with front.at() as alice:
        for number in range(MISSES + 1):
            page = await alice.get(f"/d/0000-{number:04}", headers={"Sec-Fetch-Dest": kind})
            assert page.status == 403
        assert "to be opened by itself" in page.text
        opened = await alice.get(f"/d/{ring.code}", headers={"Sec-Fetch-Dest": "document"})
        assert opened.status == 200


async def test_to_look_changes_nothing(front: Front) -> None:
    """Programs that preview links look at all of them, often."""
    ring = await front.ring()
    before = await front.house.ledger.entries()
    async with front.at(AWAY) as bot:
        for _ in range(30):
            assert (await bot.get(f"/d/{ring.code}")).status == 200
            assert (await bot.http.head(f"/d/{ring.code}")).status_code == 200
            assert (await bot.get("/d")).status == 200
    async with front.at() as alice:
        question = await alice.to_confirm(f"/d/{ring.code}")
        for _ in range(3):
            assert (await alice.get(question.url)).text == question.text
        assert await ring.answered(0) is None
        assert await front.house.ledger.entries() == before
        assert len(front.app.state.pages.visits) == 1
        await alice.press(question, YES)
    assert await ring.answered(0) == ALICE


async def test_from_elsewhere_it_is_said_loudly_and_takes_the_code_of_ones_own_screen(front: Front) -> None:
    ring = await front.ring(address=AWAY)
    async with front.at() as victim:
        question = await victim.to_confirm(f"/d/{ring.code}")
        assert words.ELSEWHERE in question.text
        assert f"It was asked for at {AWAY}, and this browser is at {HOME}." in question.text
        assert ring.code not in question.markup, "who was sent a link does not find the code here"
        assert ring.code not in question.url
        for wrong in ("", "0000-0000"):
            again = await victim.press(question, YES, code=wrong)
            assert again.status == 403
            assert "This is not the code" in again.text
            assert await ring.answered(0) is None
        done = await victim.press(again, YES, code=ring.code.lower().replace("-", " "))
    assert done.status == 200
    assert await ring.answered(0) == ALICE


async def test_three_wrong_codes_stop_it(front: Front) -> None:
    ring = await front.ring(address=AWAY)
    async with front.at() as victim:
        page = await victim.to_confirm(f"/d/{ring.code}")
        for _ in range(3):
            page = await victim.press(page, YES, code="ABCD-EFGH")
        assert "Stopped" in page.text
        assert "tell those who run this gateway" in page.text
    with pytest.raises(Refused):
        await ring.answered(0)
    [refusal] = await front.refusals()
    assert refusal["address"] == AWAY
    assert "wrong codes were typed" in refusal["reason"]


@pytest.mark.parametrize(
    ("asking", "browsing", "elsewhere"),
    [
        ("127.0.0.1", "127.0.0.1", False),
        ("127.0.0.1", "::1", False),
        ("::ffff:127.0.0.1", "127.0.0.1", False),
        ("198.51.100.7", "::ffff:198.51.100.7", False),
        ("2001:db8::1", "2001:db8::ffff", False),
        ("2001:db8::1", "2001:db8:0:1::1", True),
        ("198.51.100.7", "198.51.100.8", True),
        ("127.0.0.1", "198.51.100.7", True),
        ("::1", "2001:db8::1", True),
        ("::2", "::1", False),  # one /64
    ],
)
async def test_what_counts_as_elsewhere(front: Front, asking: str, browsing: str, elsewhere: bool) -> None:
    ring = await front.ring(address=asking)
    async with front.at(browsing) as alice:
        question = await alice.to_confirm(f"/d/{ring.code}")
    assert (words.ELSEWHERE in question.text) is elsewhere


async def test_a_journey_takes_ten_minutes_at_most(front: Front) -> None:
    async with front.at() as alice:
        ring = await front.ring()
        leaving = await alice.press(await alice.get(f"/d/{ring.code}"), "Sign in with Corp")
        front.house.clock.move(timedelta(minutes=10))
        assert (await alice.come_back(leaving)).status == 403


async def test_a_code_that_expires_at_the_provider_lets_nothing_in(front: Front) -> None:
    ring = await front.ring()
    async with front.at() as alice:
        leaving = await alice.press(await alice.get(f"/d/{ring.code}"), "Sign in with Corp")
        question = await alice.come_back(leaving)
        front.house.clock.move(timedelta(minutes=5))
        late = await alice.press(question, YES)
        assert late.status == 403
        assert "expired" in late.text
    with pytest.raises(Refused, match="expired"):
        await ring.answered(0)


async def test_a_terminal_that_went_away_is_not_answered(front: Front) -> None:
    ring = await front.ring()
    async with front.at() as alice:
        question = await alice.to_confirm(f"/d/{ring.code}")
        ring.withdraw()
        assert (await alice.press(question, YES)).status == 403
    assert ring.principal is None


async def test_what_the_provider_refuses(front: Front) -> None:
    ring = await front.ring()
    async with front.at() as alice:
        leaving = await alice.press(await alice.get(f"/d/{ring.code}"), "Sign in with Corp")
        page = await alice.come_back(leaving, "", error="access_denied", error_description="<b>boo</b>")
        assert page.status == 403
        assert "Corp did not sign you in" in page.text
        assert "boo" not in page.markup
        assert page.links == [f"/d/{ring.code}"]
        assert len(front.app.state.pages.visits) == 0
        leaving = await alice.press(await alice.get(page.links[0]), "Sign in with Corp")
        mixed_up = await alice.come_back(leaving, iss="https://other.example")
        assert "another provider" in mixed_up.text
        twice = await alice.press(await alice.get(page.links[0]), "Sign in with Corp")
        query = twice.refresh.partition("?")[2].partition("&")[0]
        again = await alice.get(f"/login/callback?{query}&{query}&code=code-of-alice")
        assert again.status == 400
        assert len([said for said in front.desk.said if said[0] == "finish"]) == 2


async def test_a_provider_that_is_down(front: Front) -> None:
    front.desk.down = True
    ring = await front.ring()
    async with front.at() as alice:
        page = await alice.press(await alice.get(f"/d/{ring.code}"), "Sign in with Corp")
        assert page.status == 503
        assert "Corp did not answer within 5 seconds." in page.text
        front.desk.down = False
        assert (await alice.press(page, "Sign in with Corp")).status == 200


async def test_a_provider_that_is_not_offered(front: Front) -> None:
    ring = await front.ring()
    async with front.at() as alice:
        choosing = await alice.get(f"/d/{ring.code}")
        data = {**choosing.forms[0].fields, "issuer": "nosuch"}
        page = Read(await alice.http.post(f"/d/{ring.code}", data=data))
    assert page.status == 403
    assert "There is no identity provider of this name here." in page.text


async def test_nobody_to_sign_in_with(front: Front) -> None:
    front.desk.issuers, front.desk.local = (), False
    ring = await front.ring()
    async with front.at() as alice:
        page = await alice.get(f"/d/{ring.code}")
    assert "Nobody can sign in here" in page.text


async def test_passwords_are_counted_on_pages_and_in_the_api_together(front: Front) -> None:
    ring = await front.ring()
    async with front.at() as robot, front.at(AWAY) as alice:
        page = await robot.get(f"/d/{ring.code}")
        wrong = {"name": "alice@example.com", "password": "guess"}
        for _ in range(10):
            page = await robot.press(page, "Sign in with a password", **wrong)
            assert page.status == 403
            assert (await robot.http.post("/v1/login/password", json=wrong)).status_code == 401
        right = {"name": "alice@example.com", "password": front.desk.secret}
        page = await robot.press(page, "Sign in with a password", **right)
        assert page.status == 429
        assert "Too many sign-ins have failed; try again in 10 minutes." in page.text
        choosing = await alice.get(f"/d/{ring.code}")
        assert (await alice.press(choosing, "Sign in with a password", **right)).status == 200


async def test_journeys_are_bounded(front: Front) -> None:
    """Of one address, and of all: the oldest is forgotten, and nobody else's."""
    visits = front.app.state.pages.visits
    ring = await front.ring()
    async with front.at() as alice, front.at(AWAY) as robot:
        leaving = await alice.press(await alice.get(f"/d/{ring.code}"), "Sign in with Corp")
        choosing = await robot.get(f"/d/{ring.code}")
        for _ in range(60):
            last = await robot.press(choosing, "Sign in with Corp")
        assert len(visits) == 51
        assert (await alice.come_back(leaving)).status == 200
        assert (await robot.come_back(last)).status == 200


async def test_the_cookie(front: Front, house: House) -> None:
    ring = await front.ring()
    async with front.at() as alice:
        cookie = (await alice.get(f"/d/{ring.code}")).headers["set-cookie"]
        assert cookie.startswith("__Host-hoop-visit=")
        assert {"HttpOnly", "Path=/", "SameSite=lax", "Secure"} <= set(cookie.split("; ")[1:])
        assert "domain" not in cookie.lower()
        assert "set-cookie" not in (await alice.get(f"/d/{ring.code}")).headers
        alice.http.cookies.clear()
        alice.http.headers["Cookie"] = "__Host-hoop-visit=chosen-by-somebody-else"
        assert "set-cookie" in (await alice.get(f"/d/{ring.code}")).headers, "no such cookie is ours"
    plain = Front(house, public_url="http://127.0.0.1:8080")
    ring = await plain.ring(address="127.0.0.1")
    async with plain.at("127.0.0.1") as alice:
        page = await alice.get(f"/d/{ring.code}")
        assert page.headers["set-cookie"].startswith("hoop-visit=")
        assert "Secure" not in page.headers["set-cookie"]
        await alice.press(await alice.to_confirm(f"/d/{ring.code}"), YES)
    assert await ring.answered(0) == ALICE


@pytest.mark.parametrize(
    ("public_url", "origin"),
    [
        ("https://Hoop.Example.com:443", "https://hoop.example.com"),
        ("https://hoop.example.com:8443", "https://hoop.example.com:8443"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
async def test_the_origin_is_what_browsers_call_it(house: House, public_url: str, origin: str) -> None:
    front = Front(house, public_url=public_url)
    ring = await front.ring()
    async with front.at() as alice:
        choosing = await alice.get(f"/d/{ring.code}")
        alice.http.headers["Origin"] = origin
        assert (await alice.press(choosing, "Sign in with Corp")).status == 200
        alice.http.headers["Origin"] = (
            origin.replace("hoop", "evil").replace("127", "126").replace("::1", "::2")
        )
        foreign = await alice.press(choosing, "Sign in with Corp")
        assert foreign.status == 403
        assert f"This page works at {origin} only: open it there." in foreign.text


async def test_without_sign_in_there_are_no_pages(house: House) -> None:
    transport = httpx2.ASGITransport(app=build_api(house.services()))
    async with httpx2.AsyncClient(transport=transport, base_url=PUBLIC) as http:
        for path in ("/d", "/d/WDJB-MJHT", "/login", "/login/callback"):
            assert (await http.get(path)).status_code == 404
        answer = await http.post("/v1/login/device", json={})
        assert answer.status_code == 404
        assert "keys and tokens only" in answer.json()["detail"]


async def test_what_one_provider_sends_is_no_answer_of_another(front: Front) -> None:
    """A provider that is not honest sends a browser on to where another one's answers are taken."""
    ring = await front.ring()
    async with front.at() as alice:
        leaving = await alice.press(await alice.get(f"/d/{ring.code}"), "Sign in with Corp")
        elsewhere = await alice.come_back(leaving, place="/login/callback/lab")
        assert elsewhere.status == 403
        assert (await alice.come_back(leaving)).status == 403, "and it is over"
    assert await ring.answered(0) is None
