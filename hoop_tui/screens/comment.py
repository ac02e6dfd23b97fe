"""The box for a word to whoever asks, and to everybody who decides."""

from collections.abc import Iterator

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input

from gateway.api.schema import RequestCard
from hoop_tui.safe_text import safe
from hoop_tui.screens.dialog import Dialog
from hoop_tui.widgets.choice import Choice
from hoop_tui.widgets.line import Line


class CommentDialog(Dialog):
    """Decides nothing."""

    AUTO_FOCUS = "#text"

    def __init__(self, card: RequestCard) -> None:
        super().__init__(card)
        self._text = Input(id="text", compact=True, max_length=300)
        self._send = Choice("Say it", id="send")

    def heading(self) -> Content:
        return safe(f"Comment on {self.card.id}", "bold")

    def parts(self) -> Iterator[Widget]:
        yield Line(
            safe(f"{self.card.who.person} reads it at once, in their own client:", limit=160), classes="asked"
        )
        yield self._text

    def buttons(self) -> Iterator[Choice]:
        yield self._send

    def redraw(self) -> None:
        if not self.is_over:
            self._send.allow("" if self._text.value.strip() else "say something")

    @on(Input.Changed, "#text")
    def _written(self) -> None:
        self.redraw()

    @on(Input.Submitted, "#text")
    @on(Choice.Chosen, "#send")
    def _say_it(self) -> None:
        text = self._text.value.strip()
        if text:
            self.say(
                lambda: self.hoop.client.requests.comment(self.card.id, text),
                lambda card: f"Said about {card.id}.",
            )
