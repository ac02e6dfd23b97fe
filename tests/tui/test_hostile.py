"""Hostile text in every field of every screen: it stays text. Nothing crashes, acts, hides or gets out."""

import json
import re
import unicodedata
from collections.abc import Iterator
from datetime import timedelta

import pytest
from textual.strip import Strip

from gateway.api.schema import FrameKind, Me, RecordingState, SessionState, SessionSummary, WireFrame
from hoop_tui.app import HoopApp
from hoop_tui.demo import NOW, FakeGateway, Kept
from hoop_tui.errors import ServerSaid
from hoop_tui.scenery import Scenery
from hoop_tui.screens.help import HelpScreen
from hoop_tui.screens.replay import ReplayScreen
from hoop_tui.screens.sessions import SessionsScreen
from tests.tui.conftest import OpenedApp
from tests.tui.hostile_corpus import ESC, PAYLOADS


def summary(number: int, payload: str) -> SessionSummary:
    return SessionSummary.model_construct(
        id=f"s-{number:04}{payload}",
        state=list(SessionState)[number % 5],
        person=payload,
        target=payload,
        kind=payload,
        login=payload,
        address=payload,
        client=payload,
        labels={"env": payload, payload: payload},
        started_at=NOW - timedelta(minutes=number),
        ended_at=None,
        outcome=payload,
        commands=10**12,
        blocked=10**12,
        held=1,
        masked=1,
        bytes_shown=10**15,
        imported_from=payload,
    )


def frames(payloads: tuple[str, ...]) -> list[WireFrame]:
    """Each payload as output, input, mark and nonsense; CAN ends the escape sequence of the one before."""
    made: list[WireFrame] = []
    for number, payload in enumerate(payloads):
        raw = payload.encode("utf-8", "surrogatepass")
        mark = json.dumps({"kind": payload[:50], "text": payload[:5000]}).encode()
        kinds = (
            (FrameKind.MARK, mark),
            (FrameKind.OUTPUT, b"\x18\r\n" + raw),
            (FrameKind.INPUT, raw[:400]),
            (FrameKind.ERROR, raw),
            (FrameKind.HIDDEN, raw[:100]),
            (FrameKind.RESIZE, raw[:100]),
        )
        made += [WireFrame(number * 1000, kind, data) for kind, data in kinds]
    reason = json.dumps({"reason": payloads[0][:500]}).encode()
    return [*made, WireFrame(9_000_000, FrameKind.EXIT, reason)]


def hostile_gateway(payloads: tuple[str, ...], together: int = 1) -> FakeGateway:
    """A session for every payload; `together` of them share a recording."""
    kept = {}
    for number in range(0, len(payloads), together):
        some = payloads[number : number + together]
        each = Kept(
            summary(number, some[0]), frames(some), RecordingState.CUT, problem=some[-1], command=some[-1]
        )
        kept[each.summary.id] = each
    worst = payloads[0]
    who = Me(person=worst, roles=list(payloads[:9]), gateway=worst, version=worst, hints=list(payloads[:6]))
    return FakeGateway(kept, who=who)


def strips(app: HoopApp) -> list[Strip]:
    compositor = app.screen._compositor
    return compositor.render_strips(app.size)


_ODD = re.compile(r"[\u115f\u1160\u3164\uffa0\u2800\ufe00-\ufe0f\U000e0000-\U000e0fff]")
_LETTER_JOINERS = "\u200c\u200d"
"""Inside a recorded cell these are part of writing; elsewhere they are escaped."""


def assert_harmless(app: HoopApp, *, recorded: bool = False) -> None:
    """No strip carries a character that acts or hides, a link, or an action."""
    for strip in strips(app):
        for segment in strip:
            assert segment.control is None
            for letter in segment.text:
                if recorded and (letter in _LETTER_JOINERS or _ODD.match(letter)):
                    continue
                category = unicodedata.category(letter)
                assert category[0] != "C" or (recorded and category in ("Cn", "Co")), repr(segment.text)
                assert category not in ("Zl", "Zp"), repr(segment.text)
                assert recorded or not _ODD.match(letter), repr(segment.text)
            if segment.style is not None:
                assert segment.style.link is None
                assert "@click" not in segment.style.meta


def chunks(size: int) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(PAYLOADS), size):
        yield PAYLOADS[start : start + size]


def test_there_are_about_a_hundred_of_them() -> None:
    assert len(PAYLOADS) == len(set(PAYLOADS)) >= 100


@pytest.mark.parametrize("payloads", list(chunks(35)), ids=lambda each: f"from-{PAYLOADS.index(each[0])}")
@pytest.mark.parametrize("size", [(140, 40), (80, 24)], ids=["140x40", "80x24"])
async def test_the_sessions_screen(
    payloads: tuple[str, ...], size: tuple[int, int], open_app: OpenedApp
) -> None:
    gateway = hostile_gateway(payloads)
    async with open_app(gateway, size=size) as scenery:
        screen = scenery.app.screen
        await scenery.until(
            lambda: isinstance(screen, SessionsScreen) and len(screen.sessions) == len(payloads)
        )
        assert_harmless(scenery.app)
        for _ in range(3):
            await scenery.press("j")
        await click_everywhere(scenery, size)
        assert scenery.app.is_running


async def click_everywhere(scenery: Scenery, size: tuple[int, int]) -> None:
    """On words in the list; a second click on one row opens it, which is the list's own doing."""
    screen = scenery.app.screen
    for y in range(4, min(9, size[1] - 2)):
        for x in range(14, size[0] - 2, 24):
            if scenery.app.screen is screen:
                await scenery.pilot.click(offset=(x, y))
    assert scenery.app.return_value is None


@pytest.mark.parametrize("payloads", list(chunks(26)), ids=lambda each: f"from-{PAYLOADS.index(each[0])}")
async def test_the_replay_screen(payloads: tuple[str, ...], open_app: OpenedApp) -> None:
    gateway = hostile_gateway(payloads, together=4)
    async with open_app(gateway) as scenery:
        await scenery.until(lambda: isinstance(scenery.app.screen, SessionsScreen))
        for id in gateway.kept:
            scenery.app.open_replay(id, 8_000_000)
            await scenery.until(
                lambda: isinstance(scenery.app.screen, ReplayScreen) and scenery.app.screen.ready
            )
            assert_harmless(scenery.app, recorded=True)
            await scenery.pilot.click(offset=(85, 1))
            await scenery.pilot.click(offset=(5, 2))
            assert isinstance(scenery.app.screen, ReplayScreen)
            assert scenery.app.return_value is None
        assert_harmless(scenery.app, recorded=True)


@pytest.mark.parametrize("payload", PAYLOADS[::13])
async def test_what_the_gateway_says(payload: str, open_app: OpenedApp) -> None:
    gateway = hostile_gateway((payload,))
    gateway.failing = ServerSaid(payload or "no", 500)
    async with open_app(gateway) as scenery:
        await scenery.until(lambda: "sessions all" in gateway.asked)
        await scenery.pilot.pause()
        assert_harmless(scenery.app)


async def test_the_palette_and_the_help(open_app: OpenedApp) -> None:
    gateway = hostile_gateway(PAYLOADS[:24])
    async with open_app(gateway) as scenery:
        await scenery.until(
            lambda: isinstance(scenery.app.screen, SessionsScreen) and bool(scenery.app.screen.chosen)
        )
        await scenery.press("question_mark")
        await scenery.until(lambda: isinstance(scenery.app.screen, HelpScreen))
        await scenery.press("escape")
        await scenery.press("ctrl+p")
        await scenery.pilot.pause(0.2)
        await scenery.press(*"x")
        await scenery.pilot.pause(0.5)
        assert scenery.app.return_value is None


async def test_a_copied_id_is_harmless_too(open_app: OpenedApp) -> None:
    gateway = hostile_gateway((f"{ESC}]52;c;b3duZWQ=\x07",))
    async with open_app(gateway) as scenery:
        await scenery.until(
            lambda: isinstance(scenery.app.screen, SessionsScreen) and bool(scenery.app.screen.chosen)
        )
        await scenery.press("y")
        assert ESC not in scenery.app.clipboard
        await scenery.pilot.pause()
        assert_harmless(scenery.app)
