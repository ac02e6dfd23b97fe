"""The token's screen: it asks until the gateway knows the token, and never shows it."""

import json
import re
from pathlib import Path

import pytest
from textual.widgets import Input

from hoop_tui.app import HoopApp
from hoop_tui.client import GatewayClient
from hoop_tui.demo import FakeDesk, FrozenClock, demo_gateway
from hoop_tui.errors import NotSignedIn, Unreachable
from hoop_tui.replay.ghostty import GhosttyEmulator
from hoop_tui.scenery import Scenery
from hoop_tui.screens.sessions import SessionsScreen
from hoop_tui.screens.sign_in_code import CodeScreen
from hoop_tui.screens.signin import SignInScreen
from hoop_tui.shots import normal
from hoop_tui.sign_in import SignIn, Token
from tests.tui.conftest import words

CANARY = "t-canary-9c1e"


class Door:
    """Makes clients, and remembers who knocked."""

    def __init__(self) -> None:
        self.knocks: list[tuple[str, str]] = []
        self.good = {CANARY}

    def connect(self, gateway: str, token: Token) -> GatewayClient:
        self.knocks.append((gateway, token.expose()))
        client = demo_gateway()
        if gateway == "https://nowhere.example":
            client.failing = Unreachable("There is no gateway at nowhere.example.")
        elif token.expose() not in self.good:
            client.failing = NotSignedIn("The gateway does not know this token; sign in again.")
        return client


def make(door: Door, sign_in: SignIn, tmp_path: Path) -> HoopApp:
    app = HoopApp(
        sign_in=sign_in, connect=door.connect, desk=FakeDesk, clock=FrozenClock(), emulators=GhosttyEmulator
    )
    app.sign_in_path = tmp_path / "hoop" / "sign-in.json"
    return app


async def ask_for_a_token(scenery: Scenery) -> None:
    await scenery.until(lambda: isinstance(scenery.app.screen, SignInScreen | CodeScreen))
    if isinstance(scenery.app.screen, CodeScreen):
        await scenery.press("u")
    await scenery.until(lambda: isinstance(scenery.app.screen, SignInScreen))


def svg(app: HoopApp) -> str:
    return normal(app.export_screenshot())


async def test_asks_until_the_token_is_good(tmp_path: Path) -> None:
    door = Door()
    app = make(door, SignIn(), tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        scenery = Scenery(app, pilot, FrozenClock())
        await ask_for_a_token(scenery)
        assert app.screen.query_one("#gateway", Input).has_focus
        await scenery.press(*"http://127.0.0.1:1/", "tab", *"t-wrong", "enter")
        await scenery.until(lambda: "does not know this token" in words(app))
        assert app.screen.query_one("#token", Input).value == ""
        await scenery.press(*CANARY)
        assert CANARY not in svg(app)
        await scenery.press("enter")
        await scenery.until(lambda: isinstance(app.screen, SessionsScreen))
        await scenery.sessions()
        assert CANARY not in svg(app)
        assert CANARY not in repr(app.__dict__)
    assert door.knocks == [("http://127.0.0.1:1", "t-wrong"), ("http://127.0.0.1:1", CANARY)]
    assert not (tmp_path / "hoop").exists()


async def test_keeps_the_sign_in_when_asked_to(tmp_path: Path) -> None:
    app = make(Door(), SignIn("https://hoop.example.com"), tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        scenery = Scenery(app, pilot, FrozenClock())
        await ask_for_a_token(scenery)
        assert app.screen.query_one("#token", Input).has_focus
        await scenery.press(*CANARY, "tab", "space")
        assert "[x]" in words(app)
        await scenery.press("tab", "enter")
        await scenery.until(lambda: isinstance(app.screen, SessionsScreen))
    kept = tmp_path / "hoop" / "sign-in.json"
    assert json.loads(kept.read_text()) == {"gateway": "https://hoop.example.com", "token": CANARY}
    assert kept.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("gateway", "token", "sentence"),
    [
        ("ftp://x", "t", "The gateway's address looks like"),
        ("https://nowhere.example", CANARY, "There is no gateway at nowhere.example."),
        ("https://x.example", "two words", "a token has no spaces"),
    ],
)
async def test_one_plain_sentence(gateway: str, token: str, sentence: str, tmp_path: Path) -> None:
    app = make(Door(), SignIn(gateway), tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        scenery = Scenery(app, pilot, FrozenClock())
        await ask_for_a_token(scenery)
        await scenery.press(*token, "enter")
        said = re.escape(sentence).replace(r"\ ", r"\s+")
        await scenery.until(lambda: bool(re.search(said, words(app).replace("│", " "))))
        await scenery.press("escape")
    assert app.return_value == 3


async def test_without_a_token_a_browser_is_next(tmp_path: Path) -> None:
    door = Door()
    app = make(door, SignIn(), tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        scenery = Scenery(app, pilot, FrozenClock())
        await ask_for_a_token(scenery)
        await pilot.press(*"x y", "enter", "enter")
        await scenery.until(lambda: "address looks like" in words(app))
        assert app.screen.query_one("#gateway", Input).has_focus
        app.screen.query_one("#gateway", Input).value = "x.example"
        await pilot.press("enter")
        assert app.screen.query_one("#token", Input).has_focus
        await pilot.press("enter")
        await scenery.until(lambda: "https://x.example/d/WDJB-MJHT" in words(app))
    assert door.knocks == []


async def test_a_sign_in_that_is_there_is_used(tmp_path: Path) -> None:
    door = Door()
    app = make(door, SignIn("https://hoop.example.com", Token(CANARY)), tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        scenery = Scenery(app, pilot, FrozenClock())
        await scenery.sessions()
    assert door.knocks == [("https://hoop.example.com", CANARY)]
