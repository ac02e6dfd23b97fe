"""The app on a real terminal in front of a gateway that means no good, screen after screen:
`python -m` this, in a pty.

What the terminal is sent, the parent judges; here it is counted what was done to the gateway, and no cell of a screen
may carry an action or a link.
"""

import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textual.events import MouseDown, MouseUp, Paste
from textual.pilot import Pilot
from textual.widgets import Input

from gateway.api.schema import (
    CardPast,
    CardWho,
    CardWhy,
    HiddenCharacter,
    Me,
    Remarked,
    RequestCard,
    RequestPage,
    RequestSummary,
    SaidYesOrNo,
    Tally,
)
from hoop_tui.app import HoopApp
from hoop_tui.demo import NOW, FakeDesk, FakeGateway, FrozenClock, Kept
from hoop_tui.demo_requests import FakeRequests, card, summary
from hoop_tui.demo_statements import TEXT, Statements
from hoop_tui.errors import ServerSaid
from hoop_tui.guide import Guide
from hoop_tui.replay.ghostty import GhosttyEmulator
from hoop_tui.safe_text import safe
from hoop_tui.scenery import Scenery
from hoop_tui.screens.approvals import ApprovalsScreen
from hoop_tui.screens.base import HoopScreen
from hoop_tui.screens.comment import CommentDialog
from hoop_tui.screens.deny import DenyDialog
from hoop_tui.screens.export import ExportScreen
from hoop_tui.screens.replay import ReplayScreen
from hoop_tui.screens.result import ResultScreen
from hoop_tui.screens.sessions import SessionsScreen
from hoop_tui.screens.sign_in_code import CodeScreen
from hoop_tui.screens.signin import SignInScreen
from hoop_tui.screens.statements import StatementsScreen
from hoop_tui.screens.transcript import TranscriptScreen
from hoop_tui.screens.why import WhyScreen
from hoop_tui.widgets.choice import Choice
from tests.tui.hostile_corpus import CORPUS, bundles
from tests.tui.test_hostile import frames
from tests.tui.test_hostile import summary as session_row

MARK = "=== what came before is of: "
EVIL = bundles(8)


@dataclass
class HostileRequests(FakeRequests):
    """Rows as they come; nothing checks them."""

    async def page(self, **_: object) -> RequestPage:
        rows: list[RequestSummary] = [
            summary(each).model_copy(update={"what": each.statement.text}) for each in self.cards.values()
        ]
        return RequestPage.model_construct(requests=rows, now=self.now(), cursor="")


def evil_card(number: int, evil: str) -> RequestCard:
    """This text wherever a card has text of others."""
    said = SaidYesOrNo(by=evil, granted=True, reason=evil, scope=evil, at=NOW)
    lines = [("+", evil), ("-", evil)]
    made = card(
        f"{number:03}-EVIL", evil, "appdb", f"delete from t; -- {evil}", NOW, left=600 + number, lines=lines
    )
    return made.model_copy(
        update={
            "verb": evil,
            "who": CardWho(person=evil, groups=[evil], method=evil, address=evil, client=evil, since=NOW),
            "where": made.where.model_copy(
                update={"target": evil, "login": evil, "labels": {evil: evil, "env": evil}}
            ),
            "why": CardWhy(reason=evil, ticket=evil),
            "rule": made.rule.model_copy(update={"id": evil, "message": evil, "revision": evil, "needed": 2}),
            "past": CardPast(shape=Tally(approved=1, last_by=evil, last_at=NOW), person=Tally(denied=1)),
            "facts": {evil: [evil, {evil: evil}]},
            "remarks": [
                Remarked(by=evil, kind=kind, text=evil, at=NOW) for kind in ("comment", "reply", "claim")
            ],
            "decisions": [said],
            "claimed_by": evil,
            "statement": made.statement.model_copy(
                update={
                    "hidden": [HiddenCharacter(offset=1, codepoint=evil, name=evil)],
                    "hidden_count": 1,
                    "sha256": evil,
                }
            ),
        }
    )


def statements() -> Kept:
    """A database session in which everything is said by somebody who means no good."""
    session = Statements()
    for evil in EVIL:
        columns = ((evil, TEXT, False), (evil[:30], TEXT, True))
        session.asks(f"select '{evil}'", "select", rule=evil, request=evil, values=[evil, evil])
        session.gets(
            evil, columns, [[evil, evil], [evil, None]], error={"code": evil, "message": evil, "hint": evil}
        )
    row = session_row(1, "x").model_copy(update={"id": "s-DATABASE", "kind": "postgres", "commands": 200})
    return Kept(row, session.ends().frames)


def gateway() -> FakeGateway:
    """With a session and a request for each bundle, recordings, and a name that is no name."""
    kept = {f"s-{n:04}": Kept(session_row(n, evil), []) for n, evil in enumerate(EVIL)}
    for number in range(0, len(CORPUS), 160):
        some = CORPUS[number : number + 160]
        kept[f"s-R{number:03}"] = Kept(
            session_row(900 + number, some[0]), frames(some), command=some[1], problem=some[2]
        )
    kept["s-DATABASE"] = statements()
    for id, each in kept.items():
        each.summary = each.summary.model_copy(update={"id": id})
    cards = {each.id: each for each in (evil_card(number, evil) for number, evil in enumerate(EVIL))}
    who = Me(person=EVIL[0], roles=EVIL[1:4], gateway=EVIL[4], version=EVIL[5], hints=EVIL[6:10], demo=True)
    return FakeGateway(kept, who=who, requests=HostileRequests(lambda: NOW, cards))


@dataclass
class Stage:
    """One scene: the app, what is asked of it, and what its cells carry."""

    scenery: Scenery
    gateway: FakeGateway
    clicks: int = 0
    acts: list[str] = field(default_factory=list)

    @property
    def app(self) -> HoopApp:
        return self.scenery.app

    async def shows(self, kind: type[HoopScreen]) -> None:
        await self.scenery.until(lambda: isinstance(self.app.screen, kind))
        self.look()

    def look(self) -> None:
        """No cell acts but those of the footer, whose actions are its own and not in its text."""
        for strip in self.app.screen._compositor.render_strips(self.app.size):
            for segment in strip:
                if segment.style is not None and (segment.style.link or "@click" in segment.style.meta):
                    self.acts.append(segment.text)

    async def click(self, widget: str) -> None:
        """All over it, as fast as nobody clicks; `look` reads every cell."""
        box = self.app.screen.query_one(widget).region
        for y in range(box.y, box.bottom):
            for x in range(box.x, box.right, 8):
                for kind in (MouseDown, MouseUp):
                    self.app.screen._forward_event(
                        kind(None, x, y, 0, 0, 1, False, False, False, x, y)  # as the driver makes them
                    )
                self.clicks += 1
            await self.scenery.pilot.pause()
        self.look()

    async def paste(self, evil: str) -> None:
        """Into the box that has the focus."""
        assert isinstance(self.app.focused, Input), self.app.focused
        self.app.post_message(Paste(evil))
        await self.scenery.pilot.pause()
        self.look()


async def approvals(stage: Stage) -> None:
    """Rows, cards as text and as bytes, every cell clicked, boxes and what is said in the corner."""
    scenery, app = stage.scenery, stage.app
    await scenery.press("f2")
    await scenery.until(lambda: isinstance(app.screen, ApprovalsScreen) and app.screen.card is not None)
    screen = app.screen
    assert isinstance(screen, ApprovalsScreen)
    for number, id in enumerate(stage.gateway.requests.cards):
        screen.move_to(id)
        await scenery.until(lambda id=id: screen.card is not None and screen.card.id == id)  # type: ignore[misc]
        if number % 40 == 0:
            stage.look()
        if number % 70 == 0:
            await scenery.press("v")
            await scenery.pilot.pause()
            await scenery.press("v")
    await stage.click("#rows")
    await stage.click("#view")
    app.clear_notifications()


async def boxes(stage: Stage) -> None:
    """Over the first cards: why, a yes, a no, several of it, a comment; what is pasted into them; what they say."""
    scenery, app = stage.scenery, stage.app
    await scenery.sessions("s-0000")
    await scenery.press("f2")
    await scenery.until(lambda: isinstance(app.screen, ApprovalsScreen) and app.screen.card is not None)
    for number, each in enumerate(list(stage.gateway.requests.cards.values())[::27]):
        stage.gateway.requests.failing = None
        app.push_screen(WhyScreen(each))
        await stage.shows(WhyScreen)
        app.pop_screen()
        app.push_screen(CommentDialog(each))
        await stage.shows(CommentDialog)
        await stage.paste(EVIL[number])
        stage.gateway.requests.failing = ServerSaid(EVIL[-number], 409)
        await scenery.press("enter")
        await scenery.pilot.pause()
        stage.look()
        app.pop_screen()
        app.push_screen(DenyDialog([each, *list(stage.gateway.requests.cards.values())[number : number + 6]]))
        await stage.shows(DenyDialog)
        await stage.paste(EVIL[number])
        app.pop_screen()
        app.say(safe(EVIL[number]))
        app.copy(EVIL[number])
    from hoop_tui.guard import Guard
    from hoop_tui.screens.approve import ApproveDialog

    great = each.model_copy(update={"risk": each.risk.model_copy(update={"word": "high"})})
    app.push_screen(ApproveDialog(great, Guard(app.clock)))
    await stage.shows(ApproveDialog)
    app.screen.query_one("#note", Input).focus()
    await scenery.pilot.pause()
    for evil in EVIL[:12]:
        await stage.paste(evil)
        app.screen.query_one("#note", Input).value = ""
    for choice in app.screen.query(Choice):
        choice.allow(EVIL[3])
    await stage.click("#statement")
    stage.gateway.requests.said[:] = [
        each for each in stage.gateway.requests.said if not each.startswith("comment")
    ]


async def sessions(stage: Stage) -> None:
    """The list and its previews, the palette, the filter's box and what it says of nonsense."""
    scenery, app = stage.scenery, stage.app
    await scenery.until(lambda: isinstance(app.screen, SessionsScreen) and bool(app.screen.chosen))
    for _ in range(3):
        await scenery.press("pagedown")
        stage.look()
    await stage.click("#rows")
    while not isinstance(app.screen, SessionsScreen):
        app.pop_screen()
    await stage.click("#hints")
    await scenery.press("slash")
    for evil in EVIL[::8]:
        await stage.paste(evil)
        app.screen.query_one("#filter", Input).value = ""
    await stage.paste("no:such " + EVIL[0])
    await scenery.press("enter")
    await scenery.press("escape", "ctrl+p")
    await scenery.pilot.pause(0.3)
    await scenery.press("x")
    await scenery.pilot.pause(0.5)
    await scenery.press("escape")
    for evil in EVIL[::8]:
        stage.gateway.failing = ServerSaid(evil, 500)
        await scenery.press("r")
        await scenery.pilot.pause(0.02)
        stage.look()


async def recordings(stage: Stage) -> None:
    """A terminal's replays, each at several places, and what is around them."""
    scenery, app = stage.scenery, stage.app
    for id in [id for id in stage.gateway.kept if id.startswith("s-R")]:
        app.open_replay(id, 60_000)
        await scenery.until(lambda: isinstance(app.screen, ReplayScreen) and app.screen.ready)
        for key in ("full_stop", "right_square_bracket", "k", "c", "5", "end"):
            await scenery.press(key)
            await scenery.pilot.pause(0.02)
        app.push_screen(ExportScreen(EVIL[0]))
        await stage.shows(ExportScreen)
        app.pop_screen()


async def databases(stage: Stage) -> None:
    """Statements, one by one; the rows of one; the whole as text; words to look for."""
    scenery, app = stage.scenery, stage.app
    app.show_statements("s-DATABASE", None) if isinstance(app.screen, ReplayScreen) else app.push_screen(
        StatementsScreen("s-DATABASE")
    )
    await scenery.until(lambda: isinstance(app.screen, StatementsScreen) and app.screen.ready)
    screen = app.screen
    assert isinstance(screen, StatementsScreen)
    await scenery.press("g")
    for _ in EVIL:
        await scenery.press("j")
    stage.look()
    await stage.click("#about")
    await scenery.press("slash")
    await stage.paste(EVIL[8])
    await scenery.press("escape")
    assert screen.index is not None
    for place in range(0, len(EVIL), 24):
        app.push_screen(ResultScreen(screen.index, place))
        await stage.shows(ResultScreen)
        await scenery.press("x")
        await scenery.pilot.pause()
        stage.look()
        app.pop_screen()
    app.push_screen(TranscriptScreen("s-DATABASE"))
    await stage.shows(TranscriptScreen)
    for _ in range(8):
        await scenery.press("pagedown")


async def signing_in(stage: Stage) -> None:
    """A desk that says things, and a screen that was told some."""
    scenery, app = stage.scenery, stage.app
    for evil in EVIL[::6]:
        desk = FakeDesk(url=f"https://hoop.example.com/{evil}", failing=ServerSaid(evil, 500))
        app.push_screen(CodeScreen(desk, evil))
        await stage.shows(CodeScreen)
        app.pop_screen()
        app.push_screen(SignInScreen(evil, evil))
        await stage.shows(SignInScreen)
        app.screen.query_one("#gateway", Input).focus()
        await scenery.pilot.pause()
        await stage.paste(evil)
        app.pop_screen()


SCENES: dict[str, Callable[[Stage], Awaitable[None]]] = {
    each.__name__: each for each in (approvals, boxes, sessions, recordings, databases, signing_in)
}


def play(name: str, directory: Path) -> dict[str, object]:
    """One scene from start to end; what came of it."""
    there = gateway()
    clock = FrozenClock()
    app = HoopApp(client=there, clock=clock, emulators=GhosttyEmulator, guide=Guide(directory / "seen"))
    app.sign_in_path = directory / "sign-in.json"
    told: dict[str, object] = {}

    async def pilot(pilot: "Pilot[Any]") -> None:
        stage = Stage(Scenery(app, pilot, clock), there)
        await stage.scenery.until(lambda: isinstance(app.screen, SessionsScreen))
        clock.pass_seconds(1)
        await SCENES[name](stage)
        told.update(
            acts=stage.acts, clicks=stage.clicks, was_running=app.is_running and app.return_value is None
        )
        app.exit(77)

    told["status"] = app.run(auto_pilot=pilot)
    said = [each for each in there.requests.said if each.partition(" ")[0] not in ("page", "card")]
    return told | {"said": said, "files": sorted(path.name for path in directory.iterdir())}


def _each() -> Iterator[tuple[str, dict[str, object]]]:
    for name in sys.argv[2:] or SCENES:
        directory = Path(sys.argv[1]) / name
        directory.mkdir()
        yield name, play(name, directory)
        os.write(2, f"\n{MARK}{name}\n".encode())


if __name__ == "__main__":
    report = dict(_each())
    (Path(sys.argv[1]) / "report.json").write_text(json.dumps(report))
