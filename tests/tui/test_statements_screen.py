"""The screen of a database session: what a person sees of statements, values and results, and what keys do."""

import json
import time

import pytest

from gateway.api.schema import FrameKind, RecordingState, SessionState, WireFrame
from gateway.recording.statements import mark_again, mark_command, mark_result
from hoop_tui.client import FrameBatch
from hoop_tui.demo import FakeGateway, demo_gateway
from hoop_tui.demo_statements import Statements, look_into_orders
from hoop_tui.errors import Unreachable
from hoop_tui.opening import OpenAt
from hoop_tui.scenery import Scenery
from hoop_tui.screens.help import HelpScreen
from hoop_tui.screens.result import ResultScreen
from hoop_tui.screens.sessions import SessionsScreen
from hoop_tui.screens.statements import StatementsScreen
from hoop_tui.screens.transcript import TranscriptScreen
from hoop_tui.widgets.preview import Preview
from tests.tui.conftest import OpenedApp, words

ID = "s-6DBX3QWA"


def screen_of(scenery: Scenery) -> StatementsScreen:
    assert isinstance(scenery.app.screen, StatementsScreen)
    return scenery.app.screen


async def at_statements(scenery: Scenery, at_us: int | None = None) -> StatementsScreen:
    await scenery.until(
        lambda: isinstance(scenery.app.screen, SessionsScreen) and bool(scenery.app.screen.sessions)
    )
    scenery.app.open_replay(ID, at_us)
    await scenery.until(lambda: isinstance(scenery.app.screen, StatementsScreen) and screen_of(scenery).ready)
    return screen_of(scenery)


def said(scenery: Scenery) -> str:
    return list(scenery.app._notifications)[-1].message


async def test_a_database_session_opens_as_a_list(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await scenery.sessions(ID)
        await scenery.press("enter")
        await scenery.until(
            lambda: isinstance(scenery.app.screen, StatementsScreen) and screen_of(scenery).ready
        )
        shown = words(scenery.app)
        for piece in (
            "pg:appdb PROD",
            "1,211 statements",
            "whole",
            "blocked",
            "approved",
            "error",
            "5,000,000",
        ):
            assert piece in shown
        assert "x 1,204 select total from orders" in shown
        await scenery.press("escape")
        assert isinstance(scenery.app.screen, SessionsScreen)


async def test_the_chosen_statement_is_told_whole(open_app: OpenedApp) -> None:
    async with open_app(size=(110, 50)) as scenery:
        screen = await at_statements(scenery)
        assert screen.chosen == 0
        await scenery.press("j")
        shown = words(scenery.app)
        for piece in (
            "ALLOWED by read-only-hours",
            "select id, name, email, joined",
            "where name ilike $1",
            "'%mar%'",
            "SELECT 4   4 rows   1.8 ms",
            "email (masked)",
            "email 3",
            "as the server sent it",
            "as shown",
            "Marek <U+001B>[31mRed",
            "(null)",
        ):
            assert piece in shown
        assert "\x1b" not in shown
        await scenery.press("j", "j")
        assert "APPROVED by ask-for-deletes, request 7QF-2KM" in words(scenery.app)
        await scenery.press("j")
        assert '42601 syntax error at or near "order"' in words(scenery.app)
        await scenery.press("j")
        assert "60 of 5,000,000 rows kept" in words(scenery.app)
        assert "Enter shows all rows that were kept." in words(scenery.app)


async def test_a_link_opens_at_its_statement(open_app: OpenedApp) -> None:
    async with open_app(opening=OpenAt(ID, 26_500_000)) as scenery:
        await scenery.until(
            lambda: isinstance(scenery.app.screen, StatementsScreen) and screen_of(scenery).ready
        )
        assert screen_of(scenery).chosen == 2
        assert "BLOCKED by write-needs-where" in words(scenery.app)
        await scenery.press("y")
        assert said(scenery) == "Copied: hoop-tui play 6DBX3QWA@0:26.0"
        await scenery.press("escape", "f4")
        await scenery.until(
            lambda: isinstance(scenery.app.screen, StatementsScreen) and screen_of(scenery).ready
        )
        assert screen_of(scenery).chosen == 2


async def test_a_link_waits_until_nothing_covers_the_screen(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await scenery.until(
            lambda: isinstance(scenery.app.screen, SessionsScreen) and bool(scenery.app.screen.chosen)
        )
        sessions = scenery.app.screen
        assert isinstance(sessions, SessionsScreen)
        sessions.page = None  # the list does not know this session: its kind is learnt when it is fetched
        scenery.app.open_replay(ID)
        await scenery.press("f1")
        assert isinstance(scenery.app.screen, HelpScreen)
        await scenery.press("escape")
        await scenery.until(lambda: isinstance(scenery.app.screen, StatementsScreen))


async def test_repeats_unfold_and_fold(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        screen = await at_statements(scenery)
        await scenery.press("space", "G", "k")
        assert screen.chosen == 6
        await scenery.press("space", "j", "j")
        assert screen.chosen == 8
        assert "$ '910002'  select total from orders" in words(scenery.app)
        assert "once more" in words(scenery.app)
        await scenery.press("G")
        assert screen.chosen == 1210
        await scenery.press("k", "space")
        assert screen.chosen == 6
        assert "x 1,204" in words(scenery.app)


@pytest.mark.parametrize(
    ("text", "place", "where"),
    [
        ("IS NULL;", None, ""),
        ("DROP table", 1210, "statement"),
        ("mar%", 1, "$1"),
        ("ines marq", 1, "row 4"),
        ("911100", 1106, "$1"),
        ("select total", 6, "statement"),
    ],
)
async def test_searching(open_app: OpenedApp, text: str, place: int | None, where: str) -> None:
    async with open_app() as scenery:
        screen = await at_statements(scenery)
        await scenery.press("slash")
        screen._box.value = text
        await scenery.press("enter")
        await scenery.until(lambda: bool(scenery.app._notifications))
        if place is None:
            assert said(scenery) == "Nothing in this session has these words."
            assert screen.chosen == 0
        else:
            assert screen.chosen == place
            assert said(scenery) == f"Found in {where} of statement {place + 1:,}."
        assert f"finding {text}" in words(scenery.app)
        await scenery.press("escape")
        assert "finding" not in words(scenery.app)
        assert isinstance(scenery.app.screen, StatementsScreen)


async def test_the_next_and_the_one_before(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        screen = await at_statements(scenery)
        await scenery.press("n")
        assert screen._box.display
        await scenery.press(*"carts", "enter")
        await scenery.until(lambda: screen.chosen == 3)
        await scenery.press("n")
        await scenery.until(lambda: screen.chosen == 1210)
        await scenery.press("n")
        await scenery.until(lambda: screen.chosen == 3)
        await scenery.press("N")
        await scenery.until(lambda: screen.chosen == 1210)


async def test_the_result_on_a_screen_of_its_own(open_app: OpenedApp) -> None:
    async with open_app(size=(80, 24)) as scenery:
        await at_statements(scenery)
        await scenery.press("enter")
        assert said(scenery) == "No rows of this statement were kept."
        await scenery.press("j", "enter")
        await scenery.until(lambda: isinstance(scenery.app.screen, ResultScreen))
        assert "row 1, 4 rows" in words(scenery.app)
        await scenery.press("j", "j")
        assert "row 3, 4 rows" in words(scenery.app)
        await scenery.press("right")
        assert "1 < columns > 0" in words(scenery.app)
        assert "8841" not in words(scenery.app)
        await scenery.press("left", "x")
        await scenery.until(
            lambda: "Marek <U+001B>[31mRed" in words(scenery.app) and "8841" not in words(scenery.app)
        )
        await scenery.press("escape")
        await scenery.until(lambda: "8841" in words(scenery.app))
        await scenery.press("y")
        assert said(scenery) == "Copied the row."
        await scenery.press("escape")
        screen_of(scenery)
        await scenery.press("enter", "f3")
        await scenery.until(lambda: isinstance(scenery.app.screen, SessionsScreen))


async def test_the_cursor_walks_through_many_rows(open_app: OpenedApp) -> None:
    async with open_app(size=(80, 24)) as scenery:
        await at_statements(scenery, 50_000_000)
        await scenery.press("enter")
        await scenery.until(lambda: isinstance(scenery.app.screen, ResultScreen))
        assert "60 of 5,000,000 rows kept" in words(scenery.app)
        await scenery.press("G")
        assert "> 910059" in words(scenery.app)
        await scenery.press("pageup", "g", "pagedown", "k")
        assert "row 19," in words(scenery.app)


async def test_transcript_export_and_copies(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await at_statements(scenery, 10_000_000)
        await scenery.press("c")
        assert said(scenery) == "Copied the statement."
        assert "where name ilike $1" in scenery.app.clipboard
        await scenery.press("T")
        await scenery.until(lambda: isinstance(scenery.app.screen, TranscriptScreen))
        await scenery.until(lambda: "application_name" in words(scenery.app))
        assert f"export {ID} txt" in gateway.asked
        await scenery.press("G", "escape", "e")
        await scenery.until(lambda: "JSON lines" in words(scenery.app))


async def test_times_in_utc_or_local(open_app: OpenedApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC-5:30")
    time.tzset()
    try:
        async with open_app() as scenery:
            await at_statements(scenery)
            assert "08:31:05" in words(scenery.app)
            await scenery.press("t")
            assert "14:01:05" in words(scenery.app)
    finally:
        monkeypatch.undo()
        time.tzset()


def live_gateway(frames: list[WireFrame]) -> FakeGateway:
    gateway = demo_gateway()
    kept = gateway.kept[ID]
    kept.frames, kept.state = frames, RecordingState.LIVE
    kept.summary = kept.summary.model_copy(update={"state": SessionState.LIVE, "ended_at": None})
    return gateway


async def test_a_live_session_grows_while_somebody_watches(open_app: OpenedApp) -> None:
    frames = look_into_orders(2).frames
    gateway = live_gateway(frames[:3])
    async with open_app(gateway) as scenery:
        await scenery.until(
            lambda: isinstance(scenery.app.screen, SessionsScreen) and bool(scenery.app.screen.sessions)
        )
        scenery.app.open_replay(ID)
        await scenery.until(
            lambda: isinstance(scenery.app.screen, StatementsScreen) and screen_of(scenery).ready
        )
        screen = screen_of(scenery)
        assert "* LIVE" in words(scenery.app)
        assert screen.chosen == 1
        gateway.grow(ID, frames[3:7])
        await scenery.until(lambda: screen.chosen == 2)
        await scenery.press("k")
        gateway.grow(ID, frames[7:9])
        await scenery.until(lambda: "4 statements" in words(scenery.app))
        assert screen.chosen == 1
        assert "* LIVE" not in words(scenery.app)
        await scenery.press("G")
        gateway.grow(ID, frames[9:], RecordingState.WHOLE)
        await scenery.until(lambda: "whole" in words(scenery.app))


async def test_an_empty_and_a_running_statement(open_app: OpenedApp) -> None:
    gateway = live_gateway([])
    async with open_app(gateway) as scenery:
        await scenery.until(
            lambda: isinstance(scenery.app.screen, SessionsScreen) and bool(scenery.app.screen.sessions)
        )
        scenery.app.open_replay(ID)
        await scenery.until(lambda: "No statements yet." in words(scenery.app))
        await scenery.press("j", "G", "space", "d", "c", "y", "enter")
        gateway.grow(ID, Statements().asks("select pg_sleep(60)", "select").scene.frames)
        await scenery.until(lambda: "pg_sleep" in words(scenery.app))
        assert " .. " in words(scenery.app)


async def test_a_cut_recording_says_so(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    kept = gateway.kept[ID]
    kept.frames, kept.state, kept.problem = (
        list(kept.frames)[:2],
        RecordingState.CUT,
        "the gateway was stopped",
    )
    async with open_app(gateway) as scenery:
        await at_statements(scenery)
        shown = words(scenery.app)
        assert "CUT" in shown
        assert "This recording ends at 00:00: the gateway was stopped." in shown


async def test_trouble_is_said(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await scenery.until(
            lambda: isinstance(scenery.app.screen, SessionsScreen) and bool(scenery.app.screen.sessions)
        )
        gateway.failing = Unreachable("There is no gateway at hoop.example.com.")
        scenery.app.open_replay(ID)
        await scenery.until(lambda: "This recording can not be shown." in words(scenery.app))
        assert "There is no gateway" in words(scenery.app)


async def test_the_preview_has_the_last_statements(open_app: OpenedApp) -> None:
    async with open_app(size=(100, 40)) as scenery:
        await scenery.sessions(ID)
        preview = scenery.app.screen.query_one(Preview)
        assert (preview.tail.display, preview.view.display) == (True, False)
        shown = words(scenery.app)
        assert "denied" in shown
        assert "drop table carts;" in shown
        assert "last statements" in shown
        await scenery.sessions("s-2B8CK4TQ")
        assert (preview.tail.display, preview.view.display) == (False, True)


async def test_strange_frames_break_nothing(open_app: OpenedApp) -> None:
    hostile = {
        "kind": "command",
        "n": 1,
        "text": "sel\x1b]0;x\x07ect\n\u202e[/bold]",
        "verb": "[red]",
        "state": "\x9b",
    }
    frames = [
        WireFrame(0, FrameKind.MARK, json.dumps(hostile).encode()),
        WireFrame(1, FrameKind.ROWS, b"\0\0\0\1D\0\0\0\x0e\0\1\0\0\0\4\xff\x1b[m"),
        WireFrame(2, FrameKind.MARK, b'{"kind":"columns","n":1,"columns":[{"name":"[/1]"}]}'),
        WireFrame(
            3, FrameKind.MARK, b'{"kind":"result","n":1,"rows":-5,"us":1e99,"tag":null,"masked":{"x":"y"}}'
        ),
        WireFrame(4, FrameKind.ROWS, b"\0"),
        WireFrame(5, FrameKind.EXIT, b"no"),
    ]
    gateway = demo_gateway()
    gateway.kept[ID].frames = frames
    async with open_app(gateway) as scenery:
        await at_statements(scenery)
        shown = words(scenery.app)
        assert "sel<U+001B>]0;x<U+0007>ect" in shown
        assert "<U+202E>[/bold]" in shown
        assert "<U+009B>" in shown
        assert not any(ord(letter) < 32 and letter != "\n" for letter in shown)


class WholeBatches(FakeGateway):
    """As many frames at a time as a gateway sends: about a megabyte of them."""

    async def frames(self, id: str, start: int = 0, wait: float = 0.0) -> FrameBatch:
        frames = list(self.kept[id].frames[start : start + 5000])
        return FrameBatch(frames, start + len(frames), self.kept[id].state)


async def test_a_hundred_thousand_statements_stay_quick(open_app: OpenedApp) -> None:
    frames = [WireFrame(1, FrameKind.MARK, mark_command(1, "select $1", "select", ["1"]))]
    for n in range(2, 100_001):
        frames.append(WireFrame(n, FrameKind.MARK, mark_again(n, 1, [str(n)])))
        frames.append(WireFrame(n, FrameKind.MARK, mark_result(n, "SELECT 1", 1, 30, "ab" * 32, 90)))
    gateway = WholeBatches(demo_gateway().kept)
    gateway.kept[ID].frames = frames
    async with open_app(gateway) as scenery:
        screen = await at_statements(scenery)
        await scenery.until(lambda: screen.index is not None and len(screen.index) == 100_000)
        assert "100,000 statements" in words(scenery.app)
        begun = time.process_time()
        await scenery.press("space", "G", "k", "k", "pageup", "g", "j", "space")
        assert time.process_time() - begun < 5
        assert screen.chosen == 0
