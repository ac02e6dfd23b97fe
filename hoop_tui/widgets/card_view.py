"""The card of a request, which knows how much of the statement somebody has had before their eyes.

Whoever jumps to the end has not seen what is between: what counts is what was on the screen, from the top on.
"""

from textual.events import Resize

from gateway.api.schema import RequestCard
from hoop_tui.card_lines import CardLines, card_lines
from hoop_tui.widgets.lines_view import LinesView

_EDGES = 3
"""Cells that the text leaves free: a blank on the left, the scroll bar and a blank on the right."""


class CardView(LinesView):
    """`show_card(card)`; None empties it."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.card: RequestCard | None = None
        self._laid_out = CardLines((), 0)
        self._raw = False
        self._width = 0
        self._seen = 0
        self._has_seen_all = False

    @property
    def raw(self) -> bool:
        return self._raw

    @property
    def has_seen_all(self) -> bool:
        """All of the statement was on the screen, from its first line to its last."""
        return self._has_seen_all

    def show_card(self, card: RequestCard | None) -> None:
        """Another request begins at the top; the same one stays where it is."""
        before, self.card = self.card, card
        is_same = before is not None and card is not None and _shown(before) == _shown(card)
        if not is_same:
            self._raw = False
            self._has_seen_all = False
            self._seen = 0
        self._lay_out(stay=is_same)

    def toggle_raw(self) -> None:
        """The statement as text, or as bytes."""
        self._raw = not self._raw
        self._seen = 0
        self._lay_out(stay=False)

    def half_a_page(self, direction: int) -> None:
        self.scroll_by(direction * max(1, self.size.height // 2))

    def on_resize(self, _: Resize) -> None:
        if self._width != self.size.width:
            self._seen = 0
            self._lay_out(stay=True)
        self._note()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._note()

    def _lay_out(self, *, stay: bool) -> None:
        self._width = self.size.width
        if self.card is None or self._width <= _EDGES:
            self._laid_out = CardLines((), 0)
        else:
            self._laid_out = card_lines(self.card, self._width - _EDGES, raw=self._raw)
        if stay:
            self.extend_to(self._laid_out.lines)
        else:
            self.show(self._laid_out.lines)
        self.call_after_refresh(self._note)

    def _note(self) -> None:
        """What is on the screen now has been seen, if it follows what was seen before."""
        if self.card is None or not self._laid_out.end or not self.is_on_screen or self._raw:
            return
        top = round(self.scroll_y)
        if top <= self._seen:
            self._seen = max(self._seen, top + self.size.height)
        if self._seen >= self._laid_out.end:
            self._has_seen_all = True


def _shown(card: RequestCard) -> tuple[str, str, int]:
    return card.id, card.statement.sha256, card.statement.version
