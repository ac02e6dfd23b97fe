"""The box for another text: what is asked for, to be changed, and what that changes. It runs nothing."""

from collections.abc import Iterator

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input

from gateway.api.schema import RequestCard
from hoop_tui.diff_lines import diff_lines
from hoop_tui.guard import Guard
from hoop_tui.safe_text import safe
from hoop_tui.screens.dialog import Dialog
from hoop_tui.widgets.choice import Choice
from hoop_tui.widgets.editor import Editor, is_all_visible
from hoop_tui.widgets.line import Line
from hoop_tui.widgets.lines_view import LinesView

LONGEST = 20_000
"""Letters: what is longer is amended by `hoop-tui review amend --file`."""
_WIDTH = 80


def why_no_box(card: RequestCard) -> str:
    """Why a card can not be amended at all; empty where it can."""
    if card.about == "access" or card.verb in ("typed", "shell", "connect", "subsystem"):
        return "There is no other text for this: say in a comment what you would let through."
    if len(card.statement.text) > LONGEST:
        return f"It is too long for a box: hoop-tui review amend {card.id} --file ..."
    return ""


class AmendDialog(Dialog):
    """Begins with the text that is asked for, where all of it can be seen."""

    AUTO_FOCUS = "#text"

    def __init__(self, card: RequestCard, guard: Guard) -> None:
        super().__init__(card)
        self._guard = guard
        text = card.statement.text
        self._is_plain = is_all_visible(text) and not card.statement.raw
        self._text = Editor(text if self._is_plain else "", id="text")
        self._reason = Input(id="reason", compact=True, max_length=300)
        self._changes = LinesView(id="changes")
        self._propose = Choice("Propose", id="propose")

    def heading(self) -> Content:
        return safe(f"Amend {self.card.id}", "bold")

    def parts(self) -> Iterator[Widget]:
        who = self.card.who.person
        yield Line(safe(f"It runs only if {who} accepts it.", limit=120), classes="asked")
        if not self._is_plain:
            hidden = "What is asked for has characters that nobody sees, so this begins empty."
            yield Line(safe(hidden, "$text-warning"), classes="asked")
        yield self._text
        yield Line(safe("What that changes:", "$text-muted"), classes="asked")
        yield self._changes
        yield Line(safe(f"Reason, which {who} reads:", limit=120), classes="asked")
        yield self._reason

    def buttons(self) -> Iterator[Choice]:
        yield self._propose

    def why_not(self) -> str:
        """Why nothing can be proposed now; empty where it can."""
        if self.is_over:
            return "It has changed meanwhile."
        if why := self._guard.why_not(self.card, self.hoop.freshness):
            return why
        text = self._text.text
        if not text.strip():
            return "Write what is to run instead."
        if text == self.card.statement.text:
            return "This is what is asked for already."
        return ""

    def redraw(self) -> None:
        if not self.is_over:
            self._propose.allow(self.why_not())

    @on(Editor.Changed, "#text")
    def _written(self) -> None:
        width = max(20, self._changes.size.width - 3 or _WIDTH)
        self._changes.extend_to(list(diff_lines(self.card.statement.text, self._text.text, width)))
        self.redraw()

    @on(Input.Submitted, "#reason")
    def _submitted(self) -> None:
        self._propose.focus()  # one Enter too many must not propose

    @on(Choice.Chosen, "#propose")
    def _say_it(self) -> None:
        if why := self.why_not():
            self.tell(why)
            return
        text, reason = self._text.text, self._reason.value.strip()
        self.say(
            lambda: self.hoop.client.requests.amend(self.card, text, reason),
            lambda card: f"{card.id}: {card.who.person} is told, and may accept it.",
        )

    def close_doors(self, now: RequestCard) -> None:
        super().close_doors(now)
        self._text.disabled = True
