"""What screenshots and snapshot tests show: screens of a gateway that never changes, at a time that stands still.

A shot is a name, a size, a look and the keys that lead there. Taking one needs no network, no other process and
no luck: the emulator runs in this process, and a step waits until what it asks for is on the screen.
"""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape

from textual.pilot import Pilot
from textual.widgets import Input

from hoop_tui import approval_shots as asking
from hoop_tui.app import HoopApp, OpenAt
from hoop_tui.demo import FakeDesk, FakeGateway, FrozenClock, demo_gateway
from hoop_tui.errors import NotSignedIn
from hoop_tui.replay.ghostty import GhosttyEmulator
from hoop_tui.scenery import PATIENCE_SECONDS, Scenery
from hoop_tui.screens.replay import ReplayScreen
from hoop_tui.screens.result import ResultScreen
from hoop_tui.screens.sessions import SessionsScreen
from hoop_tui.screens.sign_in_code import CodeScreen
from hoop_tui.screens.signin import SignInScreen
from hoop_tui.screens.statements import StatementsScreen
from hoop_tui.sign_in import SignIn
from hoop_tui.themes import CONTRAST, DARK, LIGHT

_STILL = 3
_MOMENT = 0.15
_FONTS = "'DejaVu Sans Mono', Menlo, Consolas, monospace"
Steps = Callable[["Scenery"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture. `published` ones are kept in screenshots/ for the README."""

    name: str
    steps: Steps
    width: int = 100
    height: int = 30
    theme: str = DARK
    no_color: bool = False
    published: bool = False


@contextmanager
def _colours(wanted: bool) -> Iterator[None]:
    """Textual reads NO_COLOR when an app is made."""
    before = os.environ.pop("NO_COLOR", None)
    if not wanted:
        os.environ["NO_COLOR"] = "1"
    try:
        yield
    finally:
        os.environ.pop("NO_COLOR", None)
        if before is not None:
            os.environ["NO_COLOR"] = before


def make_app(
    shot: Shot, gateway: FakeGateway | None, clock: FrozenClock, opening: OpenAt | None = None
) -> HoopApp:
    """An app as the shot wants it; without a gateway it asks for one."""
    with _colours(not shot.no_color):
        return HoopApp(
            client=gateway,
            sign_in=SignIn("https://hoop.example.com"),
            desk=_desk_of(shot),
            clock=clock,
            emulators=GhosttyEmulator,
            open_at=opening,
            theme=shot.theme,
        )


def _desk_of(shot: Shot) -> Callable[[str], FakeDesk]:
    over = NotSignedIn("expired: nobody confirmed the code in time")
    return lambda gateway: FakeDesk(gateway, over if shot.steps is code_expired else None)


async def take(shot: Shot) -> str:
    """The picture as SVG, the same on every machine."""
    clock = FrozenClock()
    strangers = (sign_in, sign_in_code, code_expired)
    app = make_app(shot, None if shot.steps in strangers else demo_gateway(), clock)
    async with app.run_test(size=(shot.width, shot.height)) as pilot:
        await shot.steps(Scenery(app, pilot, clock))
        for box in app.screen.query(Input):
            box.cursor_blink = False
        return await _at_rest(app, pilot)


async def _at_rest(app: HoopApp, pilot: "Pilot[int]") -> str:
    """The picture once it has stopped changing: a pane learns its size a moment after it was laid out."""
    picture, still = "", 0
    async with asyncio.timeout(PATIENCE_SECONDS):
        while still < _STILL:
            await pilot.pause(_MOMENT)
            before, picture = picture, normal(app.export_screenshot(title="hoop-tui"))
            still = still + 1 if picture == before else 0
    return picture


def normal(svg: str) -> str:
    """Without ids that follow from the content, and without fonts from elsewhere."""
    svg = re.sub(r"@font-face\s*\{[^}]*\}\s*", "", svg)
    svg = re.sub(r"terminal-\d+", "hoop", svg)
    svg = re.sub(r"font-family: ?[^;]+;", f"font-family: {_FONTS};", svg)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def text_of(svg: str) -> list[str]:
    """The words of a picture, line by line, for people who read a failed test."""
    lines: dict[float, list[tuple[float, str]]] = {}
    pattern = r'<text class="hoop-[^"]*" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>'
    for x, y, words in re.findall(pattern, svg):
        lines.setdefault(float(y), []).append((float(x), unescape(words).replace("\xa0", " ")))
    return ["".join(words for _, words in sorted(lines[y])).rstrip() for y in sorted(lines)]


async def sign_in(scenery: Scenery) -> None:
    await sign_in_code(scenery)
    await scenery.press("u")
    await scenery.until(lambda: isinstance(scenery.app.screen, SignInScreen))


async def sign_in_code(scenery: Scenery) -> None:
    await scenery.until(lambda: isinstance(scenery.app.screen, CodeScreen))
    await scenery.pilot.pause()


async def code_expired(scenery: Scenery) -> None:
    await sign_in_code(scenery)


async def sessions(scenery: Scenery) -> None:
    await scenery.sessions()


async def sessions_database(scenery: Scenery) -> None:
    await scenery.sessions("s-6DBX3QWA")


async def filtered(scenery: Scenery) -> None:
    await scenery.sessions()
    await scenery.press("slash", *"user:erin", "enter")
    await scenery.sessions("s-2B8CK4TQ")


async def nothing_fits(scenery: Scenery) -> None:
    await scenery.sessions()
    await scenery.press("slash", *"user:zoe", "enter")
    screen = scenery.app.screen
    assert isinstance(screen, SessionsScreen)
    await scenery.until(lambda: not screen.sessions)


async def keys(scenery: Scenery) -> None:
    await scenery.sessions()
    await scenery.press("question_mark")
    await scenery.pilot.pause()


async def denied(scenery: Scenery) -> None:
    """The moment after the refusal, with the silence before it jumped over."""
    await scenery.replay("s-2B8CK4TQ", 525_500_000)
    await scenery.settled_at(525_500_000)


async def watching(scenery: Scenery) -> None:
    await scenery.until(lambda: isinstance(scenery.app.screen, SessionsScreen))
    scenery.app.open_replay("s-77QA4TBN")
    await scenery.until(lambda: isinstance(scenery.app.screen, ReplayScreen) and scenery.app.screen.ready)
    screen = scenery.app.screen
    assert isinstance(screen, ReplayScreen)
    await scenery.until(lambda: screen.following)


async def cut(scenery: Scenery) -> None:
    await scenery.replay("s-9THB3FYS", 30_000_000)
    await scenery.settled_at(30_000_000)


async def large(scenery: Scenery) -> None:
    await scenery.replay("s-3MMD61HV", 3_000_000)


async def statements(scenery: Scenery) -> None:
    """The statement whose result was masked, with its rows below."""
    await statements_at(scenery, 10_000_000)


async def statements_at(scenery: Scenery, at_us: int) -> None:
    await scenery.until(
        lambda: isinstance(scenery.app.screen, SessionsScreen) and bool(scenery.app.screen.chosen)
    )
    scenery.app.open_replay("s-6DBX3QWA", at_us)
    await scenery.until(lambda: isinstance(scenery.app.screen, StatementsScreen) and scenery.app.screen.ready)


async def statement_refused(scenery: Scenery) -> None:
    await statements(scenery)
    await scenery.press("j")
    await scenery.pilot.pause()


async def statements_unfolded(scenery: Scenery) -> None:
    """After a search that ended in the middle of a thousand repeats."""
    await statements(scenery)
    await scenery.press("slash", *"910777", "enter")
    screen = scenery.app.screen
    assert isinstance(screen, StatementsScreen)
    await scenery.until(lambda: screen.chosen == 783)
    scenery.app.clear_notifications()
    await scenery.pilot.pause()


async def result(scenery: Scenery) -> None:
    await statements(scenery)
    await scenery.press("enter")
    await scenery.until(lambda: isinstance(scenery.app.screen, ResultScreen))
    await scenery.pilot.pause()


async def result_row(scenery: Scenery) -> None:
    await result(scenery)
    await scenery.press("j", "j", "x")
    await scenery.pilot.pause()


async def export(scenery: Scenery) -> None:
    await denied(scenery)
    await scenery.press("e")
    await scenery.pilot.pause()


SHOTS = (
    Shot("approvals", asking.approvals, published=True),
    Shot("approving", asking.approving_great, published=True),
    Shot("approvals-80", asking.approvals, 80, 24),
    Shot("approvals-140", asking.approvals, 140, 40),
    Shot("approvals-light", asking.approvals, theme=LIGHT),
    Shot("approvals-contrast", asking.approvals, theme=CONTRAST),
    Shot("approvals-no-color", asking.approvals, no_color=True),
    Shot("approvals-hidden", asking.approvals_hidden),
    Shot("approvals-bytes", asking.approvals_bytes),
    Shot("approvals-why", asking.approvals_why),
    Shot("impact", asking.impact_tried, published=True),
    Shot("impact-looked", asking.impact),
    Shot("impact-80", asking.impact_tried, 80, 24),
    Shot("approvals-diff", asking.approvals_diff),
    Shot("approvals-empty", asking.approvals_empty),
    Shot("amending", asking.amending),
    Shot("approving-second", asking.approving),
    Shot("approving-80", asking.approving_great, 80, 24),
    Shot("approving-changed", asking.approving_changed),
    Shot("denying", asking.denying),
    Shot("sessions", sessions, published=True),
    Shot("replay", denied, published=True),
    Shot("watching", watching, published=True),
    Shot("signin", sign_in, published=True),
    Shot("signin-code", sign_in_code, published=True),
    Shot("sessions-light", sessions, theme=LIGHT, published=True),
    Shot("statements", statements, published=True),
    Shot("sessions-80", sessions, 80, 24),
    Shot("sessions-140", sessions, 140, 40),
    Shot("sessions-contrast", sessions, theme=CONTRAST),
    Shot("sessions-no-color", sessions, no_color=True),
    Shot("sessions-filtered", filtered),
    Shot("sessions-database", sessions_database),
    Shot("sessions-empty", nothing_fits),
    Shot("replay-80", denied, 80, 24),
    Shot("replay-140", denied, 140, 40),
    Shot("replay-light", denied, theme=LIGHT),
    Shot("replay-contrast", denied, theme=CONTRAST),
    Shot("replay-no-color", denied, no_color=True),
    Shot("replay-cut", cut),
    Shot("replay-large", large),
    Shot("statements-80", statements, 80, 24),
    Shot("statements-140", statements, 140, 40),
    Shot("statements-light", statements, theme=LIGHT),
    Shot("statements-contrast", statements, theme=CONTRAST),
    Shot("statements-no-color", statements, no_color=True),
    Shot("statements-refused", statement_refused),
    Shot("statements-unfolded", statements_unfolded),
    Shot("result", result),
    Shot("result-80", result, 80, 24),
    Shot("result-row", result_row),
    Shot("signin-80", sign_in, 80, 24),
    Shot("signin-140", sign_in, 140, 40),
    Shot("signin-no-color", sign_in, no_color=True),
    Shot("signin-code-80", sign_in_code, 80, 24),
    Shot("signin-code-60", sign_in_code, 60, 20),
    Shot("signin-code-140", sign_in_code, 140, 40),
    Shot("signin-code-light", sign_in_code, theme=LIGHT),
    Shot("signin-code-contrast", sign_in_code, theme=CONTRAST),
    Shot("signin-code-no-color", sign_in_code, no_color=True),
    Shot("signin-code-expired", code_expired),
    Shot("help", keys),
    Shot("help-80", keys, 80, 24),
    Shot("export", export),
)
