"""What staff do to a session that is live: hold back its input, say something, end it. The gateway decides who may.

Ending takes two steps: a box with a reason opens on Cancel's side, and one Enter too many ends nothing.
"""

from collections.abc import Awaitable, Callable, Iterator

from textual import on, work
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Input

from gateway.api.schema import FeedEvent, SessionState, SessionSummary
from hoop_tui.errors import GatewayTrouble, NotSignedIn
from hoop_tui.feed import RECONNECTED
from hoop_tui.keymap import Place, bindings
from hoop_tui.safe_text import safe
from hoop_tui.screens.base import HoopScreen
from hoop_tui.widgets.choice import Choice
from hoop_tui.widgets.footer_line import FooterLine
from hoop_tui.widgets.line import Line
from hoop_tui.widgets.panel import Panel
from hoop_tui.wording import short_id, target_of

READONLY = "This app was opened with --readonly: nothing is changed in it."


def title_of(session: SessionSummary) -> str:
    """`2B8CK4TQ  alice@example.com on ssh:web-1 PROD`"""
    target, env = target_of(session)
    return f"{short_id(session.id)}  {session.person} on {target} {env}".strip()


class SteeringScreen(HoopScreen):
    """Has a session that is chosen, and the keys that steer it. Each asks first how the session stands."""

    @property
    def steered(self) -> str:
        """The id of the session that is meant, or nothing."""
        raise NotImplementedError

    def action_pause(self) -> None:
        self._steer(self._toggle_pause)

    def action_message(self) -> None:
        self._steer(lambda session: self._open(MessageDialog(session)))

    def action_end(self) -> None:
        self._steer(lambda session: self._open(EndDialog(session)))

    @work(group="steering", exclusive=True)
    async def _steer(self, act: Callable[[SessionSummary], Awaitable[None]]) -> None:
        id = self.steered
        if self.hoop.readonly or not id:
            self.hoop.say(safe(READONLY if self.hoop.readonly else "No session is chosen."), wrong=True)
            return
        try:
            session = await self.hoop.client.session(id)
            if session.state is SessionState.LIVE:
                await act(session)
            else:
                self.hoop.say(safe(f"{short_id(id)} is over.", limit=80), wrong=True)
        except NotSignedIn as trouble:
            self.hoop.sign_in_again(trouble.sentence)
        except GatewayTrouble as trouble:
            self.hoop.say(safe(trouble.sentence), wrong=True)

    async def _toggle_pause(self, session: SessionSummary) -> None:
        client, id = self.hoop.client, short_id(session.id)
        if session.paused_by:
            await client.resume(session.id)
            self.hoop.say(safe(f"{id}: what {session.person} types goes on.", limit=160))
        else:
            await client.pause(session.id)
            self.hoop.say(safe(f"{id}: what {session.person} types waits, for five minutes.", limit=160))

    async def _open(self, dialog: "SteeringDialog") -> None:
        if self.is_current:
            self.hoop.push_screen(dialog)


class SteeringDialog(HoopScreen):
    """About one live session. Esc and the first button leave; when the session ends nothing is left to press."""

    places: tuple[Place, ...] = ("dialog", "choices")
    BINDINGS = bindings("dialog")
    CSS_PATH = "dialog.tcss"
    AUTO_FOCUS = "#text"

    def __init__(self, session: SessionSummary, heading: str, ask: str, button: str) -> None:
        super().__init__()
        self._session, self._heading, self._ask = session, heading, ask
        self._text = Input(id="text", compact=True, max_length=300)
        self._do, self._leave = Choice(button, id="do"), Choice("Cancel  Esc", id="leave")
        self._said = Line(id="said")
        self._busy = False

    def parts(self) -> Iterator[Widget]:
        yield Line(safe(self._ask, limit=200), classes="asked")
        yield self._text

    def compose(self) -> ComposeResult:
        with Panel(id="dialog"):
            yield from self.parts()
            yield self._said
            with Panel(id="buttons"):
                yield self._leave
                yield self._do
        yield FooterLine(*self.places)

    def on_mount(self) -> None:
        self.query_one("#dialog", Panel).set_heading(
            safe(self._heading, "bold", limit=120), safe("Esc changes nothing", "$text-muted")
        )

    @on(Choice.Chosen, "#leave")
    def _left(self) -> None:
        self.action_back()

    def action_back(self) -> None:
        self.dismiss()

    def action_earlier(self, by: int) -> None:
        """There are no earlier ones."""

    def hear(self, event: FeedEvent) -> None:
        if event.topic == RECONNECTED or (event.topic == "session" and event.key == self._session.id):
            self._look_again()

    @work(group="look", exclusive=True)
    async def _look_again(self) -> None:
        try:
            now = await self.hoop.client.session(self._session.id)
        except GatewayTrouble:
            return
        if now.state is not SessionState.LIVE and not self._busy:
            self._tell(f"{short_id(now.id)} is over. Close this.")
            self._do.display, self._text.disabled = False, True
            self._leave.focus()

    def _tell(self, sentence: str) -> None:
        self._said.show(safe(sentence, "$text-warning", limit=400))

    @work(group="act", exclusive=True)
    async def act(self, asked: Callable[[], Awaitable[SessionSummary]], done: str) -> None:
        """Tell the gateway, and leave if it took it."""
        if self._busy:
            return
        self._busy = True
        self._tell("Telling the gateway ...")
        try:
            await asked()
        except NotSignedIn as trouble:
            self.hoop.sign_in_again(trouble.sentence)
        except GatewayTrouble as trouble:
            self._tell(trouble.sentence)
        else:
            self.dismiss()
            self.hoop.say(safe(done, limit=160))
        finally:
            self._busy = False


class MessageDialog(SteeringDialog):
    """One line for the person, in their own terminal."""

    def __init__(self, session: SessionSummary) -> None:
        heading = f"Message to {title_of(session)}"
        super().__init__(
            session, heading, f"{session.person[:100]} reads it at once, in their terminal:", "Say it"
        )

    @on(Input.Submitted, "#text")
    @on(Choice.Chosen, "#do")
    def _say_it(self) -> None:
        text, id = self._text.value.strip(), self._session.id
        if text:
            self.act(lambda: self.hoop.client.message(id, text), f"Said to {self._session.person}.")
        else:
            self._tell("Say something.")


class EndDialog(SteeringDialog):
    """The end of a session: a reason, which may be empty, then Cancel, then the button that does it."""

    def __init__(self, session: SessionSummary) -> None:
        ask = "It ends at once. Why? The person is told, word for word:"
        super().__init__(session, f"End {title_of(session)} ?", ask, "End it")

    @on(Input.Submitted, "#text")
    def _written(self) -> None:
        self._leave.focus()  # one Enter too many must not end anything

    @on(Choice.Chosen, "#do")
    def _end(self) -> None:
        reason, id = self._text.value.strip(), self._session.id
        self.act(lambda: self.hoop.client.end(id, reason), f"{short_id(id)} was ended.")
