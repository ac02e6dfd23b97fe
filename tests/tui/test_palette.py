"""The palette: what the gateway has, found by name and id; and no name of anybody does anything by itself."""

from collections.abc import Callable

import pytest
from textual.command import CommandList, CommandPalette

from hoop_tui.demo import FakeGateway, demo_gateway
from hoop_tui.errors import Unreachable
from hoop_tui.opening import Manner
from hoop_tui.scenery import Scenery
from hoop_tui.screens.approvals import ApprovalsScreen
from hoop_tui.screens.replay import ReplayScreen
from hoop_tui.screens.sessions import SessionsScreen
from hoop_tui.themes import ANSI
from tests.tui.conftest import OpenedApp, words


async def ask(scenery: Scenery, text: str, *shown: str) -> None:
    """Write into the palette, and wait for its list."""
    await scenery.sessions()
    await scenery.press("colon")
    await scenery.until(lambda: isinstance(scenery.app.screen, CommandPalette))
    for letter in text:
        await scenery.press({"@": "at", ":": "colon", "-": "minus", " ": "space"}.get(letter, letter))
    await scenery.until(
        lambda: (
            all(word in words(scenery.app) for word in shown)
            and bool(scenery.app.screen.query_one(CommandList).option_count)
        )
    )


async def go(scenery: Scenery, there: Callable[[], bool]) -> None:
    await scenery.press("enter")
    await scenery.until(there)


async def test_a_person(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await ask(scenery, "alice", "person   alice@example.com")
        await go(scenery, lambda: "sessions all alice@example.com" in gateway.asked)
        assert isinstance(scenery.app.screen, SessionsScreen)


async def test_a_request(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await ask(scenery, "k4t", "request  K4T-9XA2")
        await go(
            scenery,
            lambda: (
                isinstance(scenery.app.screen, ApprovalsScreen) and scenery.app.screen.chosen == "K4T-9XA2"
            ),
        )


async def test_a_moment_of_a_session(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await ask(scenery, "2b8c@8:39", "session  2b8c@8:39")
        await go(scenery, lambda: isinstance(scenery.app.screen, ReplayScreen) and scenery.app.screen.ready)


async def test_what_is_not_known_is_asked_for(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await scenery.sessions()
        late = gateway.kept["s-0XQ1J5KA"]
        del gateway.kept["s-0XQ1J5KA"]
        await ask(scenery, "")
        gateway.kept["s-0XQ1J5KA"] = late
        await scenery.press(*"0xq1")
        await scenery.until(lambda: "session  0XQ1J5KA" in words(scenery.app))
        assert any(question.startswith("session s-0XQ1") for question in gateway.asked)


async def test_theme_and_readonly(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await ask(scenery, "theme ansi", "Theme", "ansi")
        await go(scenery, lambda: scenery.app.theme == ANSI)
        await ask(scenery, "read-only", "Read-only")
        await go(scenery, lambda: scenery.app.readonly)
        assert "read-only" in words(scenery.app)
        await ask(scenery, "read-only", "Read-only", "off")
        await go(scenery, lambda: not scenery.app.readonly)


async def test_what_was_opened_readonly_stays_so(open_app: OpenedApp) -> None:
    async with open_app(manner=Manner(readonly=True)) as scenery:
        await scenery.sessions()
        assert not [
            each
            for each in scenery.app.get_system_commands(scenery.app.screen)
            if each.title.startswith("Read-only")
        ]


def named(name: str) -> FakeGateway:
    gateway = demo_gateway()
    kept = gateway.kept["s-91XKD0PM"]
    kept.summary = kept.summary.model_copy(update={"person": name, "target": name})
    return gateway


@pytest.mark.parametrize(
    "name", ["Quit", "\x1b]0;Quit\x07Quit\u202e", "[@click=app.leave]Quit[/]", "Read-only"]
)
async def test_a_name_is_no_command(open_app: OpenedApp, name: str) -> None:
    gateway = named(name)
    async with open_app(gateway) as scenery:
        await ask(scenery, "person quit" if "Quit" in name else "person read", "person   ")
        shown = words(scenery.app)
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        await go(scenery, lambda: f"sessions all {name}" in gateway.asked)
        assert scenery.app.return_code is None
        assert not scenery.app.readonly


async def test_without_a_gateway_commands_are_left(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await scenery.sessions()
        gateway.failing = Unreachable("The gateway can not be reached.")
        await ask(scenery, "theme contrast", "Theme", "contrast")
        await scenery.press("escape")
