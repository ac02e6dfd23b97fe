"""The app: it owns the connection, the feed and the clock; screens do the rest.

Next in the reading path: `screens/sessions.py`, `screens/replay.py`.
"""

import os
import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from rich.console import RenderableType
from textual import work
from textual.app import App, SystemCommand
from textual.events import Event, Paste
from textual.screen import Screen

from gateway.api.schema import FeedEvent, Me
from hoop_tui.calling import Calling
from hoop_tui.client import GatewayClient, HttpGateway
from hoop_tui.clock import Clock, SystemClock
from hoop_tui.errors import GatewayTrouble, NotSignedIn
from hoop_tui.feed import RECONNECTED, Feed, Freshness
from hoop_tui.going import Going
from hoop_tui.guide import Guide
from hoop_tui.keymap import shown_of
from hoop_tui.mistakes import FAILED
from hoop_tui.no_colour import colours
from hoop_tui.notices import desktop_notice, title
from hoop_tui.opening import AS_USUAL, FROM_THE_START, Begin, Manner, OpenAt
from hoop_tui.replay.worker import WorkerEmulator
from hoop_tui.safe_text import safe, visible
from hoop_tui.screen_table import SCREENS
from hoop_tui.screens.base import HoopScreen, RecordingScreen
from hoop_tui.sign_in import SignIn, Token, file_of, read_sign_in, sign_in_file
from hoop_tui.stage import EmulatorMaker, Stage
from hoop_tui.themes import NAMES, STAGE_PALETTE, THEMES
from hoop_tui.wording import Zone

if TYPE_CHECKING:
    from hoop_tui.login.desk import Desk
    from hoop_tui.palette import HoopProvider

_DRAW_SECONDS = 0.1
"""Between a hint and what is drawn for it."""

Connect = Callable[[str, Token], GatewayClient]
OpenDesk = Callable[[str], "Desk"]


def _desk(gateway: str) -> "Desk":
    from hoop_tui.login.desk import HttpDesk

    return HttpDesk(gateway)


def _finder() -> type["HoopProvider"]:
    from hoop_tui.palette import HoopProvider

    return HoopProvider


class HoopApp(Going):
    """Give it a `client`, or a `sign_in` to connect with. It returns the exit code."""

    TITLE = "hoop"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    COMMANDS = App.COMMANDS | {_finder}
    CSS_PATH = "app.tcss"

    def __init__(
        self,
        *,
        client: GatewayClient | None = None,
        sign_in: SignIn | None = None,
        connect: Connect = HttpGateway,
        desk: OpenDesk = _desk,
        clock: Clock | None = None,
        emulators: EmulatorMaker = WorkerEmulator,
        open_at: OpenAt | None = None,
        begin: Begin = FROM_THE_START,
        manner: Manner = AS_USUAL,
        guide: Guide | None = None,
    ) -> None:
        """`guide`: for whoever is at a demo for the first time."""
        with colours(not manner.plain):
            super().__init__(ansi_color=True if manner.plain else None)
        self._client, self._connect, self._desk = client, connect, desk
        self._sign_in = sign_in or SignIn()
        self.clock: Clock = clock or SystemClock()
        self.emulators = emulators
        self.preview_stage = Stage(emulators)
        self.me: Me | None = None
        self.zone: Zone = "utc"
        self.sign_in_path = sign_in_file(os.environ)
        self.manner = manner
        self.readonly = manner.readonly
        self.guide = guide
        self.last_replay = open_at
        self._open_at, self._begin = open_at, begin
        self._feed: Feed | None = None
        self._calling: Calling | None = None
        self.reasons = []
        self._draws_soon = False
        self.mistake: BaseException | None = None
        """In the program: it has ended the app."""
        for each in THEMES:
            self.register_theme(each)
        self.theme = manner.theme
        self.set_keymap(dict(manner.keys))
        if manner.plain:
            self.animation_level = "none"
            self.set_class(True, "plain")
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
        opening, self._open_at = self._open_at, None
        self.open_first(client, self._begin, opening)

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
            self.say(safe(f"{what} for you: {shown_of('everywhere.show_approvals', self.manner.keys)}"))
        for screen in self.screen_stack:  # those below a box are seen, too
            if isinstance(screen, HoopScreen) and screen.is_mounted:
                screen.redraw()

    def _write(self, sequence: str) -> None:
        if self._driver is not None and sequence and not self.is_headless:
            self._driver.write(sequence)

    async def on_event(self, event: Event) -> None:
        """What is pasted comes from anywhere, and boxes to write in draw it as it is."""
        if isinstance(event, Paste):
            from hoop_tui.widgets.editor import Editor  # few sessions need it

            event.text = visible(event.text, keep="\r\n\t" if isinstance(self.focused, Editor) else "\r\n")
        await super().on_event(event)

    @work(group="me", exclusive=True)
    async def _learn_who(self) -> None:
        try:
            self.me = await self.client.me()
        except NotSignedIn as trouble:
            self.sign_in_again(trouble.sentence)
        except GatewayTrouble:
            return  # the header says offline already, and the feed's reconnect asks again
        self.draw_again()

    def _refused(self, trouble: NotSignedIn) -> None:
        self.sign_in_again(trouble.sentence)

    def sign_in_again(self, sentence: str) -> None:
        """The token is no good (any more). A newer one that was kept meanwhile will do; else somebody has to sign in.

        What was open is opened again afterwards.
        """
        if self.is_signing_in:
            return
        self._leave_gateway()
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
            kept = read_sign_in(file_of(self.sign_in_path, self._sign_in.gateway))
        except ValueError:
            return None
        before = self._sign_in
        if kept.gateway != before.gateway or kept.token is None or before.token is None:
            return None
        if kept.token.expose() == before.token.expose():
            return None
        self._sign_in = kept
        return self._connect_kept()

    def go_to_gateway(self, gateway: str) -> None:
        """Leave this gateway for another, with the sign-in that is kept for that."""
        try:
            kept = read_sign_in(file_of(self.sign_in_path, gateway))
        except ValueError as problem:
            self.say(safe(str(problem), limit=200), wrong=True)
            return
        self._leave_gateway()
        self._sign_in = kept if kept.gateway == gateway else SignIn(gateway)
        self._open_at = None
        self.me, self.last_replay, self._begin = None, None, FROM_THE_START
        client = self._connect_kept()
        if client is None:
            self._ask_to_sign_in()
        else:
            self.begin(client)

    def _leave_gateway(self) -> None:
        """Nothing of it is followed or shown any more."""
        for group in ("feed", "requests", "me", "going", "looking"):
            self.workers.cancel_group(self, group)
        while len(self.screen_stack) > 1:
            if isinstance(self.screen, RecordingScreen):
                self._open_at = OpenAt(self.screen.session, self.screen.position_us)
            self.pop_screen()

    def _ask_to_sign_in(self, sentence: str = "") -> None:
        """With a browser where the gateway is known, else with its address first."""
        from hoop_tui.screens.sign_in_code import CodeScreen
        from hoop_tui.screens.signin import SignInScreen

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
        from hoop_tui.screens.sign_in_code import CodeScreen

        desk = self._desk(gateway)
        self._sign_in = SignIn(gateway)
        self.switch_screen(CodeScreen(desk))

    def use_token(self, sentence: str = "") -> None:
        """From the code's screen."""
        from hoop_tui.screens.signin import SignInScreen

        self.switch_screen(SignInScreen(self._sign_in.gateway, sentence))

    def _hear(self, event: FeedEvent) -> None:
        if event.topic == RECONNECTED and self.me is None:
            self._learn_who()
        if event.topic in ("approval", RECONNECTED) and self._calling is not None:
            self._calling.look()
        for screen in self.screen_stack:
            if isinstance(screen, HoopScreen):
                screen.hear(event)
        if event.topic != "recording":  # a console that draws grows a recording: that would never end
            self._draw_soon()

    def _draw_soon(self) -> None:
        """Once for all hints of a moment: a thousand of them in a second leave time for keys."""
        if not self._draws_soon:
            self._draws_soon = True
            self.set_timer(_DRAW_SECONDS, self._draw_now)

    def _draw_now(self) -> None:
        self._draws_soon = False
        self.draw_again()

    def _every_second(self) -> None:
        self.draw_again()

    def draw_again(self) -> None:
        """What depends on the time, the zone, or how fresh things are."""
        # While the app closes its screens, the feed may still bring a hint.
        stack = self.screen_stack
        if stack and isinstance(stack[-1], HoopScreen) and stack[-1].is_mounted:
            stack[-1].redraw()
            self.draw_guide()

    def draw_guide(self) -> None:
        """The strip of the demo, where there is one: on the screen that is in front, and on no other."""
        is_demo = self.me is not None and self.me.demo
        front = next(reversed(self.screen_stack), None)  # none: the app closes its screens
        if self.guide is not None and is_demo and isinstance(front, HoopScreen) and front.is_attached:
            from hoop_tui.widgets.guide_line import GuideLine, keep_guide

            for each in self.screen_stack[:-1]:
                each.query(GuideLine).remove()
            keep_guide(self.guide, front, self.waiting or 0)

    def leave_guide(self) -> bool:
        """True if there was one to send away."""
        if self.guide is None or self.guide.is_over or not self.screen.query("GuideLine"):
            return False
        self.guide.leave()
        self.draw_guide()
        return True

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        if not self.is_signing_in:
            for each in SCREENS:
                yield SystemCommand(each.title, each.does, partial(self.show_tab, each.name))
            yield from self._switches()
        for name, theme in NAMES.items():
            yield SystemCommand(f"Theme {name}", "Colours", partial(self.use_theme, theme))
        yield SystemCommand("Keys", "What each key does here", self.action_help)
        yield SystemCommand("Quit", "Leave the app", self.action_leave)

    def _switches(self) -> Iterable[SystemCommand]:
        if not self.readonly:
            yield SystemCommand("Read-only", "Nothing is changed from now on", lambda: self._look_only(True))
        elif not self.manner.readonly:
            yield SystemCommand("Read-only off", "Keys change things again", lambda: self._look_only(False))

    def _look_only(self, wanted: bool) -> None:
        self.readonly = wanted
        self.draw_again()

    def use_theme(self, theme: str) -> None:
        self.theme = theme

    def action_toggle_zone(self) -> None:
        self.zone = "local" if self.zone == "utc" else "utc"
        self.draw_again()

    def action_leave(self) -> None:
        """Leave; whoever could not sign in leaves with the exit code that says so."""
        self.exit(NotSignedIn.exit_code if self.is_signing_in else 0)

    def _fatal_error(self) -> None:
        """The toolkit would show the insides, with all values, and so the token."""
        self.mistake = self.mistake or sys.exc_info()[1] or self._exception
        self.exit(FAILED, FAILED)
        self._close_messages_no_wait()

    def panic(self, *renderables: RenderableType) -> None:
        """What errors say of themselves is not shown either."""
        self._fatal_error()

    async def on_unmount(self) -> None:
        self.workers.cancel_all()
        await self.preview_stage.close()
        if self._client is not None:
            await self._client.close()
