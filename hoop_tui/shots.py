"""What screenshots and snapshot tests show: screens of a gateway that never changes, at a time that stands still.

A shot is a name, a size, a look and the keys that lead there. Taking one needs no network, no other process and
no luck: the emulator runs in this process, and a step waits until what it asks for is on the screen. Shots that are
reached in the same way are taken in one go: the window gets another size, and the app another theme.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import unescape

from textual._compositor import LayoutUpdate
from textual.command import CommandList, CommandPalette
from textual.pilot import Pilot
from textual.widgets import Input

from hoop_tui import approval_shots as asking
from hoop_tui.app import HoopApp
from hoop_tui.demo import FakeDesk, FakeGateway, FrozenClock, demo_gateway
from hoop_tui.errors import NotSignedIn
from hoop_tui.no_colour import colours
from hoop_tui.opening import Manner, OpenAt
from hoop_tui.replay.ghostty import GhosttyEmulator
from hoop_tui.scenery import PATIENCE_SECONDS, Scenery
from hoop_tui.screens.replay import ReplayScreen
from hoop_tui.screens.result import ResultScreen
from hoop_tui.screens.sessions import SessionsScreen
from hoop_tui.screens.sign_in_code import CodeScreen
from hoop_tui.screens.signin import SignInScreen
from hoop_tui.screens.statements import StatementsScreen
from hoop_tui.screens.steering import EndDialog
from hoop_tui.sign_in import SignIn
from hoop_tui.themes import ANSI, CONTRAST, DARK, LIGHT
from hoop_tui.widgets.preview import Preview

_STILL = 3
_MOMENT = 0.05
_FETCHING_MOST = 40
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
    plain: bool = False
    published: bool = False

    @property
    def way(self) -> tuple[object, ...]:
        """Shots with the same one are taken with one start of the app."""
        return self.steps, self.no_color, self.plain, self.theme == ANSI


def make_app(
    shot: Shot, gateway: FakeGateway | None, clock: FrozenClock, opening: OpenAt | None = None
) -> HoopApp:
    """An app as the shot wants it; without a gateway it asks for one."""
    with colours(not shot.no_color):
        return HoopApp(
            client=gateway,
            sign_in=SignIn("https://hoop.example.com"),
            desk=_desk_of(shot),
            clock=clock,
            emulators=GhosttyEmulator,
            open_at=opening,
            manner=Manner(theme=shot.theme, plain=shot.plain),
        )


def _desk_of(shot: Shot) -> Callable[[str], FakeDesk]:
    over = NotSignedIn("expired: nobody confirmed the code in time")
    return lambda gateway: FakeDesk(gateway, over if shot.steps is code_expired else None)


async def take(shot: Shot) -> str:
    """The picture as SVG, the same on every machine."""
    return (await take_together([shot]))[shot.name]


async def take_together(shots: Sequence[Shot]) -> dict[str, str]:
    """The pictures of shots with one `way`, by name. The first is as if it were alone."""
    first, clock, pictures = shots[0], FrozenClock(), {}
    strangers = (sign_in, sign_in_code, code_expired)
    app = make_app(first, None if first.steps in strangers else demo_gateway(), clock)
    async with app.run_test(size=(first.width, first.height)) as pilot:
        await first.steps(Scenery(app, pilot, clock))
        for box in app.screen.query(Input):
            box.cursor_blink = False
        for shot in shots:
            app.theme = shot.theme
            if app.size != (shot.width, shot.height):
                await pilot.resize_terminal(shot.width, shot.height)
            pictures[shot.name] = await _at_rest(app, pilot)
    return pictures


def groups(shots: Iterable[Shot]) -> list[list[Shot]]:
    """Those that are taken together, with published ones first: these are the same when they are taken alone."""
    found: dict[tuple[object, ...], list[Shot]] = {}
    for shot in sorted(shots, key=lambda each: (not each.published, each.width * each.height)):
        found.setdefault(shot.way, []).append(shot)
    return list(found.values())


async def _at_rest(app: HoopApp, pilot: "Pilot[int]") -> str:
    """The picture once it has stopped changing: a pane learns its size a moment after it was laid out."""
    for _ in range(_FETCHING_MOST):
        if not _is_fetching(app):
            break
        await pilot.pause(_MOMENT)
    cells, still = _cells(app), 0
    async with asyncio.timeout(PATIENCE_SECONDS):
        while still < _STILL:
            app.draw_again()  # it does so every second, which must not make a difference
            await pilot.pause(_MOMENT)
            before, cells = cells, _cells(app)
            still = still + 1 if cells == before else 0
    return normal(app.export_screenshot(title="hoop-tui"))


def _is_fetching(app: HoopApp) -> bool:
    """Something is on its way to a pane, maybe behind a box."""
    return any(pane.is_fetching for screen in app.screen_stack for pane in screen.query(Preview))


def _cells(app: HoopApp) -> object:
    """What the picture is made from: to make one takes longer than all that leads there."""
    update = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    assert isinstance(update, LayoutUpdate)
    return app.size, [list(row) for row in update.strips]


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


async def keys_small(scenery: Scenery) -> None:
    """Here the list has no pane to wait for."""
    await keys(scenery)


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


async def ending(scenery: Scenery) -> None:
    await scenery.sessions("s-91XKD0PM")
    await scenery.press("X")
    await scenery.until(lambda: isinstance(scenery.app.screen, EndDialog))
    await scenery.press(*"lost laptop", "enter", "tab")


async def messaging(scenery: Scenery) -> None:
    await scenery.sessions("s-91XKD0PM")
    await scenery.press("m", *"I look at this with you")
    await scenery.pilot.pause()


async def paused(scenery: Scenery) -> None:
    await scenery.sessions("s-91XKD0PM")
    await scenery.press("P")
    gateway = scenery.app.client
    assert isinstance(gateway, FakeGateway)
    await scenery.until(lambda: any(question.startswith("pause") for question in gateway.asked))
    gateway.hint("session", "s-91XKD0PM")
    screen = scenery.app.screen
    assert isinstance(screen, SessionsScreen)
    await scenery.until(lambda: any(each.paused_by for each in screen.sessions))
    scenery.app.clear_notifications()


async def palette(scenery: Scenery) -> None:
    await scenery.sessions()
    await scenery.press("colon", *"alice")
    app = scenery.app
    await scenery.until(
        lambda: (
            isinstance(app.screen, CommandPalette)
            and app.screen.query_one(CommandList).option_count > 3
            and all(worker.is_finished for worker in app.workers if worker.node is app.screen)
        )
    )


async def export(scenery: Scenery) -> None:
    await denied(scenery)
    await scenery.press("e")
    await scenery.pilot.pause()


def _in_every_look(
    name: str, steps: Steps, *, published: bool = False, small: Steps | None = None
) -> Iterator[Shot]:
    """Four sizes, three themes, and without colours. `small`: where the others must not begin with a small window."""
    yield Shot(name, steps, published=published)
    yield Shot(f"{name}-80", small or steps, 80, 24)
    for width, height in ((140, 40), (200, 60)):
        yield Shot(f"{name}-{width}", steps, width, height)
    yield Shot(f"{name}-light", steps, theme=LIGHT, published=published and name == "sessions")
    yield Shot(f"{name}-contrast", steps, theme=CONTRAST)
    yield Shot(f"{name}-no-color", steps, no_color=True)


SHOTS = (
    *_in_every_look("approvals", asking.approvals, published=True),
    *_in_every_look("approving", asking.approving_great, published=True),
    *_in_every_look("denying", asking.denying),
    *_in_every_look("commenting", asking.commenting),
    *_in_every_look("amending", asking.amending),
    *_in_every_look("impact", asking.impact_tried, published=True),
    *_in_every_look("approvals-why", asking.approvals_why),
    *_in_every_look("approvals-diff", asking.approvals_diff),
    *_in_every_look("sessions", sessions, published=True),
    *_in_every_look("replay", denied, published=True),
    *_in_every_look("statements", statements, published=True),
    *_in_every_look("result", result),
    *_in_every_look("signin", sign_in, published=True),
    *_in_every_look("signin-code", sign_in_code, published=True),
    *_in_every_look("help", keys, small=keys_small),
    *_in_every_look("export", export),
    *_in_every_look("messaging", messaging),
    *_in_every_look("ending", ending),
    *_in_every_look("palette", palette),
    Shot("watching", watching, published=True),
    Shot("approving-second", asking.approving),
    Shot("approving-changed", asking.approving_changed),
    Shot("approvals-hidden", asking.approvals_hidden),
    Shot("approvals-bytes", asking.approvals_bytes),
    Shot("approvals-empty", asking.approvals_empty),
    Shot("impact-looked", asking.impact),
    Shot("sessions-filtered", filtered),
    Shot("sessions-database", sessions_database),
    Shot("sessions-empty", nothing_fits),
    Shot("sessions-paused", paused),
    Shot("replay-cut", cut),
    Shot("replay-large", large),
    Shot("statements-refused", statement_refused),
    Shot("statements-unfolded", statements_unfolded),
    Shot("result-row", result_row),
    Shot("signin-code-60", sign_in_code, 60, 20),
    Shot("signin-code-expired", code_expired),
    Shot("sessions-ansi", sessions, theme=ANSI),
    Shot("approvals-ansi", asking.approvals, theme=ANSI),
    Shot("approving-ansi", asking.approving_great, theme=ANSI),
    Shot("sessions-plain", sessions, plain=True),
    Shot("sessions-plain-80", sessions, 80, 24, plain=True),
    Shot("approvals-plain", asking.approvals, plain=True),
    Shot("approving-plain", asking.approving_great, plain=True),
    Shot("replay-plain", denied, plain=True),
    Shot("statements-plain", statements, plain=True),
)
