"""Where the pages send a browser back to: forged addresses, forged requests, and what travels along."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.pages.loopback import PARAMETERS, is_loopback, read
from gateway.core.errors import Refused
from tests.api.front import PUBLIC, Front

GOOD = [
    "http://127.0.0.1:8765/done",
    "http://127.0.0.1:1",
    "http://127.0.0.1:65535/",
    "http://[::1]:8765/done",
    "http://[::1]:8765/a/b_c-d~e",
]

FORGED = [
    "",
    "http://127.0.0.1/done",
    "http://127.0.0.1:/done",
    "http://127.0.0.1:0/done",
    "http://127.0.0.1:65536/done",
    "http://127.0.0.1:99999/done",
    "http://127.0.0.1:080/done",
    "http://127.0.0.1:\uff18765/done",
    "http://127.0.0.1:8765@evil.example/done",
    "http://127.0.0.1:8765:80/done",
    "http://user@127.0.0.1:8765/done",
    "http://127.0.0.1@evil.example:8765/done",
    "http://user:pass@127.0.0.1:8765/done",
    "http://evil.example\\@127.0.0.1:8765/done",
    "http://127.0.0.1:8765\\@evil.example/done",
    "http://127.0.0.1:8765/done\\..\\x",
    "http://localhost:8765/done",
    "http://LOCALHOST:8765/done",
    "http://localhost.evil.example:8765/done",
    "http://127.0.0.1.evil.example:8765/done",
    "http://evil.example:8765/127.0.0.1",
    "http://127.0.0.2:8765/done",
    "http://127.1:8765/done",
    "http://2130706433:8765/done",
    "http://0x7f.0.0.1:8765/done",
    "http://0177.0.0.1:8765/done",
    "http://127.0.0.01:8765/done",
    "http://127.0.0.1.:8765/done",
    "http://0.0.0.0:8765/done",
    "http://[::]:8765/done",
    "http://[0:0:0:0:0:0:0:1]:8765/done",
    "http://[::ffff:127.0.0.1]:8765/done",
    "http://[::1%25eth0]:8765/done",
    "http://[::1].evil.example:8765/done",
    "http://::1:8765/done",
    "https://127.0.0.1:8765/done",
    "HTTP://127.0.0.1:8765/done",
    "ftp://127.0.0.1:8765/done",
    "//127.0.0.1:8765/done",
    "127.0.0.1:8765/done",
    "javascript:alert(1)//http://127.0.0.1:8765/done",
    "data:text/html,http://127.0.0.1:8765/done",
    " http://127.0.0.1:8765/done",
    "http://127.0.0.1:8765/done ",
    "http://127.0.0.1:8765/done\n",
    "http://127.0.0.1:8765/done\r\nSet-Cookie: a=b",
    "http://127.0.0.1:8765/%0d%0aSet-Cookie:%20a=b",
    "http://127.0.0.1:8765/done#fragment",
    "http://127.0.0.1:8765/done?next=evil",
    "http://127.0.0.1:8765/done?code=mine",
    "http://127.0.0.1:8765//evil.example",
    "http://127.0.0.1:8765/../..",
    "http://127.0.0.1:8765/a;b",
    "http://\u2460\u2461\u2466.0.0.1:8765/done",
    "http://127\u30020\u30020\u30021:8765/done",
    "http://127.0.0.1\u200b:8765/done",
    "http:/127.0.0.1:8765/done",
    "http:127.0.0.1:8765/done",
    "http://127.0.0.1:8765/" + "a" * 20_000 + "\x00",
]

ASKED = {
    "response_type": "code",
    "client_id": "hoop-tui",
    "redirect_uri": GOOD[0],
    "state": "12345678",
    "code_challenge": "c" * 43,
    "code_challenge_method": "S256",
}


@pytest.mark.parametrize("uri", GOOD)
def test_addresses_of_this_machine(uri: str) -> None:
    assert is_loopback(uri)


@pytest.mark.parametrize("uri", FORGED)
def test_forged_addresses(uri: str) -> None:
    assert not is_loopback(uri)


@given(st.text(max_size=40), st.integers(0, len(GOOD[0])), st.integers(0, 3))
def test_whatever_is_let_through_is_loopback_to_a_parser_too(extra: str, at: int, cut: int) -> None:
    uri = GOOD[0][:at] + extra + GOOD[0][at + cut :]
    if is_loopback(uri):
        parts = urlsplit(uri)
        assert (parts.scheme, parts.hostname) == ("http", "127.0.0.1")
        assert parts.port
        assert (parts.username, parts.password, parts.query, parts.fragment) == (None, None, "", "")
        assert uri.isascii()


async def test_a_forged_address_is_never_gone_to(front: Front) -> None:
    async with front.at() as browser:
        good = await browser.get("/login", params=ASKED)
        token = good.forms[0].fields["form"]
        for uri in FORGED:
            asked = {**ASKED, "redirect_uri": uri}
            looked = await browser.http.get("/login", params=asked)
            sent = await browser.http.post("/login", data={**asked, "form": token, "issuer": "corp"})
            for answer in (looked, sent):
                assert answer.status_code in (400, 403), uri
                assert "location" not in answer.headers
                assert not uri or uri not in answer.text
                assert "<form" not in answer.text
    assert front.desk.said == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"response_type": "token"},
        {"response_type": "code id_token"},
        {"client_id": "somebody-else"},
        {"client_id": "HOOP-TUI"},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": ""},
        {"code_challenge_method": "s256"},
        {"code_challenge": ""},
        {"code_challenge": "c" * 42},
        {"code_challenge": "c" * 44},
        {"code_challenge": "c" * 42 + "="},
        {"state": ""},
        {"state": "short"},
        {"state": "x" * 513},
        {"state": "12345678\r\nX: y"},
        {"state": '12345678"><script>'},
    ],
)
async def test_a_request_that_is_not_allowed(front: Front, wrong: dict[str, str]) -> None:
    with pytest.raises(Refused, match="in a way that is not allowed here"):
        read({**ASKED, **wrong})
    async with front.at() as browser:
        page = await browser.get("/login", params={**ASKED, **wrong})
        assert page.status == 403
        assert "This sign-in was asked for in a way that is not allowed here" in page.text
        assert page.forms == []


@pytest.mark.parametrize("missing", PARAMETERS)
async def test_nothing_may_be_missing_or_twice(front: Front, missing: str) -> None:
    query = [(name, value) for name, value in ASKED.items() if name != missing]
    async with front.at() as browser:
        assert (await browser.get("/login", params=query)).status == 403
        assert (
            await browser.get("/login", params=[*query, (missing, "a"), (missing, ASKED[missing])])
        ).status == 400
        assert (await browser.get("/login", params=list(ASKED.items()))).status == 200


async def test_hidden_fields_are_checked_again(front: Front) -> None:
    """They come back from the browser, so they may have been changed there."""
    async with front.at() as browser:
        page = await browser.get("/login", params=ASKED)
        for change in ({"redirect_uri": "https://evil.example"}, {"code_challenge_method": "plain"}):
            answer = await browser.press(page, "Sign in with Corp", **change)
            assert answer.status == 403
        assert front.desk.said == []
        assert (await browser.press(page, "Sign in with Corp")).status == 200


async def test_a_state_comes_back_as_it_went(front: Front) -> None:
    state = "abc+/=._~-=="
    async with front.at() as browser:
        page = await browser.get("/login", params={**ASKED, "state": state, "redirect_uri": GOOD[3]})
        question = await browser.come_back(await browser.press(page, "Sign in with Corp"))
        assert "form-action 'self' http:;" in question.headers["content-security-policy"]
        sent = await browser.sent(question, "Yes, it is me")
    assert sent.status_code == 302
    location = sent.headers["location"]
    assert location.startswith("http://[::1]:8765/done?code=")
    assert parse_qs(urlsplit(location).query)["state"] == [state]
    assert parse_qs(urlsplit(location).query)["iss"] == [PUBLIC]


async def test_what_the_provider_refuses_can_be_tried_again(front: Front) -> None:
    """hoop-tui still waits at its port."""
    async with front.at() as browser:
        page = await browser.get("/login", params=ASKED)
        refused = await browser.come_back(await browser.press(page, "Sign in with Corp"), "nobody")
        assert refused.status == 403
        again = await browser.get(refused.links[0])
        question = await browser.come_back(await browser.press(again, "Sign in with Corp"))
        sent = await browser.sent(question, "Yes, it is me")
    assert sent.headers["location"].startswith(f"{ASKED['redirect_uri']}?code=")
