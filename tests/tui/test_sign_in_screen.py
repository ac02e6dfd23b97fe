"""Signing in inside the app: page, code and picture; what happens afterwards; and gateways that mean no good."""

import asyncio
import json
import re
import socket
import sys
import time
import webbrowser
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import segno

from gateway.api.schema import DeviceCode
from hoop_tui.app import HoopApp
from hoop_tui.client import GatewayClient
from hoop_tui.demo import FakeDesk, FakeGateway, FrozenClock, demo_gateway
from hoop_tui.errors import NotFound, NotSignedIn, ServerSaid, Unreachable
from hoop_tui.login.desk import Desk, HttpDesk
from hoop_tui.login.qr import inverted, qr_lines
from hoop_tui.opening import OpenAt
from hoop_tui.replay.ghostty import GhosttyEmulator
from hoop_tui.scenery import Scenery
from hoop_tui.screens.replay import ReplayScreen
from hoop_tui.screens.sign_in_code import CodeScreen
from hoop_tui.screens.signin import SignInScreen
from hoop_tui.sign_in import SignIn, Token, keep_sign_in
from hoop_tui.widgets.qr import Qr
from tests.tui.conftest import opened, words
from tests.tui.sign_in_double import SignInDouble

GATEWAY = "https://hoop.example.com"


@dataclass
class House:
    """An app in front of gateways that never change, with one desk to sign in at."""

    path: Path
    desk: FakeDesk = field(default_factory=FakeDesk)
    clients: list[FakeGateway] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    def connect(self, gateway: str, token: Token) -> GatewayClient:
        self.tokens.append(token.expose())
        self.clients.append(demo_gateway())
        return self.clients[-1]

    def app(self, sign_in: SignIn | None = None, opening: OpenAt | None = None) -> HoopApp:
        app = HoopApp(
            sign_in=sign_in or SignIn(GATEWAY),
            connect=self.connect,
            desk=lambda gateway: self.desk,
            clock=FrozenClock(),
            emulators=GhosttyEmulator,
            open_at=opening,
        )
        app.sign_in_path = self.path
        return app


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "hoop" / "sign-in.json")


async def at_the_code(scenery: Scenery) -> CodeScreen:
    await scenery.until(lambda: isinstance(scenery.app.screen, CodeScreen))
    screen = scenery.app.screen
    assert isinstance(screen, CodeScreen)
    return screen


def flowing(app: HoopApp) -> str:
    """The words, as if no line were ever too short for them."""
    return re.sub(r"[\s│█▀▄]+", " ", words(app))


def notices(app: HoopApp) -> str:
    return " ".join(notice.message for notice in app._notifications)


async def see(scenery: Scenery, *wanted: str) -> None:
    async with asyncio.timeout(8):
        await scenery.until(lambda: all(each in flowing(scenery.app) for each in wanted))


async def test_confirmed(house: House) -> None:
    async with opened(app=house.app()) as scenery:
        await at_the_code(scenery)
        await see(scenery, f"{GATEWAY}/d/WDJB-MJHT", "WDJB-MJHT", "Time left 05:00")
        house.desk.confirm("left out: auditor - sign in with the browser of this computer")
        await scenery.sessions()
        assert "left out: auditor" in notices(scenery.app)
    assert house.tokens == ["t-demo"]
    facts = json.loads(house.path.read_text())
    assert (facts["gateway"], facts["token"], facts["renewable"]) == (GATEWAY, "t-demo", True)
    assert house.path.stat().st_mode & 0o777 == 0o600


async def test_time_runs_out_and_r_begins_anew(house: House) -> None:
    house.desk.failing = NotSignedIn("expired: nobody confirmed the code in time")
    async with opened(app=house.app()) as scenery:
        await at_the_code(scenery)
        await see(scenery, "expired: nobody confirmed", "r asks for a new code")
        assert not scenery.app.screen.query_one(Qr).display
        house.desk.failing = None
        await scenery.press("r")
        await see(scenery, "Time left 05:00")
        assert "expired" not in words(scenery.app)
        scenery.clock.pass_seconds(61)
        await see(scenery, "Time left 03:59")
        await scenery.press("q")
    assert house.desk.asked == 2
    assert scenery.app.return_value == 3


async def test_a_broken_line_is_tried_again_and_a_no_is_said(house: House) -> None:
    async with opened(app=house.app()) as scenery:
        await at_the_code(scenery)
        await see(scenery, "Time left")
        house.desk.failing = Unreachable("The line broke.")
        await scenery.pilot.pause(1.2)
        assert "Time left" in words(scenery.app)
        house.desk.failing = ServerSaid("denied: the sign-in was declined", 403)
        await see(scenery, "denied: the sign-in was declined")


async def test_a_gateway_without_browsers(house: House) -> None:
    house.desk.failing = NotFound("there is nothing at this address")
    async with opened(app=house.app()) as scenery:
        await scenery.until(lambda: isinstance(scenery.app.screen, SignInScreen))
        await see(scenery, "no sign-in with a browser")


async def test_the_app_goes_on_where_it_was(house: House) -> None:
    sign_in = SignIn(GATEWAY, Token("t-old"))
    async with opened(app=house.app(sign_in)) as scenery:
        await scenery.replay("s-2B8CK4TQ", 30_000_000)
        await scenery.settled_at(30_000_000)
        scenery.app.sign_in_again("The gateway does not know this token; sign in again.")
        await at_the_code(scenery)
        await see(scenery, "does not know this token", "Time left")
        house.desk.confirm()
        await scenery.until(lambda: isinstance(scenery.app.screen, ReplayScreen) and scenery.app.screen.ready)
        await scenery.settled_at(30_000_000)
        await scenery.until(lambda: house.clients[0].closed)
    assert house.tokens == ["t-old", "t-demo"]


async def test_a_token_renewed_by_another_command_is_used(house: House) -> None:
    ends = datetime.now(UTC) + timedelta(hours=9)
    keep_sign_in(house.path, GATEWAY, Token("t-new"), expires_at=ends, renewable=True)
    sign_in = SignIn(GATEWAY, Token("t-old"), ends, kept=True)
    async with opened(app=house.app(sign_in)) as scenery:
        await scenery.sessions()
        scenery.app.sign_in_again("The gateway does not know this token; sign in again.")
        await scenery.sessions()
        assert house.tokens == ["t-old", "t-new"]
        scenery.app.sign_in_again("The gateway does not know this token; sign in again.")
        await at_the_code(scenery)
    assert house.tokens == ["t-old", "t-new"]


async def test_it_can_not_be_kept(house: House) -> None:
    house.path = Path("/proc/self/hoop/sign-in.json")
    house.desk.confirm()
    async with opened(app=house.app()) as scenery:
        await scenery.sessions()
        assert "could not be kept" in notices(scenery.app)


async def test_the_browser_of_this_computer(
    house: House, sign_in_double: SignInDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = tmp_path / "browser"
    fetch.write_text(
        f"#!{sys.executable}\nimport sys, urllib.request\nurllib.request.urlopen(sys.argv[1], timeout=30).read()\n"
    )
    fetch.chmod(0o755)
    monkeypatch.setenv("DISPLAY", ":99")
    monkeypatch.setenv("BROWSER", f"{fetch} %s")
    monkeypatch.setattr(webbrowser, "_tryorder", None)  # it looks for browsers only once
    app = HoopApp(
        sign_in=SignIn(sign_in_double.url),
        connect=house.connect,
        clock=FrozenClock(),
        emulators=GhosttyEmulator,
    )
    app.sign_in_path = house.path
    async with opened(app=app) as scenery:
        await at_the_code(scenery)
        await see(scenery, "Time left")
        await scenery.press("o")
        await scenery.sessions()
    assert house.tokens == [token for token, kind in sign_in_double.good.items() if kind == "login"]
    assert "GET /login" in sign_in_double.paths()


async def test_no_browser_here(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.7 1 10.0.0.8 22")
    async with opened(app=house.app()) as scenery:
        await at_the_code(scenery)
        await scenery.press("o")
        await see(scenery, "There is no browser on this computer")
        await scenery.press("y")
        assert f"Copied: {GATEWAY}/d/WDJB-MJHT" in notices(scenery.app)


@pytest.mark.parametrize("size", [(100, 30), (80, 24), (79, 24), (80, 21), (40, 12), (1, 1), (200, 60)])
async def test_the_picture_is_whole_or_not_there(house: House, size: tuple[int, int]) -> None:
    async with opened(app=house.app(), size=size) as scenery:
        screen = await at_the_code(scenery)
        await scenery.until(lambda: house.desk.asked == 1)
        await scenery.pilot.pause()
        qr = screen.query_one(Qr)
        lines = qr_lines(f"{GATEWAY}/d/WDJB-MJHT")
        assert qr.display == (size[0] >= 75 and size[1] >= 22)
        if qr.display:
            assert (qr.size.width, qr.size.height) == (len(lines[0]), len(lines))
            assert screen.region.contains_region(qr.region)
            assert qr.content.plain.split("\n") == lines
        if size[0] >= 40 and size[1] >= 12:
            assert f"{GATEWAY}/d/WDJB-MJHT" in words(scenery.app).replace("│", "").replace("\n", "")


def test_the_picture_is_the_code() -> None:
    text = f"{GATEWAY}/d/WDJB-MJHT"
    squares = {"█": (1, 1), "▀": (1, 0), "▄": (0, 1), " ": (0, 0)}
    lines = qr_lines(text)
    rows: list[list[int]] = []
    for line in lines:
        upper, lower = zip(*(squares[block] for block in line), strict=True)
        rows += [list(upper), list(lower)]
    wanted = [list(row) for row in segno.make(text, error="l", micro=False).matrix]
    inside = [row[4 : 4 + len(wanted)] for row in rows[4 : 4 + len(wanted)]]
    assert inside == wanted
    assert sum(map(sum, rows)) == sum(map(sum, wanted))
    assert inverted(inverted(lines)) == lines
    assert qr_lines("x" * 5000) == []


HOSTILE = [
    "javascript:alert(1)",
    "file:///etc/passwd",
    "http://hoop.example.com/d/WDJB-MJHT",
    "https://evil.example/d/WDJB-MJHT",
    "https://hoop.example.com.evil.example/d",
    "https://hoop.example.com:8443/d",
    "https://hoop.example.com@evil.example/d",
    "https://x:y@hoop.example.com/d",
    "https://hoop.example.com/\x1b]52;c;eA==\x07",
    "https://hoop.example.com/\u202egnp",
    "https://hoop.example.com/a b",
    "https://hoop.example.com\\@evil.example/",
    "https://[hoop.example.com/",
    "https://hoop.example.com:x/",
    "https://hoop.example.com/" + "x" * 500,
    "//evil.example/d",
    "\thttps://hoop.example.com/d",
]


class HostileDesk(FakeDesk):
    """Sends people elsewhere, or tries to."""

    page = ""
    shown = "WDJB-MJHT"

    async def ask_code(self, host: str) -> DeviceCode:
        code = await super().ask_code(host)
        return code.model_copy(
            update={
                "verification_uri": self.page or code.verification_uri,
                "verification_uri_complete": self.page or code.verification_uri_complete,
                "user_code": self.shown,
            }
        )


@pytest.mark.parametrize("page", HOSTILE)
async def test_nobody_is_sent_elsewhere(house: House, page: str) -> None:
    desk = HostileDesk()
    desk.page = page
    house.desk = desk
    async with opened(app=house.app()) as scenery:
        screen = await at_the_code(scenery)
        await see(scenery, "is not its own")
        assert not screen.query_one(Qr).display
        await scenery.press("y")
        assert notices(scenery.app) == ""
        assert not any(letter in words(scenery.app) for letter in "\x1b\x07\u202e")


@pytest.mark.parametrize("shown", ["", "[@click=app.leave]", "WDJB-MJHT\x1b[2J", "wdjb-mjht", "W" * 5000])
async def test_a_code_that_is_none(house: House, shown: str) -> None:
    desk = HostileDesk()
    desk.shown = shown
    house.desk = desk
    async with opened(app=house.app()) as scenery:
        await at_the_code(scenery)
        await see(scenery, "sent a code that can not be read")


@pytest.mark.parametrize("sentence", ["[/tmp] \x1b]0;x\x07 \u202e", "[@click=app.leave]x[/]", "x" * 9000])
async def test_hostile_sentences(house: House, sentence: str) -> None:
    house.desk.failing = ServerSaid(sentence, 403)
    async with opened(app=house.app()) as scenery:
        await at_the_code(scenery)
        await see(scenery, "r asks for a new code")
        shown = words(scenery.app)
        assert not any(letter in shown for letter in "\x1b\x07\u202e")
        assert isinstance(scenery.app.screen, CodeScreen)


async def test_plain_http_is_for_this_computer_only(house: House) -> None:
    def desk(gateway: str) -> Desk:
        return HttpDesk(gateway)

    app = HoopApp(sign_in=SignIn("http://hoop.example.com"), desk=desk, clock=FrozenClock())
    async with opened(app=app) as scenery:
        await scenery.until(lambda: isinstance(scenery.app.screen, SignInScreen))
        await see(scenery, "Signing in needs https")


async def test_leaving_does_not_wait_for_a_silent_gateway(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        app = HoopApp(sign_in=SignIn(f"http://127.0.0.1:{silent.getsockname()[1]}"), clock=FrozenClock())
        app.sign_in_path = tmp_path / "none"
        begun = time.monotonic()
        async with opened(app=app) as scenery:
            await at_the_code(scenery)
            await see(scenery, "Asking the gateway")
            await scenery.press("q")
        assert time.monotonic() - begun < 8
