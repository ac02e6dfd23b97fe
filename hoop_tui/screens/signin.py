"""Which gateway, and a token for it, for those who have one. The token is never shown, nor written to a log."""

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Center
from textual.content import Content
from textual.widgets import Button, Input

from hoop_tui.address import base_url
from hoop_tui.errors import GatewayTrouble
from hoop_tui.keymap import Place
from hoop_tui.safe_text import safe, visible
from hoop_tui.screens.base import SigningIn
from hoop_tui.sign_in import Token, keep_sign_in, make_room
from hoop_tui.widgets.footer_line import FooterLine
from hoop_tui.widgets.line import Line
from hoop_tui.widgets.panel import Panel
from hoop_tui.widgets.tick_box import TickBox


class SignInScreen(SigningIn):
    """Asks until the gateway knows the token. Without one, a browser is the next way to try."""

    places: tuple[Place, ...] = ("signin",)
    CSS_PATH = "signin.tcss"
    AUTO_FOCUS = ""

    def __init__(self, gateway: str, sentence: str = "") -> None:
        super().__init__()
        self._gateway, self._sentence = gateway, sentence

    def compose(self) -> ComposeResult:
        with Panel(id="signin"):
            yield Line(safe("Gateway", "$text-muted"))
            yield Input(
                visible(self._gateway), placeholder="https://hoop.example.com", id="gateway", compact=True
            )
            yield Line(safe("Token; leave it empty to sign in with a browser", "$text-muted"))
            yield Input(
                password=True, placeholder="from: hoop-gateway token create", id="token", compact=True
            )
            yield TickBox(safe("Keep it on this computer"), id="keep")
            yield Line(safe(self._sentence, "$text-warning"), id="sentence")
            with Center():
                yield Button("Sign in", id="go", variant="primary", compact=True)
        yield FooterLine(*self.places)

    def on_mount(self) -> None:
        self.query_one(Panel).set_heading(safe("Sign in to hoop", "bold"))
        self.set_focus(self.query_one("#token" if self._gateway else "#gateway"))

    @on(Input.Submitted, "#gateway")
    def _next(self) -> None:
        self.set_focus(self.query_one("#token"))

    @on(Input.Submitted, "#token")
    @on(Button.Pressed)
    def _go(self) -> None:
        if self.query_one("#token", Input).value:
            self._try()
            return
        try:
            self.hoop.use_browser(base_url(self.query_one("#gateway", Input).value))
        except ValueError as problem:
            self._say(safe(str(problem), "$text-warning"))
            self.set_focus(self.query_one("#gateway"))

    @work(group="signin", exclusive=True)
    async def _try(self) -> None:
        self._say(safe("Asking the gateway", "$text-muted"))
        try:
            gateway = base_url(self.query_one("#gateway", Input).value)
            token = Token(self.query_one("#token", Input).value)
            client = await self.hoop.try_token(gateway, token)
        except (GatewayTrouble, ValueError) as trouble:
            self._say(safe(str(trouble), "$text-warning"))
            self.query_one("#token", Input).value = ""
            self.set_focus(self.query_one("#token"))
            return
        if self.query_one(TickBox).ticked:
            self._keep(gateway, token)
        self.hoop.pop_screen()
        self.hoop.begin(client)

    def _keep(self, gateway: str, token: Token) -> None:
        try:
            make_room(self.hoop.sign_in_path, gateway)
            keep_sign_in(self.hoop.sign_in_path, gateway, token)
        except OSError:
            self.hoop.say(
                safe("The sign-in could not be kept; you are signed in until you leave."), wrong=True
            )

    def _say(self, words: Content) -> None:
        self.query_one("#sentence", Line).show(words)

    def action_back(self) -> None:
        self.hoop.action_leave()
