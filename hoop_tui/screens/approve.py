"""The box before a yes: what is let through, how much of it, and for great risks the name of the target, typed."""

from collections.abc import Iterator

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input

from gateway.api.schema import RequestCard
from hoop_tui.guard import Guard
from hoop_tui.request_words import where
from hoop_tui.safe_text import joined, safe, stacked
from hoop_tui.screens.deny import DenyDialog
from hoop_tui.screens.dialog import Dialog
from hoop_tui.widgets.choice import Choice
from hoop_tui.widgets.line import Line
from hoop_tui.widgets.scope_choice import ScopeChoice
from hoop_tui.widgets.tick_box import TickBox

GREAT = frozenset({"high", "critical"})
_LINES = 6
_LETTERS = 600


class ApproveDialog(Dialog):
    """`wider`: begins with more than this once."""

    places = ("dialog", "choices", "scopes")

    def __init__(self, card: RequestCard, guard: Guard, *, wider: bool = False) -> None:
        super().__init__(card)
        self._guard = guard
        self._scopes = ScopeChoice(card.rule.scopes, wider=wider, id="scopes")
        self._note = Input(id="note", compact=True, max_length=300)
        self._target = Input(id="name", compact=True, max_length=200)
        self._watch = TickBox(safe("watch afterwards"), id="watch")
        self._yes = Choice(_yes_words(card), id="yes")

    def heading(self) -> Content:
        return safe(f"Approve {self.card.id} ?", "bold")

    def parts(self) -> Iterator[Widget]:
        card = self.card
        verb = "in to" if card.verb == "connect" else "run this on"
        named = where(card.where.kind, card.where.target, card.where.labels.get("env", ""))
        yield Line(
            joined(
                safe("You let  "),
                safe(card.who.person, "bold", limit=100),
                safe(f"  {verb}  "),
                safe(named, "bold", limit=100),
                safe("  now:"),
            )
        )
        yield Line(_beginning(card), id="statement")
        yield Line(safe("Scope: ← and → on it", "$text-muted"), classes="asked")
        yield self._scopes
        yield Line(
            safe(f"Note, shown to {card.who.person} and kept in the audit:", limit=120), classes="asked"
        )
        yield self._note
        if card.about == "operation" and card.where.session:
            yield self._watch
        if self._is_great:
            risk = card.risk.word.upper()
            yield Line(
                safe(f"{risk} risk: type the target's name to enable Approve:", "bold $text-error"),
                classes="asked",
            )
            yield self._target

    def buttons(self) -> Iterator[Choice]:
        yield Choice("Deny..", id="no")
        yield self._yes

    @property
    def _is_great(self) -> bool:
        return self.card.risk.word in GREAT

    def why_not(self) -> str:
        """Why Approve does nothing now; empty where it does."""
        if self.is_over:
            return "It has changed meanwhile."
        if why := self._guard.why_not_yes(self.card, self.hoop.freshness, seen=True):
            return why
        if self._is_great and self._target.value.strip() != self.card.where.target:
            return "Type the name of the target first: it stands above."
        return ""

    def redraw(self) -> None:
        if not self.is_over:
            self._yes.allow(self.why_not())

    @on(Input.Changed, "#name")
    def _named(self) -> None:
        self.redraw()

    @on(Choice.Chosen, "#no")
    def _rather_not(self) -> None:
        self.hoop.switch_screen(DenyDialog([self.card]))

    @on(Choice.Chosen, "#yes")
    def _approve(self) -> None:
        if why := self.why_not():
            self.tell(why)
            return
        scope = self._scopes.chosen
        self.say(
            lambda: self.hoop.client.requests.approve(self.card, self._note.value.strip(), scope),
            self._approved,
        )

    def _approved(self, card: RequestCard) -> str:
        if card.state != "approved":
            return f"Your yes to {card.id} counts; it waits for others still."
        if self._watch.ticked:
            self.hoop.open_replay(card.where.session)
        return f"{card.id} is approved."


def _yes_words(card: RequestCard) -> str:
    if card.rule.needed < 2:
        return "Approve"
    said = sum(each.granted for each in card.decisions)
    return f"Approve {said + 1} of {card.rule.needed}"


def _beginning(card: RequestCard) -> Content:
    text = card.statement.text
    lines = text[:_LETTERS].split("\n")
    shown = [safe(line, "bold", limit=200) for line in lines[:_LINES]]
    if len(text) > _LETTERS or len(lines) > _LINES:
        size = f"{card.statement.size:,} bytes, {card.statement.lines:,} lines"
        shown.append(safe(f"... {size}: the card has all of it", "$text-warning"))
    return stacked(*shown)
