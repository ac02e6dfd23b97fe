"""What the boxes that decide have in common: they show what they are about, and close their doors when it changes.

Esc and the first button leave without deciding anything; nothing is chosen beforehand but that.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input

from gateway.api.schema import FeedEvent, RequestCard
from hoop_tui.errors import GatewayTrouble, NotSignedIn
from hoop_tui.feed import RECONNECTED
from hoop_tui.keymap import Place, bindings
from hoop_tui.request_words import history
from hoop_tui.safe_text import safe
from hoop_tui.screens.base import HoopScreen
from hoop_tui.widgets.choice import Choice
from hoop_tui.widgets.footer_line import FooterLine
from hoop_tui.widgets.line import Line
from hoop_tui.widgets.panel import Panel

NOT_KNOWN = "Whether it counted is not known."
_PAUSE_SECONDS = 1.0
"""Between two looks at what became of a decision that got no answer."""


class Dialog(HoopScreen):
    """About one request, as `card` shows it."""

    places: tuple[Place, ...] = ("dialog", "choices")
    BINDINGS = bindings("dialog")
    CSS_PATH = "dialog.tcss"
    AUTO_FOCUS = "#leave"

    def __init__(self, card: RequestCard) -> None:
        super().__init__()
        self.card = card
        self.is_over = False
        """What it is about has changed or ended: nothing can be decided in here any more."""
        self._said = Line(id="said")
        self._busy = False
        self._lost = ""
        """Why nobody knows whether what was said in here has counted."""

    def heading(self) -> Content:
        """The words in the top edge."""
        return safe(self.card.id, "bold")

    def parts(self) -> Iterator[Widget]:
        """What stands above the buttons."""
        yield from ()

    def buttons(self) -> Iterator[Choice]:
        """Beside the one that leaves."""
        yield from ()

    def compose(self) -> ComposeResult:
        with Panel(id="dialog"):
            yield from self.parts()
            yield self._said
            with Panel(id="buttons"):
                yield Choice("Cancel  Esc", id="leave")
                yield from self.buttons()
        yield FooterLine(*self.places)

    def on_mount(self) -> None:
        self.query_one("#dialog", Panel).set_heading(
            self.heading(), safe("Esc decides nothing", "$text-muted")
        )
        self.redraw()

    @on(Choice.Chosen, "#leave")
    def _leave(self) -> None:
        self.action_back()

    def action_back(self) -> None:
        self.dismiss()

    def action_earlier(self, by: int) -> None:
        """Boxes that take a reason know earlier ones."""

    def hear(self, event: FeedEvent) -> None:
        if event.topic == RECONNECTED or (event.topic == "approval" and event.key == self.card.id):
            self._look_again()

    @work(group="look", exclusive=True)
    async def _look_again(self) -> None:
        while (now := await self._read_again()) is None:
            if self._busy or not self._lost:
                return  # the line is down: why nothing can be decided is said already
            self.tell(f"{self._lost} {NOT_KNOWN}")
            await asyncio.sleep(_PAUSE_SECONDS)
        if self._busy or self not in self.app.screen_stack:  # it has been left meanwhile, and is taken apart
            return
        if now.mark != self.card.mark:
            self.close_doors(now)
        elif self._lost:
            self.tell(f"{self._lost} It has not counted: {now.id} is {now.state} still.")
            self._lost = ""

    async def _read_again(self) -> RequestCard | None:
        try:
            return await self.hoop.client.requests.card(self.card.id)
        except GatewayTrouble:
            return None

    def close_doors(self, now: RequestCard) -> None:
        """It is not what was shown when the box opened."""
        self.is_over = True
        said = history(now)
        what = said[-1].partition("  ")[2] if said else f"it is {now.state}"
        self.tell(f"{now.id} has changed: {what}. Close this and look again.")
        for each in self.query(Choice):
            if each.id != "leave":
                each.display = False
        for box in self.query(Input):
            box.disabled = True
        self.query_one("#leave", Choice).allow(words="Close  Esc")
        self.query_one("#leave", Choice).focus()

    def tell(self, sentence: str) -> None:
        """Why it did not happen."""
        self._said.show(safe(sentence, "$text-warning"))

    @work(group="say", exclusive=True)
    async def say(
        self, act: Callable[[], Awaitable[RequestCard]], done: Callable[[RequestCard], str]
    ) -> None:
        """Tell the gateway, and leave if it took it."""
        if self._busy or self.is_over:
            return
        self._busy, self._lost = True, ""
        self.tell("Telling the gateway ...")
        try:
            card = await act()
        except NotSignedIn as trouble:
            self.hoop.sign_in_again(trouble.sentence)
        except GatewayTrouble as trouble:
            self._lost = "" if trouble.is_answer else trouble.sentence
            self.tell(f"{self._lost} {NOT_KNOWN} Looking ..." if self._lost else trouble.sentence)
            self._busy = False
            self._look_again()
        else:
            self.dismiss()
            self.hoop.say(safe(done(card)))
            if self.hoop.guide is not None and card.state != "held":
                self.hoop.guide.decided()
        finally:
            self._busy = False
