"""How one gets from screen to screen: tabs, recordings, and the people and requests that the palette names."""

import asyncio
import importlib
import sys

from textual import work
from textual.app import App
from textual.content import Content
from textual.screen import Screen

from gateway.api.schema import RequestSummary
from hoop_tui.client import GatewayClient
from hoop_tui.clock import Clock
from hoop_tui.errors import GatewayTrouble
from hoop_tui.filters import SessionFilter
from hoop_tui.opening import Begin, OpenAt
from hoop_tui.queue import FILTERS
from hoop_tui.safe_text import joined, safe, visible
from hoop_tui.screen_table import ScreenName
from hoop_tui.screens.base import HoopScreen, ListScreen, RecordingScreen, SigningIn
from hoop_tui.screens.sessions import SessionsScreen
from hoop_tui.stage import Stage
from hoop_tui.wording import is_database, short_id

_MOST = 100
_MOST_REASONS = 20
_PATIENCE_SECONDS = 20.0


LATER = (
    "hoop_tui.screens.approvals",
    "hoop_tui.screens.replay",
    "hoop_tui.screens.statements",
    "hoop_tui.screens.export",
    "hoop_tui.screens.help",
    "hoop_tui.screens.sign_in_code",
    "hoop_tui.screens.signin",
    "hoop_tui.palette",
    "hoop_tui.widgets.guide_line",
)
"""What the first screen can do without is loaded once that is there, while nobody waits for it."""


class Going(App[int]):
    """The half of the app that knows the screens with tabs. Sessions are at the bottom, the others over them."""

    preview_stage: Stage
    last_replay: OpenAt | None
    clock: Clock
    reasons: list[str]
    """For which requests were denied here, the newest last."""

    @property
    def client(self) -> GatewayClient:
        raise NotImplementedError

    @property
    def last_replay_id(self) -> str:
        return short_id(self.last_replay.session) if self.last_replay else ""

    def say(self, words: Content, *, wrong: bool = False) -> None:
        """A short notice in the corner."""
        self.notify(words.plain, severity="warning" if wrong else "information", timeout=5, markup=False)

    def copy(self, text: str) -> None:
        """Into the clipboard, where the terminal allows it; the text is shown too, so it can be read."""
        self.copy_to_clipboard(visible(text))
        self.say(joined(safe("Copied: "), safe(text)))

    def remember_reason(self, reason: str) -> None:
        """For the next one that is denied."""
        self.reasons = [*(each for each in self.reasons if each != reason), reason][-_MOST_REASONS:]

    @property
    def is_signing_in(self) -> bool:
        return isinstance(self.screen, SigningIn)

    @work(group="loading", exclusive=True)
    async def _load_the_rest(self, after: asyncio.Event) -> None:
        """So that no key has to."""
        await after.wait()
        for name in (each for each in LATER if each not in sys.modules):
            await asyncio.to_thread(importlib.import_module, name)

    def open_first(self, client: GatewayClient, begin: Begin, opening: OpenAt | None) -> None:
        """The sessions, and over them what was asked for."""
        sessions = SessionsScreen(client, self.preview_stage, SessionFilter(person=begin.person))
        self.push_screen(sessions)
        self._load_the_rest(sessions.shown)
        if opening is not None:
            from hoop_tui.screens.replay import ReplayScreen

            self.push_screen(ReplayScreen(opening.session, opening.at_us))
        else:
            self.show_tab(begin.screen)

    def show_tab(self, name: ScreenName) -> None:
        """The screen of this tab."""
        match name:
            case "approvals":
                self.action_show_approvals()
            case "sessions":
                self.action_show_sessions()
            case "replay":
                self.action_show_replay()

    def open_replay(self, session: str, at_us: int | None = None) -> None:
        """Show this recording, in place of the one that is open."""
        from hoop_tui.screens.replay import ReplayScreen
        from hoop_tui.screens.statements import StatementsScreen

        if isinstance(self.screen, RecordingScreen):
            self.pop_screen()
        has_statements = False
        if isinstance(self.screen, SessionsScreen):
            self.screen.rest()
            has_statements = any(each.id == session and is_database(each) for each in self.screen.sessions)
        self.last_replay = OpenAt(session, at_us)
        screen = StatementsScreen if has_statements else ReplayScreen
        self.push_screen(screen(session, at_us))

    def show_statements(self, session: str, at_us: int | None) -> None:
        """The recording that was opened is one of a database session."""
        from hoop_tui.screens.statements import StatementsScreen

        self.switch_screen(StatementsScreen(session, at_us))

    def open_export(self, session: str) -> None:
        """Ask as what to save this recording."""
        from hoop_tui.screens.export import ExportScreen

        self.push_screen(ExportScreen(session))

    def remember(self, session: str, at_us: int) -> None:
        """Where the replay tab goes next."""
        self.last_replay = OpenAt(session, at_us)

    def show_person(self, person: str) -> None:
        """The sessions of one person."""
        self._uncover(SessionsScreen)
        if isinstance(self.screen, SessionsScreen):
            self.screen.only(person)

    @work(group="going", exclusive=True)
    async def show_request(self, id: str) -> None:
        """The queue, with the cursor on this request: in the first of its lists that has it."""
        from hoop_tui.screens.approvals import ApprovalsScreen

        self.action_show_approvals()
        screen = self.screen
        if not isinstance(screen, ApprovalsScreen):
            return
        for _ in FILTERS:
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await screen.shown.wait()
            except TimeoutError:
                return  # the screen itself says what is wrong
            screen.move_to(id)
            if screen.chosen == id or not screen.is_current:
                return
            screen.shown.clear()
            screen.action_next_filter()
        self.say(safe(f"{id} is in none of the lists here.", limit=80), wrong=True)

    @work(group="looking", exclusive=True)
    async def show_requests_of(self, person: str) -> None:
        """The first of what this person asks for and waits for."""
        try:
            page = await self.client.requests.page(which="all", state="held", limit=_MOST)
        except GatewayTrouble as trouble:
            self.say(safe(trouble.sentence), wrong=True)
            return
        theirs: list[RequestSummary] = [each for each in page.requests if each.person == person]
        if theirs:
            self.show_request(theirs[0].id)
        else:
            self.say(safe(f"{person} waits for nothing.", limit=120))

    def action_show_sessions(self) -> None:
        if not self.is_signing_in:
            self._uncover(SessionsScreen)

    def action_show_approvals(self) -> None:
        from hoop_tui.screens.approvals import ApprovalsScreen

        if self.is_signing_in or self._uncover(ApprovalsScreen):
            return
        if isinstance(self.screen, SessionsScreen):
            self.screen.rest()
        self.push_screen(ApprovalsScreen(self.clock))

    def _uncover(self, wanted: type[Screen[None]]) -> bool:
        """Close what stands over that screen. Without one, whatever can be left is; False then."""
        stack = self.screen_stack
        is_there = any(isinstance(each, wanted) for each in stack)
        while not isinstance(self.screen, wanted) and not isinstance(self.screen, SessionsScreen):
            self.pop_screen()
        return is_there

    def action_show_replay(self) -> None:
        if not isinstance(self.screen, ListScreen):
            return
        if self.last_replay is not None:
            self.open_replay(self.last_replay.session, self.last_replay.at_us)
        elif isinstance(self.screen, SessionsScreen) and self.screen.chosen:
            self.open_replay(self.screen.chosen)
        else:
            self.say(safe("There is no session to replay yet."))

    def action_help(self) -> None:
        from hoop_tui.screens.help import HelpScreen

        if isinstance(self.screen, HelpScreen):
            self.pop_screen()
        elif isinstance(self.screen, HoopScreen):
            self.push_screen(HelpScreen(self.screen.places))
