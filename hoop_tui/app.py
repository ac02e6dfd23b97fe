"""The app: it owns the connection, the feed and the clock; screens do the rest.

Next in the reading path: `screens/sessions.py`, `screens/replay.py`.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from textual import work
from textual.app import App, SystemCommand
from textual.content import Content
from textual.events import Event, Paste
from textual.screen import Screen

from gateway.api.schema import FeedEvent, Me
from hoop_tui.calling import Calling
from hoop_tui.client import GatewayClient, HttpGateway
from hoop_tui.clock import Clock, SystemClock
from hoop_tui.errors import GatewayTrouble, NotSignedIn
from hoop_tui.feed import RECONNECTED, Feed, Freshness
from hoop_tui.guide import Guide
from hoop_tui.login.desk import Desk, HttpDesk
from hoop_tui.notices import desktop_notice, title
from hoop_tui.palette import SessionProvider
from hoop_tui.replay.worker import WorkerEmulator
from hoop_tui.safe_text import joined, safe, visible
from hoop_tui.screens.approvals import ApprovalsScreen
from hoop_tui.screens.base import HoopScreen, RecordingScreen
from hoop_tui.screens.help import HelpScreen
from hoop_tui.screens.replay import ReplayScreen
from hoop_tui.screens.sessions import SessionsScreen
from hoop_tui.screens.sign_in_code import CodeScreen
from hoop_tui.screens.signin import SignInScreen
from hoop_tui.screens.statements import StatementsScreen
from hoop_tui.sign_in import SignIn, Token, read_sign_in, sign_in_file
from hoop_tui.stage import EmulatorMaker, Stage
from hoop_tui.themes import DARK, STAGE_PALETTE, THEMES
from hoop_tui.widgets.guide_line import GuideLine, keep_guide
from hoop_tui.wording import Zone, is_database, short_id

_MOST_REASONS = 20

Connect = Callable[[str, Token], GatewayClient]
OpenDesk = Callable[[str], Desk]


@dataclass(frozen=True, slots=True)
class OpenAt:
    """Which recording to open first, and where in it."""

    session: str
    at_us: int | None = None


class HoopApp(App[int]):
    """Give it a `client`, or a `sign_in` to connect with. It returns the exit code."""

    TITLE = "hoop"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    COMMANDS = App.COMMANDS | {lambda: SessionProvider}
    CSS_PATH = "app.tcss"

    def __init__(
        self,
        *,
        client: GatewayClient | None = None,
        sign_in: SignIn | None = None,
        connect: Connect = HttpGateway,
        desk: OpenDesk = HttpDesk,
        clock: Clock | None = None,
        emulators: EmulatorMaker = WorkerEmulator,
        open_at: OpenAt | None = None,
        readonly: bool = False,
        theme: str = DARK,
        guide: Guide | None = None,
    ) -> None:
        """`guide`: for whoever is at a demo for the first time."""
        super().__init__()
        self._client, self._connect, self._desk = client, connect, desk
        self._sign_in = sign_in or SignIn()
        self.clock: Clock = clock or SystemClock()
        self.emulators = emulators
        self.preview_stage = Stage(emulators)
        self.me: Me | None = None
        self.zone: Zone = "utc"
        self.sign_in_path = sign_in_file(os.environ)
        self.readonly = readonly
        self.guide = guide
        self.last_replay = open_at
        self._open_at = open_at
        self._feed: Feed | None = None
        self._calling: Calling | None = None
        self.reasons: list[str] = []
        """For which requests were denied here, the newest last."""
        for each in THEMES:
            self.register_theme(each)
        self.theme = theme
        # The toolkit's own themes lack the colours of recorded screens.
        for name in set(self.available_themes) - {each.name for each in THEMES}:
            self.unregister_theme(name)
        self.ansi_theme_dark = self.ansi_theme_light = STAGE_PALETTE

    @property
    def client(self) -> GatewayClient:
        assert self._client is not None, "screens open only once there is a client"
        return self._client

    @property
    def freshness(self) -> Freshness:
        return self._feed.freshness() if self._feed else Freshness("offline")

    @property
    def waiting(self) -> int | None:
        """So many requests wait for whoever sits here, as far as it is known."""
        return self._calling.waiting if self._calling else None

    @property
    def last_replay_id(self) -> str:
        return short_id(self.last_replay.session) if self.last_replay else ""

    async def on_mount(self) -> None:
        self.set_interval(1.0, self._every_second)
        if self._client is None:
            self._client = self._connect_kept()
        if self._client is None:
            self._ask_to_sign_in()
        else:
            self.begin(self._client)

    def _connect_kept(self) -> GatewayClient | None:
        if not self._sign_in.gateway or self._sign_in.token is None:
            return None
        try:
            return self._connect(self._sign_in.gateway, self._sign_in.token)
        except ValueError:
            return None

    async def try_token(self, gateway: str, token: Token) -> GatewayClient:
        """A client that the gateway knows. Raises `GatewayTrouble` or ValueError, one sentence each."""
        client = self._connect(gateway, token)
        try:
            self.me = await client.me()
        except GatewayTrouble:
            await client.close()
            raise
        return client

    def begin(self, client: GatewayClient) -> None:
        """Show the sessions of this gateway, and follow its feed."""
        if self._client is not None and self._client is not client:
            self.run_worker(self._client.close(), group="closing")
        self._client = client
        self._feed = Feed(client, self.clock, self._hear, self._refused)
        self._follow_feed(self._feed)
        self._calling = Calling(client.requests, self._called)
        self._follow_requests(self._calling)
        self._learn_who()
        self.push_screen(SessionsScreen(client, self.preview_stage))
        if self._open_at is not None:
            opening, self._open_at = self._open_at, None
            self.push_screen(ReplayScreen(opening.session, opening.at_us))

    @work(group="feed", exclusive=True)
    async def _follow_feed(self, feed: Feed) -> None:
        await feed.run()

    @work(group="requests", exclusive=True)
    async def _follow_requests(self, calling: Calling) -> None:
        await calling.run()

    def _called(self, fresh: int, waiting: int) -> None:
        """Something waits for whoever sits here, or does so no more."""
        self._write(title(waiting))
        if fresh:
            self.bell()
            self._write(desktop_notice(fresh, waiting, os.environ))
            what = "1 request waits" if fresh == 1 else f"{fresh} requests wait"
            self.say(safe(f"{what} for you: F2"))
        for screen in self.screen_stack:  # those below a box are seen, too
            if isinstance(screen, HoopScreen) and screen.is_mounted:
                screen.redraw()

    def _write(self, sequence: str) -> None:
        if self._driver is not None and sequence and not self.is_headless:
            self._driver.write(sequence)

    async def on_event(self, event: Event) -> None:
        """What is pasted comes from anywhere, and boxes to write in draw it as it is."""
        if isinstance(event, Paste):
            event.text = visible(event.text, keep="\r\n")
        await super().on_event(event)

    def remember_reason(self, reason: str) -> None:
        """For the next one that is denied."""
        self.reasons = [*(each for each in self.reasons if each != reason), reason][-_MOST_REASONS:]

    @work(group="me", exclusive=True)
    async def _learn_who(self) -> None:
        try:
            self.me = await self.client.me()
        except NotSignedIn as trouble:
            self.sign_in_again(trouble.sentence)
        except GatewayTrouble:
            return  # the header says offline already, and the feed's reconnect asks again
        self._redraw()

    def _refused(self, trouble: NotSignedIn) -> None:
        self.sign_in_again(trouble.sentence)

    def sign_in_again(self, sentence: str) -> None:
        """The token is no good (any more). A newer one that was kept meanwhile will do; else somebody has to sign in.

        What was open is opened again afterwards.
        """
        if isinstance(self.screen, SignInScreen | CodeScreen):
            return
        self.workers.cancel_group(self, "feed")
        self.workers.cancel_group(self, "requests")
        self.workers.cancel_group(self, "me")
        while len(self.screen_stack) > 1:
            if isinstance(self.screen, RecordingScreen):
                self._open_at = OpenAt(self.screen.session, self.screen.position_us)
            self.pop_screen()
        client = self._connect_renewed()
        if client is None:
            self._ask_to_sign_in(sentence)
        else:
            self.begin(client)

    def _connect_renewed(self) -> GatewayClient | None:
        """With the token that another command of ours has kept since, if so."""
        if not self._sign_in.kept:
            return None
        try:
            kept = read_sign_in(self.sign_in_path)
        except ValueError:
            return None
        before = self._sign_in
        if kept.gateway != before.gateway or kept.token is None or before.token is None:
            return None
        if kept.token.expose() == before.token.expose():
            return None
        self._sign_in = kept
        return self._connect_kept()

    def _ask_to_sign_in(self, sentence: str = "") -> None:
        """With a browser where the gateway is known, else with its address first."""
        try:
            self.push_screen(CodeScreen(self._desk(self._sign_in.gateway), sentence))
        except ValueError as problem:
            self.push_screen(
                SignInScreen(
                    self._sign_in.gateway, sentence or (str(problem) if self._sign_in.gateway else "")
                )
            )

    def use_browser(self, gateway: str) -> None:
        """From the token's screen. Raises ValueError for an address that secrets must not be sent to."""
        desk = self._desk(gateway)
        self._sign_in = SignIn(gateway)
        self.switch_screen(CodeScreen(desk))

    def use_token(self, sentence: str = "") -> None:
        """From the code's screen."""
        self.switch_screen(SignInScreen(self._sign_in.gateway, sentence))

    def _hear(self, event: FeedEvent) -> None:
        if event.topic == RECONNECTED and self.me is None:
            self._learn_who()
        if event.topic in ("approval", RECONNECTED) and self._calling is not None:
            self._calling.look()
        for screen in self.screen_stack:
            if isinstance(screen, HoopScreen):
                screen.hear(event)
        self._redraw()

    def _every_second(self) -> None:
        self._redraw()

    def _redraw(self) -> None:
        # While the app closes its screens, the feed may still bring a hint.
        stack = self.screen_stack
        if stack and isinstance(stack[-1], HoopScreen) and stack[-1].is_mounted:
            stack[-1].redraw()
            self.draw_guide()

    def draw_guide(self) -> None:
        """The strip of the demo, where there is one: on the screen that is in front, and on no other."""
        is_demo = self.me is not None and self.me.demo
        *behind, front = self.screen_stack
        if self.guide is not None and is_demo and isinstance(front, HoopScreen):
            for each in behind:
                each.query(GuideLine).remove()
            keep_guide(self.guide, front, self.waiting or 0)

    def leave_guide(self) -> bool:
        """True if there was one to send away."""
        is_there = self.guide is not None and not self.guide.is_over and bool(self.screen.query(GuideLine))
        if is_there and self.guide is not None:
            self.guide.leave()
            self.draw_guide()
        return is_there

    def say(self, words: Content, *, wrong: bool = False) -> None:
        """A short notice in the corner."""
        self.notify(words.plain, severity="warning" if wrong else "information", timeout=5, markup=False)

    def copy(self, text: str) -> None:
        """Into the clipboard, where the terminal allows it; the text is shown too, so it can be read."""
        shown = visible(text)
        self.copy_to_clipboard(shown)
        self.say(joined(safe("Copied: "), safe(shown)))

    def open_replay(self, session: str, at_us: int | None = None) -> None:
        """Show this recording, in place of the one that is open."""
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
        self.switch_screen(StatementsScreen(session, at_us))

    def remember(self, session: str, at_us: int) -> None:
        """Where F4 goes next."""
        self.last_replay = OpenAt(session, at_us)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        yield SystemCommand("Theme", "Dark, light or high contrast", self.action_change_theme)
        yield SystemCommand("Keys", "What each key does here", self.action_help)
        yield SystemCommand("Quit", "Leave the app", self.action_leave)

    def action_help(self) -> None:
        if isinstance(self.screen, HelpScreen):
            self.pop_screen()
        elif isinstance(self.screen, HoopScreen):
            self.push_screen(HelpScreen(self.screen.places))

    def action_show_sessions(self) -> None:
        if not isinstance(self.screen, SignInScreen | CodeScreen):
            self._uncover(SessionsScreen)

    def action_show_approvals(self) -> None:
        if isinstance(self.screen, SignInScreen | CodeScreen) or self._uncover(ApprovalsScreen):
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
        if not isinstance(self.screen, SessionsScreen | ApprovalsScreen):
            return
        if self.last_replay is not None:
            self.open_replay(self.last_replay.session, self.last_replay.at_us)
        elif isinstance(self.screen, SessionsScreen) and self.screen.chosen:
            self.open_replay(self.screen.chosen)
        else:
            self.say(safe("There is no session to replay yet."))

    def action_toggle_zone(self) -> None:
        self.zone = "local" if self.zone == "utc" else "utc"
        self._redraw()

    def action_leave(self) -> None:
        """Leave; whoever could not sign in leaves with the exit code that says so."""
        self.exit(NotSignedIn.exit_code if isinstance(self.screen, SignInScreen | CodeScreen) else 0)

    async def on_unmount(self) -> None:
        self.workers.cancel_all()
        await self.preview_stage.close()
        if self._client is not None:
            await self._client.close()
