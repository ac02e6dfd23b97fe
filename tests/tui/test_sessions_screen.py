"""The sessions screen: it stays current, keeps its cursor, filters at the gateway, and says what is wrong."""

from datetime import timedelta

import pytest
from textual.events import Key
from textual.widgets import Input

from gateway.api.schema import FeedEvent, Me, RecordingState, SessionState
from hoop_tui.demo import NOW, FakeGateway, demo_gateway
from hoop_tui.errors import NotSignedIn, Unreachable
from hoop_tui.replay.emulator import EmulatorFailed
from hoop_tui.scenery import Scenery
from hoop_tui.scenes import Scene
from hoop_tui.screens.replay import ReplayScreen
from hoop_tui.screens.sessions import SessionsScreen
from hoop_tui.screens.signin import SignInScreen
from hoop_tui.themes import NAMES
from hoop_tui.widgets.preview import Preview
from hoop_tui.widgets.row_table import RowTable
from tests.tui.conftest import OpenedApp, words


def screen_of(scenery: Scenery) -> SessionsScreen:
    screen = scenery.app.screen
    assert isinstance(screen, SessionsScreen)
    return screen


async def test_live_sessions_come_first(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await scenery.sessions()
        shown = words(scenery.app)
        assert shown.index("3MMD61HV") < shown.index("91XKD0PM") < shown.index("2B8CK4TQ")
        assert "4 live, 10 today" in shown
        assert "* live" in shown


async def test_the_cursor_stays_on_its_session(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await scenery.sessions("s-91XKD0PM")
        ended = gateway.kept["s-77QA4TBN"]
        ended.summary = ended.summary.model_copy(update={"state": SessionState.ENDED, "ended_at": NOW})
        del gateway.kept["s-3MMD61HV"]
        gateway.hint("session", "s-77QA4TBN")
        await scenery.until(lambda: len(screen_of(scenery).sessions) == 9)
        assert screen_of(scenery).chosen == "s-91XKD0PM"
        del gateway.kept["s-91XKD0PM"]
        gateway.hint("session", "s-91XKD0PM")
        await scenery.until(lambda: len(screen_of(scenery).sessions) == 8)
        assert screen_of(scenery).chosen != "s-91XKD0PM"


async def test_many_hints_make_few_questions(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await scenery.sessions()
        before = gateway.asked.count("sessions all")
        for number in range(500):
            gateway.hint("session", f"s-{number}")
        await scenery.until(lambda: gateway.asked.count("sessions all") > before)
        await scenery.pilot.pause(0.5)
        assert (
            gateway.asked.count("sessions all") - before < 20
        )  # five a second, however slow this machine is


async def test_hints_while_the_app_closes_hurt_nothing(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await scenery.sessions()
        app = scenery.app
    app._hear(FeedEvent(topic="session", key="s-1"))
    app.draw_again()
    assert app.screen_stack == []


async def test_an_empty_answer_leaves_the_keyboard_where_it_was(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await scenery.sessions()
        await scenery.press("slash", *"user:zoe", "enter")
        await scenery.until(lambda: not screen_of(scenery).sessions)
        await scenery.press("escape")
        await scenery.until(lambda: len(screen_of(scenery).sessions) > 1)
        first = screen_of(scenery).chosen
        await scenery.press("down")
        await scenery.until(lambda: screen_of(scenery).chosen not in ("", first))


async def test_filters_go_to_the_gateway(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await scenery.sessions()
        await scenery.press("slash", *"user:erin target:web-1 state:ended", "enter")
        await scenery.until(lambda: len(screen_of(scenery).sessions) == 2)
        assert "sessions ended erin web-1" in gateway.asked
        await scenery.press("escape")
        await scenery.until(lambda: len(screen_of(scenery).sessions) == 10)
        await scenery.press("l")
        await scenery.until(lambda: len(screen_of(scenery).sessions) == 4)
        await scenery.press("a")
        await scenery.until(lambda: len(screen_of(scenery).sessions) == 10)


async def test_a_filter_that_is_none_is_explained(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await scenery.sessions()
        asked = list(gateway.asked)
        await scenery.press("slash", *"[red]erin", "enter")
        assert scenery.app.screen.query_one("#filter", Input).display
        notice = next(iter(scenery.app._notifications))
        assert "[red]erin is none of these" in notice.message
        assert not notice.markup
        await scenery.press("escape")
        assert not scenery.app.screen.query_one("#filter", Input).display
        assert [question for question in gateway.asked if question not in asked] == []


async def test_the_app_says_what_is_wrong_and_recovers(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    gateway.failing = Unreachable("There is no gateway at x.")
    async with open_app(gateway) as scenery:
        await scenery.until(lambda: "There is no gateway at x." in words(scenery.app))
        assert "x offline" in words(scenery.app)
        gateway.failing = None
        await scenery.press("r")
        await scenery.sessions()
        await scenery.until(lambda: "bob@example.com" in words(scenery.app))
        assert "There is no gateway" not in words(scenery.app)


async def test_a_token_that_is_no_good_leads_to_the_sign_in(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await scenery.sessions()
        gateway.failing = NotSignedIn("The gateway does not know this token; sign in again.")
        await scenery.press("r")
        await scenery.until(lambda: isinstance(scenery.app.screen, SignInScreen))
        assert "does not know this token" in words(scenery.app)
        await scenery.press("escape")
    assert scenery.app.return_value == 3


async def test_the_preview_follows_a_live_session(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await scenery.sessions("s-77QA4TBN")
        more = Scene().shows("\r\nhoop: approved M2C-7PD by dan@example.com\n").frames[1:]
        gateway.grow("s-77QA4TBN", more)
        await scenery.until(lambda: "approved M2C-7PD" in words(scenery.app))
        gateway.grow("s-77QA4TBN", Scene().exits(0).frames[1:], RecordingState.WHOLE)
        await scenery.press("p")
        assert not scenery.app.screen.query_one(Preview).display
        await scenery.press("p")
        await scenery.until(lambda: "approved M2C-7PD" in words(scenery.app))


async def test_only_the_end_of_a_long_recording_is_fetched(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    scene = Scene()
    for number in range(6000):
        scene.shows(f"line {number}\n")
    gateway.kept["s-0XQ1J5KA"].frames = scene.frames
    async with open_app(gateway) as scenery:
        await scenery.sessions("s-0XQ1J5KA")
        await scenery.until(lambda: "line 5999" in words(scenery.app))
        assert "only its end is drawn" in words(scenery.app)
        assert "frames s-0XQ1J5KA 0" not in gateway.asked


async def test_an_emulator_that_can_not_start_is_told(open_app: OpenedApp) -> None:
    def broken() -> None:
        raise EmulatorFailed("the emulator could not be started")

    async with open_app(emulators=broken) as scenery:
        await scenery.until(lambda: "the emulator could not be started" in words(scenery.app))
        await scenery.press("enter")
        await scenery.until(lambda: isinstance(scenery.app.screen, ReplayScreen))
        await scenery.until(lambda: "can not be shown" in words(scenery.app))
        assert "could not be started" in words(scenery.app)
        await scenery.press("escape")
        screen_of(scenery)


async def test_a_window_that_is_small_or_changes(open_app: OpenedApp) -> None:
    async with open_app(size=(80, 24)) as scenery:
        await scenery.sessions()
        assert not scenery.app.screen.query_one(Preview).display
        for size in ((1, 1), (10, 3), (30, 8), (140, 40), (100, 30), (2, 60)):
            await scenery.pilot.resize_terminal(*size)
            await scenery.pilot.pause()
        await scenery.pilot.resize_terminal(100, 30)
        await scenery.sessions("s-2B8CK4TQ")
        assert "erin@web-1" in words(scenery.app)


async def test_times_in_the_zone_of_the_reader(open_app: OpenedApp, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        async with open_app() as scenery:
            await scenery.sessions()
            assert "2026-11-20 10:42:07Z" in words(scenery.app)
            await scenery.press("t")
            assert "2026-11-20 16:12:07+0530" in words(scenery.app)
            assert "14:42:00" in words(scenery.app)
    finally:
        monkeypatch.undo()
        time.tzset()


async def test_a_length_grows_while_the_session_lives(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await scenery.sessions()
        assert "40:57" in words(scenery.app)
        scenery.clock.pass_seconds(5)
        await scenery.press("t", "t")
        assert "41:02" in words(scenery.app)


async def test_keys_of_the_list(open_app: OpenedApp) -> None:
    async with open_app(size=(100, 24)) as scenery:
        await scenery.sessions("s-5ZR2M8WC")
        table = scenery.app.screen.query_one(RowTable)
        for key, row in (("j", 1), ("down", 2), ("k", 1), ("up", 0), ("up", 0), ("G", 9), ("j", 9), ("g", 0)):
            await scenery.press(key)
            assert table.cursor_row == row
        await scenery.press("pagedown")
        assert table.cursor_row == 9
        await scenery.press("pageup")
        assert table.cursor_row == 0
        await scenery.press("y")
        assert scenery.app.clipboard == "s-5ZR2M8WC"


async def test_a_click_opens_only_the_row_that_was_chosen(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await scenery.sessions("s-5ZR2M8WC")
        await scenery.pilot.click(RowTable, offset=(10, 3))
        assert screen_of(scenery).chosen == "s-91XKD0PM"
        await scenery.pilot.click(RowTable, offset=(10, 3))
        await scenery.until(lambda: isinstance(scenery.app.screen, ReplayScreen))


async def test_a_hundred_thousand_rows(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    row = next(iter(gateway.kept.values()))
    for number in range(100_000):
        id = f"s-{number:08}"
        started = NOW - timedelta(seconds=number)
        kept = type(row)(row.summary.model_copy(update={"id": id, "started_at": started}))
        gateway.kept[id] = kept
    async with open_app(gateway) as scenery:
        await scenery.until(lambda: len(screen_of(scenery).sessions) == 200)
        await scenery.press("G", "g")
        assert "100004 live" in words(scenery.app)


async def test_hints_of_the_gateway_stand_at_the_foot(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    gateway.who = Me(
        person="bob",
        roles=[],
        gateway="demo",
        version="1",
        demo=True,
        hints=["ssh -p 2222 web-1@127.0.0.1", "b"],
    )
    async with open_app(gateway) as scenery:
        await scenery.sessions()
        await scenery.until(lambda: "> ssh -p 2222 web-1@127.0.0.1" in words(scenery.app))
        assert "DEMO" in words(scenery.app)


async def test_f4_goes_where_one_was(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await scenery.sessions()
        await scenery.replay("s-2B8CK4TQ", 60_000_000)
        await scenery.settled_at(60_000_000)
        await scenery.press("f3")
        screen_of(scenery)
        await scenery.press("f4")
        await scenery.until(lambda: isinstance(scenery.app.screen, ReplayScreen) and scenery.app.screen.ready)
        await scenery.settled_at(60_000_000)


async def test_leaving_closes_what_was_opened(open_app: OpenedApp) -> None:
    gateway: FakeGateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await scenery.sessions()
        await scenery.press("q")
    assert scenery.app.return_value == 0
    assert gateway.closed


async def test_keys_typed_in_a_hurry_land_in_the_filter(open_app: OpenedApp) -> None:
    """`:` and `r` mean something else outside of the box, which must have the keys at once."""
    async with open_app() as scenery:
        await scenery.sessions()
        for key in ("slash", *"user:erin", "enter"):
            name = {":": "colon"}.get(key, key)
            assert scenery.app.post_message(Key(name, key if len(key) == 1 else None))
        await scenery.until(lambda: len(screen_of(scenery).sessions) == 2)
        await scenery.press("slash", "slash")
        assert scenery.app.screen.query_one("#filter", Input).value == "/"


async def test_every_theme_there_is_works(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await scenery.sessions()
        assert set(scenery.app.available_themes) == set(NAMES.values())
        for name in scenery.app.available_themes:
            scenery.app.theme = name
            await scenery.pilot.pause()
            assert "77QA4TBN" in words(scenery.app)
