"""Sign-in pages and whoever is not the person: stolen addresses and cookies, forms of other sites, second uses."""

import asyncio
from urllib.parse import urlencode

import pytest

from gateway.api.pages.confirming import OVER
from tests.api.front import ALICE, AWAY, Front, Read

YES, NO = "Yes, it is me", "No, stop it"


async def test_only_the_browser_that_started_comes_back(front: Front) -> None:
    """A stolen address of the callback is worth nothing without the cookie, and does not end the person's journey."""
    ring = await front.ring()
    async with front.at() as alice, front.at(AWAY) as thief:
        leaving = await alice.press(await alice.get(f"/d/{ring.code}"), "Sign in with Corp")
        await thief.get("/d")
        await thief.get(f"/d/{ring.code}")
        stolen = await thief.come_back(leaving)
        assert stolen.status == 403
        assert OVER[1:] in stolen.text
        question = await alice.come_back(leaving)
        assert (await thief.get(question.url)).status == 403
        assert (await thief.sent(question, YES)).status_code == 403
        assert await ring.answered(0) is None
        await alice.press(question, YES)
    assert await ring.answered(0) == ALICE


async def test_a_stolen_cookie_alone_confirms_nothing(front: Front) -> None:
    ring = await front.ring()
    async with front.at() as alice, front.at() as thief:
        question = await alice.to_confirm(f"/d/{ring.code}")
        thief.http.cookies = alice.http.cookies
        for id in ("", "x" * 43, "0" * 64):
            for data in ({"answer": "yes"}, {"answer": "yes", "form": "0" * 64}):
                answer = await thief.http.post(f"/login/confirm/{id}", data=data)
                assert answer.status_code in (403, 404)
        token = next(form.fields["form"] for form in (await thief.get(f"/d/{ring.code}")).forms)
        answer = await thief.http.post(question.url, data={"answer": "yes", "form": token})
        assert answer.status_code == 403, "the token of one form does not fit another"
    assert await ring.answered(0) is None


async def test_somebody_elses_sign_in_can_not_be_pushed_into_a_browser(front: Front) -> None:
    """Login CSRF: the attacker's own journey, state and code, opened in the victim's browser."""
    ring = await front.ring()
    async with front.at(AWAY) as attacker, front.at() as victim:
        leaving = await attacker.press(await attacker.get(f"/d/{ring.code}"), "Sign in with Corp")
        for prepared in (False, True):
            if prepared:
                await victim.get(f"/d/{ring.code}")
            page = await victim.come_back(leaving, "code-of-mallory")
            assert page.status == 403
            assert "mallory" not in page.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "https://hoop.example.com.evil.example"},
        {"Origin": "http://hoop.example.com"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "multipart/form-data; boundary=x"},
    ],
)
async def test_a_form_of_another_site_does_nothing(front: Front, headers: dict[str, str]) -> None:
    """Even one that somehow has the token."""
    ring = await front.ring()
    async with front.at() as alice:
        choosing = await alice.get(f"/d/{ring.code}")
        data = {**choosing.forms[0].fields, "issuer": "corp"}
        content = urlencode(data)
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        refused = await alice.http.post(f"/d/{ring.code}", content=content, headers={**kind, **headers})
        assert refused.status_code in (400, 403)
        assert front.desk.said == []
        fine = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
        assert (
            await alice.http.post(f"/d/{ring.code}", content=content, headers={**kind, **fine})
        ).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        "",
        "form",
        "form=a&form=b",
        "%ff=%ff",
        "a=%FF",
        "&".join(f"a{n}=1" for n in range(50)),
        "a=" + "x" * 20_000,
    ],
)
async def test_forms_that_can_not_be_read(front: Front, body: str) -> None:
    ring = await front.ring()
    async with front.at() as alice:
        await alice.get(f"/d/{ring.code}")
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = Read(await alice.http.post(f"/d/{ring.code}", content=body, headers=kind))
    assert answer.status in (400, 403)
    assert "Not signed in" in answer.text


async def test_a_form_without_its_token_or_cookie_does_nothing(front: Front) -> None:
    ring = await front.ring()
    other = await front.ring()
    async with front.at() as alice:
        choosing = await alice.get(f"/d/{ring.code}")
        token = choosing.forms[0].fields["form"]
        tries = [
            {},
            {"form": ""},
            {"form": token[:-1]},
            {"form": "é" * 64},
            {"form": token.upper()},
        ]
        for fields in tries:
            answer = await alice.http.post(f"/d/{ring.code}", data={**fields, "issuer": "corp"})
            assert answer.status_code == 403
        answer = await alice.http.post(f"/d/{other.code}", data={"form": token, "issuer": "corp"})
        assert answer.status_code == 403
        alice.http.cookies.clear()
        answer = await alice.http.post(f"/d/{ring.code}", data={"form": token, "issuer": "corp"})
        assert answer.status_code == 403
    assert front.desk.said == []


async def test_a_state_is_good_once(front: Front) -> None:
    ring = await front.ring()
    async with front.at() as alice:
        leaving = await alice.press(await alice.get(f"/d/{ring.code}"), "Sign in with Corp")
        assert (await alice.come_back(leaving)).status == 200
        for _ in range(2):
            assert (await alice.come_back(leaving)).status == 403
        for state in ("", "x", "0" * 43):
            answer = await alice.get("/login/callback", params={"code": "code-of-alice", "state": state})
            assert answer.status == 403
        assert (await alice.get("/login/callback")).status == 403
    assert len([said for said in front.desk.said if said[0] == "finish"]) == 1


async def test_an_answer_is_good_once(front: Front) -> None:
    ring = await front.ring()
    async with front.at() as alice:
        question = await alice.to_confirm(f"/d/{ring.code}")
        answers = await asyncio.gather(*(alice.sent(question, YES) for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [200, 403, 403, 403]
        assert (await alice.get(question.url)).status == 403
        assert (await alice.sent(question, NO)).status_code == 403
    assert await ring.answered(0) == ALICE
    assert await front.refusals() == []


async def test_two_terminals_in_one_browser(front: Front) -> None:
    one, two = await front.ring("ssh to web-1"), await front.ring("ssh to web-2")
    async with front.at() as alice:
        first = await alice.to_confirm(f"/d/{one.code}")
        second = await alice.to_confirm(f"/d/{two.code}")
        assert "web-2" in (await alice.press(second, YES)).text
        assert await one.answered(0) is None
        assert "web-1" in (await alice.press(first, YES)).text
    assert await one.answered(0) == await two.answered(0) == ALICE


async def test_two_browsers_at_one_code(front: Front) -> None:
    """The first to confirm it is who it is; the second is told that it was used."""
    ring = await front.ring()
    async with front.at() as alice, front.at() as mallory:
        hers = await alice.to_confirm(f"/d/{ring.code}")
        theirs = await mallory.to_confirm(f"/d/{ring.code}", "code-of-mallory")
        assert (await alice.press(hers, YES)).status == 200
        late = await mallory.press(theirs, YES)
    assert late.status == 403
    assert "This code has expired or was used" in late.text
    assert await ring.answered(0) == ALICE
