"""What the pages are made of: nothing of anybody's becomes markup, nothing is foreign, everybody can read it."""

import base64
import re
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api.pages import look, words
from gateway.api.pages.html import LONGEST, Html, tag, text, value, visible, void
from gateway.core.people import Peer, Principal
from gateway.session.doorbell import Ring
from tests.api.front import AWAY, Front, Read
from tests.api.house import NOON
from tests.api.test_pages_loopback import ASKED

NASTY = (
    "<script>alert(1)</script>\"'><img src=x onerror=y>&amp;"
    "\x00\x1b[31m\r\nX: y\u202egnp\u2028\u200b\ufeff</title></style>"
)


# Text.


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("ssh to web-1", "ssh to web-1"),
        ("José 山田 שלום", "José 山田 שלום"),
        ("a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#x27;"),
        ("a\x00b", "a&lt;U+0000&gt;b"),
        ("a\u202eb", "a&lt;U+202E&gt;b"),
        ("a\u200bb", "a&lt;U+200B&gt;b"),
        ("a\u2066b\u2069", "a&lt;U+2066&gt;b&lt;U+2069&gt;"),
        ("a\tb\n", "a&lt;U+0009&gt;b&lt;U+000A&gt;"),
        ("a\u00a0b\u3000", "a&lt;U+00A0&gt;b&lt;U+3000&gt;"),
        ("\ud800", "&lt;U+D800&gt;"),
        ("\ue000", "&lt;U+E000&gt;"),
        ("e\u0301\u0302\u0303\u0304", "e\u0301\u0302&lt;U+0303&gt;&lt;U+0304&gt;"),
    ],
)
def test_text(raw: str, shown: str) -> None:
    assert text(raw) == shown


@given(st.text(max_size=400))
def test_text_is_never_markup(raw: str) -> None:
    made = text(raw)
    assert not set(made) & set("<>\"'\x00\r\n\u202e")
    made.encode("utf-8")
    if len(raw) <= LONGEST:
        assert made == text(visible(raw)), "what is spelt out stays as it is"


def test_long_text_says_that_it_is_cut() -> None:
    assert text("x" * 301).endswith("x ...")
    assert text("x" * 300) == "x" * 300


def test_children_and_attributes_are_text_unless_they_were_made_here() -> None:
    assert tag("p", "<b>", tag("b", "x"), Html("<i>")) == "<p>&lt;b&gt;<b>x</b><i></p>"
    made = void(
        "input", name="n", value='"><script>', required=True, disabled=False, class_="a b", aria_label=""
    )
    assert made == '<input name="n" value="&quot;&gt;&lt;script&gt;" required class="a b">'
    assert void("input", value="") == '<input value="">'
    assert value("שלום") == "<bdi>שלום</bdi>"


def shape(page: Read) -> list[tuple[str, frozenset[str]]]:
    return [(name, frozenset(attributes)) for name, attributes in page.elements]


@settings(max_examples=40)
@given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=60))
def test_whatever_a_terminal_says_the_page_has_the_same_shape(what: str, client: str) -> None:
    assert shape(question(what, client, what)) == shape(question("ssh to web-1", "OpenSSH", "alice"))


def question(what: str, client: str, name: str) -> Read:
    ring = Ring("WDJB-MJHT", what, Peer(AWAY, 1, client), NOON, NOON + timedelta(minutes=5), None)  # type: ignore[arg-type]  # no bell to ring
    made = words.confirm(
        words.House(name, "https://hoop.example.com"),
        ring,
        Principal("1", name),
        token="t",
        here=AWAY,
        elsewhere=True,
        now=NOON,
        problem="no",
    )
    answer = httpx2.Response(
        made.status_code, content=bytes(made.body), request=httpx2.Request("GET", "https://x/")
    )
    return Read(answer)


# Pages.


async def every_page(front: Front) -> Mapping[str, Read]:
    """One of each kind."""
    ring, far, gone = (
        await front.ring(NASTY, client=NASTY),
        await front.ring(address=AWAY),
        await front.ring(),
    )
    pages: dict[str, Read] = {}
    async with front.at() as alice:
        pages["code"] = await alice.get("/d")
        pages["unknown"] = await alice.get(f"/d/{'<script>'}")
        pages["choose"] = await alice.get(f"/d/{ring.code}")
        pages["wrong password"] = await alice.press(
            pages["choose"], "Sign in with a password", name=NASTY, password=NASTY
        )
        pages["leaving"] = await alice.press(pages["choose"], "Sign in with Lab & <Sons>")
        pages["confirm"] = await alice.come_back(pages["leaving"])
        pages["done"] = await alice.press(pages["confirm"], "Yes, it is me")
        pages["over"] = await alice.get(pages["confirm"].url)
        pages["elsewhere"] = await alice.to_confirm(f"/d/{far.code}")
        pages["wrong code"] = await alice.press(pages["elsewhere"], "Yes, it is me", code=NASTY)
        pages["stopped"] = await alice.press(pages["elsewhere"], "No, stop it")
        pages["refused"] = await alice.to_confirm(f"/d/{gone.code}", "wrong")
        pages["program"] = await alice.get("/login", params=ASKED)
        pages["bad program"] = await alice.get("/login", params={**ASKED, "redirect_uri": NASTY})
        pages["no state"] = await alice.get("/login/callback", params={"state": NASTY, "code": NASTY})
        pages["long"] = await alice.get("/login", params={"state": "x" * 20_000})
        pages["long code"] = await alice.get(f"/d/{'x' * 2000}")
        pages["no token"] = Read(await alice.http.post(f"/d/{gone.code}", data={"issuer": "corp"}))
        front.desk.down = True
        pages["down"] = await alice.press(await alice.get(f"/d/{gone.code}"), "Sign in with Corp")
    async with front.at(AWAY) as robot:
        for _ in range(21):
            pages["too many"] = await robot.get("/d/0000-0000")
    return pages


STATUS = {
    "unknown": 404,
    "wrong password": 403,
    "over": 403,
    "wrong code": 403,
    "refused": 403,
    "bad program": 403,
    "no state": 403,
    "long": 400,
    "long code": 400,
    "no token": 403,
    "down": 503,
    "too many": 429,
}


async def test_every_page(front: Front) -> None:
    pages = await every_page(front)
    for name, page in pages.items():
        assert page.status == STATUS.get(name, 200), name
        check_headers(name, page)
        check_markup(name, page)
        check_readable(name, page)
    assert "<U+202E>gnp" in pages["choose"].text
    assert NASTY[:20] in pages["confirm"].text


def check_headers(name: str, page: Read) -> None:
    headers = page.headers
    assert headers["content-type"] == "text/html; charset=utf-8", name
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert not any(value in headers for value in ("x: y", "set-cookie2"))
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
    style = re.search("<style>(.*?)</style>", page.markup, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(sha256(style[1].encode()).digest()).decode()
    assert policy == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }, name


def check_markup(name: str, page: Read) -> None:
    allowed = (
        "html head meta title style body main footer p h1 div dl dt dd bdi strong form label input button"
    )
    known = set(f"{allowed} a span details summary svg circle path".split())
    for element, attributes in page.elements:
        assert element in known, f"{name}: <{element}>"
        assert not [
            attribute for attribute in attributes if attribute.startswith("on") or attribute == "style"
        ]
        for attribute in ("src", "href", "action", "content"):
            target = attributes.get(attribute) or ""
            foreign = "//" in target or target.lower().startswith(("javascript:", "data:"))
            assert not foreign or name == "leaving", f"{name}: {target}"
    assert "url(" not in look.STYLE
    assert "@import" not in look.STYLE


def check_readable(name: str, page: Read) -> None:
    """For screen readers: language, title, one heading, one main part, a label around each field."""
    count = [element for element, _ in page.elements].count
    assert (count("main"), count("h1"), count("title")) == (1, 1, 1), name
    assert page.title.endswith(" - hoop")
    assert 'lang="en"' in page.markup
    assert 'name="viewport" content="width=device-width, initial-scale=1"' in page.markup, "people may zoom"
    visible_fields = [
        attributes
        for element, attributes in page.elements
        if element == "input" and attributes.get("type") != "hidden"
    ]
    assert len(visible_fields) == len(re.findall(r"<label>[^<]*(?:<span[^<]*</span>)?<input", page.markup)), (
        name
    )
    for sentence in re.findall(r'class="note bad" role="alert"><p>(.*?)</p>', page.markup):
        assert sentence[:1].isupper(), name
        assert sentence.endswith("."), name


# Colours.


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    pairs = [digit * 2 for digit in digits] if len(digits) == 3 else [digits[at : at + 2] for at in (0, 2, 4)]
    parts = [int(pair, 16) / 255 for pair in pairs]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize(
    ("front_colour", "behind", "least"),
    [
        ("ink", "card", 7),
        ("soft", "card", 4.5),
        ("soft", "page", 4.5),
        ("ink", "page", 7),
        ("go-ink", "go", 4.5),
        ("go-ink", "go-over", 4.5),
        ("go", "card", 4.5),
        ("warn-ink", "warn", 4.5),
        ("bad-ink", "bad", 4.5),
        ("field", "card", 3),
        ("good", "card", 3),
        ("bad-line", "card", 3),
    ],
)
def test_colours_can_be_told_apart(mode: str, front_colour: str, behind: str, least: float) -> None:
    """As WCAG 2 counts it."""
    light, _, dark = look.STYLE.partition("@media (prefers-color-scheme: dark)")
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", light if mode == "light" else dark))
    assert contrast(colours[front_colour], colours[behind]) >= least


def test_the_pages_are_small() -> None:
    assert len(look.STYLE) < 6000
    assert Path(look.__file__).with_name("style.css").read_text(encoding="ascii") == look.STYLE
