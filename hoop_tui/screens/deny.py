"""The box before a no: a reason, which the person reads word for word. Several requests can get the same one."""

from collections.abc import Iterator, Sequence

from textual import on, work
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input

from gateway.api.schema import RequestCard
from hoop_tui.errors import GatewayTrouble
from hoop_tui.request_words import where
from hoop_tui.safe_text import safe, stacked, visible
from hoop_tui.screens.dialog import NOT_KNOWN, Dialog
from hoop_tui.widgets.choice import Choice
from hoop_tui.widgets.line import Line

_MOST_LISTED = 8


class DenyDialog(Dialog):
    """`cards`: at least one."""

    AUTO_FOCUS = "#reason"

    def __init__(self, cards: Sequence[RequestCard]) -> None:
        super().__init__(cards[0])
        self._cards = list(cards)
        self._reason = Input(id="reason", compact=True, max_length=300)
        self._no = Choice("Deny" if len(cards) == 1 else f"Deny {len(cards)}", id="no")
        self._at = 0

    def heading(self) -> Content:
        if len(self._cards) == 1:
            return safe(f"Deny {self.card.id} ?", "bold")
        return safe(f"Deny {len(self._cards)} requests ?", "bold")

    def parts(self) -> Iterator[Widget]:
        lines = [
            safe(
                f"{card.id}  {card.who.person}  {where(card.where.kind, card.where.target, '')}  "
                f"{' '.join(card.statement.text[:120].split())}",
                limit=200,
            )
            for card in self._cards[:_MOST_LISTED]
        ]
        if len(self._cards) > _MOST_LISTED:
            lines.append(safe(f"and {len(self._cards) - _MOST_LISTED} more"))
        yield Line(stacked(*lines), id="statement")
        yield Line(
            safe("Reason, which they read word for word (↑: one that you gave before):"), classes="asked"
        )
        yield self._reason

    def buttons(self) -> Iterator[Choice]:
        yield self._no

    def redraw(self) -> None:
        if not self.is_over:
            self._no.allow("" if self._reason.value.strip() else "it takes a reason")

    @on(Input.Changed, "#reason")
    def _written(self) -> None:
        self.redraw()

    def action_earlier(self, by: int) -> None:
        reasons = self.hoop.reasons
        if reasons:
            self._at = min(max(self._at + by, 0), len(reasons))
            self._reason.value = visible(reasons[-self._at]) if self._at else ""
            self._reason.cursor_position = len(self._reason.value)

    @on(Input.Submitted, "#reason")
    def _submitted(self) -> None:
        self._no.focus()  # one Enter too many must not decide

    @on(Choice.Chosen, "#no")
    def _deny(self) -> None:
        reason = self._reason.value.strip()
        if not reason:
            self.tell("Say why: the person reads it.")
            self._reason.focus()
            return
        self.hoop.remember_reason(reason)
        if len(self._cards) == 1:
            self.say(
                lambda: self.hoop.client.requests.deny(self.card, reason),
                lambda card: f"{card.id} is denied.",
            )
        else:
            self._deny_all(reason)

    @work(group="say", exclusive=True)
    async def _deny_all(self, reason: str) -> None:
        denied, troubles = 0, []
        for card in self._cards:
            try:
                await self.hoop.client.requests.deny(card, reason)
                denied += 1
            except GatewayTrouble as trouble:
                lost = "" if trouble.is_answer else f" {NOT_KNOWN}"
                troubles.append(f"{trouble.sentence}{lost}")
        self.dismiss()
        said = f"{denied} denied" + (f"; not all: {troubles[0]}" if troubles else ".")
        self.hoop.say(safe(said), wrong=bool(troubles))
