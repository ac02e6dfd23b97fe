"""Live sessions are paused, told something and ended from the list and from what is watched; nothing by one key."""

import pytest
from textual.widgets import Input

from gateway.api.schema import SessionState
from hoop_tui.demo import NOW, demo_gateway
from hoop_tui.errors import ServerSaid
from hoop_tui.opening import Begin, Manner
from hoop_tui.scenery import Scenery
from hoop_tui.screens.approvals import ApprovalsScreen
from hoop_tui.screens.replay import ReplayScreen
from hoop_tui.screens.sessions import SessionsScreen
from hoop_tui.screens.steering import EndDialog, MessageDialog
from tests.tui.conftest import OpenedApp, words

ALICE = "s-91XKD0PM"
STEERS = ("pause", "resume", "message", "end")


def steered(asked: list[str]) -> list[str]:
    return [question for question in asked if question.split()[0] in STEERS]


def said(scenery: Scenery) -> str:
    return "\n".join(notice.message for notice in scenery.app._notifications)


async def test_pause_and_resume(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await scenery.sessions(ALICE)
        await scenery.press("P")
        await scenery.until(lambda: steered(gateway.asked) == [f"pause {ALICE}"])
        gateway.hint("session", ALICE)
        await scenery.until(lambda: "paused" in words(scenery.app))
        await scenery.press("P")
        await scenery.until(lambda: steered(gateway.asked) == [f"pause {ALICE}", f"resume {ALICE}"])
        assert "types goes on" in said(scenery)


async def test_a_message(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await scenery.sessions(ALICE)
        await scenery.press("m")
        await scenery.until(lambda: isinstance(scenery.app.screen, MessageDialog))
        await scenery.press("enter")
        assert "Say something." in words(scenery.app)
        await scenery.press(*"frozen", "enter")
        await scenery.until(lambda: isinstance(scenery.app.screen, SessionsScreen))
        assert steered(gateway.asked) == [f"message {ALICE} frozen"]


async def test_an_end_takes_two_steps(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await scenery.sessions(ALICE)
        await scenery.press("X")
        await scenery.until(lambda: isinstance(scenery.app.screen, EndDialog))
        await scenery.press(*"lost", "enter", "enter")
        await scenery.until(lambda: isinstance(scenery.app.screen, SessionsScreen))
        assert steered(gateway.asked) == []
        await scenery.press("X")
        await scenery.until(lambda: isinstance(scenery.app.screen, EndDialog))
        assert "alice@example.com" in words(scenery.app)
        await scenery.press(*"lost", "enter", "tab", "enter")
        await scenery.until(lambda: isinstance(scenery.app.screen, SessionsScreen))
        assert steered(gateway.asked) == [f"end {ALICE} lost"]
        assert gateway.kept[ALICE].summary.state is SessionState.KILLED


@pytest.mark.parametrize("key", ["m", "X"])
async def test_escape_changes_nothing(open_app: OpenedApp, key: str) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await scenery.sessions(ALICE)
        await scenery.press(key)
        await scenery.until(lambda: isinstance(scenery.app.screen, EndDialog | MessageDialog))
        await scenery.press("f1", "escape", *"a word", "up", "escape")
        await scenery.until(lambda: isinstance(scenery.app.screen, SessionsScreen))
        assert steered(gateway.asked) == []


async def test_a_session_that_ends_meanwhile(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await scenery.sessions(ALICE)
        await scenery.press("X")
        await scenery.until(lambda: isinstance(scenery.app.screen, EndDialog))
        kept = gateway.kept[ALICE]
        kept.summary = kept.summary.model_copy(update={"state": SessionState.ENDED, "ended_at": NOW})
        gateway.hint("session", ALICE)
        await scenery.until(lambda: "is over" in words(scenery.app))
        assert scenery.app.screen.query_one("#text", Input).disabled
        await scenery.press("tab", "enter")
        await scenery.until(lambda: isinstance(scenery.app.screen, SessionsScreen))
        assert steered(gateway.asked) == []


async def test_what_the_gateway_refuses_is_said_in_the_box(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await scenery.sessions(ALICE)
        await scenery.press("m")
        await scenery.until(lambda: isinstance(scenery.app.screen, MessageDialog))
        gateway.failing = ServerSaid("nobody steers their own session", 403)
        await scenery.press(*"hello", "enter")
        await scenery.until(lambda: "nobody steers their own" in words(scenery.app))
        gateway.failing = None
        await scenery.press("escape", "P")
        gateway.failing = ServerSaid("nobody steers their own session", 403)
        await scenery.press("P")
        await scenery.until(lambda: "nobody steers their own" in said(scenery))


@pytest.mark.parametrize("key", ["P", "m", "X"])
async def test_readonly_changes_nothing_and_says_so(open_app: OpenedApp, key: str) -> None:
    gateway = demo_gateway()
    async with open_app(gateway, manner=Manner(readonly=True)) as scenery:
        await scenery.sessions(ALICE)
        await scenery.press(key)
        await scenery.until(lambda: "--readonly" in said(scenery))
        assert isinstance(scenery.app.screen, SessionsScreen)
        assert steered(gateway.asked) == []


async def test_what_is_over_can_not_be_steered(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await scenery.sessions("s-2B8CK4TQ")
        await scenery.press("X")
        await scenery.until(lambda: "2B8CK4TQ is over." in said(scenery))
        assert isinstance(scenery.app.screen, SessionsScreen)


async def test_what_is_watched_can_be_steered(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await scenery.sessions()
        scenery.app.open_replay("s-77QA4TBN")
        await scenery.until(lambda: isinstance(scenery.app.screen, ReplayScreen) and scenery.app.screen.ready)
        await scenery.press("P")
        await scenery.until(lambda: steered(gateway.asked) == ["pause s-77QA4TBN"])
        await scenery.press("X")
        await scenery.until(lambda: isinstance(scenery.app.screen, EndDialog))
        await scenery.press("escape")


async def test_the_sessions_of_one_person(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await scenery.sessions(ALICE)
        await scenery.press("u")
        await scenery.until(lambda: "sessions all alice@example.com" in gateway.asked)
        screen = scenery.app.screen
        assert isinstance(screen, SessionsScreen)
        await scenery.until(lambda: {each.person for each in screen.sessions} == {"alice@example.com"})


async def test_what_a_person_waits_for(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await scenery.sessions("s-77QA4TBN")
        await scenery.press("A")
        await scenery.until(
            lambda: (
                isinstance(scenery.app.screen, ApprovalsScreen) and scenery.app.screen.chosen == "M2C-7PD3"
            )
        )
        await scenery.press("f3")
        await scenery.sessions("s-2B8CK4TQ")
        await scenery.press("A")
        await scenery.until(lambda: "erin@example.com waits for nothing." in said(scenery))


async def test_it_begins_where_it_was_told_to(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway, begin=Begin("approvals", "alice")) as scenery:
        await scenery.until(
            lambda: isinstance(scenery.app.screen, ApprovalsScreen) and bool(scenery.app.screen.chosen)
        )
        await scenery.press("f3")
        await scenery.sessions(ALICE)
        assert "sessions all alice" in gateway.asked
        assert "sessions all" not in gateway.asked
