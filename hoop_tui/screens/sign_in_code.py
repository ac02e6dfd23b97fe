"""Signing in with a browser: a page to open anywhere, the code it must show, its address as a picture for phones.

`o` takes the browser of this computer, which needs no code. What the gateway says goes through `safe_text`.
"""

import os
from datetime import datetime, timedelta

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Resize

from hoop_tui.errors import GatewayTrouble, NotFound
from hoop_tui.keymap import Place, bindings
from hoop_tui.login import browser, device
from hoop_tui.login.answers import SignedIn
from hoop_tui.login.desk import Desk
from hoop_tui.login.renewal import keep
from hoop_tui.safe_text import joined, safe
from hoop_tui.screens.base import SigningIn
from hoop_tui.sign_in import make_room
from hoop_tui.widgets.footer_line import FooterLine
from hoop_tui.widgets.line import Line
from hoop_tui.widgets.panel import Panel
from hoop_tui.widgets.qr import Qr
from hoop_tui.wording import clock_length

_WORDS_WIDTH = 32
"""Below this, the words are worth more than the picture."""
_AROUND = 6
"""Cells beside the words and the picture: edges and blanks."""
_WIDEST = 84
_LINES_AROUND = 3


class CodeScreen(SigningIn):
    """Asks for a code, and waits until somebody has confirmed it."""

    places: tuple[Place, ...] = ("code",)
    BINDINGS = bindings("code")
    CSS_PATH = "sign_in_code.tcss"
    AUTO_FOCUS = ""

    def __init__(self, desk: Desk, sentence: str = "") -> None:
        super().__init__()
        self._desk, self._sentence = desk, sentence
        self._code: device.Code | None = None
        self._ends_at: datetime | None = None
        self._qr = Qr()

    def compose(self) -> ComposeResult:
        with Panel(id="code"), Horizontal(id="beside"):
            with Vertical(id="words"):
                yield Line(safe("Gateway", "$text-muted"))
                yield Line(safe(self._desk.url, limit=200), classes="words")
                yield Line(safe("Open this page", "$text-muted"), classes="gap")
                yield Line(id="page", classes="words")
                yield Line(safe("If it asks for a code", "$text-muted"), classes="gap")
                yield Line(id="shown")
                yield Line(id="left", classes="gap")
                yield Line(safe(self._sentence, "$text-warning"), id="sentence", classes="words gap")
            yield self._qr
        yield FooterLine(*self.places)

    def on_mount(self) -> None:
        self.query_one(Panel).set_heading(safe("Sign in to hoop", "bold"))
        self._ask()

    def on_resize(self, event: Resize) -> None:
        self._fit(event.size.width, event.size.height)

    def _fit(self, width: int, height: int) -> None:
        self._qr.fit(min(width, _WIDEST) - _WORDS_WIDTH - _AROUND, height - _LINES_AROUND)

    @work(group="code", exclusive=True)
    async def _ask(self) -> None:
        """A code, and then the token for it. Broken lines are tried again; an end is said, and `r` begins anew."""
        self._show(None)
        self._left(safe("Asking the gateway", "$text-muted"))
        try:
            code = await device.ask(self._desk)
            self._show(code)
            signed_in = await device.confirmed(self._desk, code)
        except NotFound:
            self.hoop.use_token("This gateway has no sign-in with a browser; use a token.")
            return
        except GatewayTrouble as trouble:
            self._show(None)
            self._left(safe("r asks for a new code", "$text-muted"))
            self._say(trouble.sentence)
            return
        await self._enter(signed_in)

    @work(group="browser", exclusive=True)
    async def _browse(self) -> None:
        self._say("Your browser opens; sign in there.")
        try:
            signed_in = await browser.sign_in(self._desk, browser.open_page)
        except GatewayTrouble as trouble:
            self._say(trouble.sentence)
            return
        except OSError:
            self._say("No port is free on this computer for the browser to come back to; use the code.")
            return
        await self._enter(signed_in)

    async def _enter(self, signed_in: SignedIn) -> None:
        self._left(safe("Signing in", "$text-muted"))
        try:
            client = await self.hoop.try_token(self._desk.url, signed_in.token)
        except GatewayTrouble as trouble:
            self._say(trouble.sentence)
            return
        try:
            make_room(self.hoop.sign_in_path, self._desk.url)
            keep(self.hoop.sign_in_path, self._desk.url, signed_in, renewable=True)
        except OSError:
            self.hoop.say(
                safe("The sign-in could not be kept; you are signed in until you leave."), wrong=True
            )
        if signed_in.note:
            self.hoop.say(safe(signed_in.note, limit=400), wrong=True)
        self.hoop.pop_screen()
        self.hoop.begin(client)

    def _show(self, code: device.Code | None) -> None:
        self._code = code
        self._ends_at = self.hoop.clock.now() + timedelta(seconds=code.seconds) if code else None
        self.query_one("#page", Line).show(safe(code.page if code else "-", "bold"))
        self.query_one("#shown", Line).show(safe(code.shown if code else "-", "bold $text-accent"))
        if code:
            self._say(self._sentence)
        self._qr.tell(code.page if code else "")
        self._fit(self.size.width, self.size.height)
        self.redraw()

    def redraw(self) -> None:
        if self._ends_at is not None:
            left = self._ends_at - self.hoop.clock.now()
            self._left(joined(safe("Time left ", "$text-muted"), safe(clock_length(left))))

    def _left(self, words: Content) -> None:
        self.query_one("#left", Line).show(words)

    def _say(self, sentence: str) -> None:
        self.query_one("#sentence", Line).show(safe(sentence, "$text-warning", limit=400))

    def action_reload(self) -> None:
        self._sentence = ""
        self._say("")
        self._ask()

    def action_open_browser(self) -> None:
        if browser.has_browser(os.environ):
            self._browse()
        else:
            self._say("There is no browser on this computer; open the page on another one.")

    def action_use_token(self) -> None:
        self.hoop.use_token()

    def action_copy(self) -> None:
        if self._code is not None:
            self.hoop.copy(self._code.page)

    def action_back(self) -> None:
        self.hoop.action_leave()
