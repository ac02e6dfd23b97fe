"""`d`: what is different from the last statement of the same shape that was approved."""

from collections.abc import Iterator, Sequence

from textual.app import ComposeResult
from textual.events import Resize

from hoop_tui.card_lines import by_words, wrapped
from hoop_tui.safe_text import safe
from hoop_tui.screens.base import HoopScreen
from hoop_tui.text_diff import DiffLine, can_compare, compared
from hoop_tui.widgets.lines_view import LinesView, Piece, TextLine
from hoop_tui.widgets.panel import Panel

_EDGES = 3
_STYLES = {
    " ": ("", ""),
    "-": ("$text-error", "bold $text-error reverse"),
    "+": ("$text-success", "bold $text-success reverse"),
}


class DiffScreen(HoopScreen):
    """Stands over the approvals screen."""

    CSS_PATH = "diff.tcss"
    places = ("everywhere", "lists")

    def __init__(self, heading: str, about: Sequence[str], before: str, after: str) -> None:
        """`about`: what is to be said of both, above them."""
        super().__init__()
        self._heading, self._about, self._before, self._after = heading, about, before, after
        self._view = LinesView(id="lines")

    def compose(self) -> ComposeResult:
        with Panel(id="diff"):
            yield self._view

    def on_mount(self) -> None:
        heading = safe(self._heading, "bold", limit=120)
        self.query_one(Panel).set_heading(heading, safe("Esc closes", "$text-muted"))

    def on_resize(self, _: Resize) -> None:
        self.call_after_refresh(self._lay_out)

    def _lay_out(self) -> None:
        width = self._view.size.width - _EDGES
        if width > 0:
            lines = diff_lines(self._before, self._after, width)
            about = [(Piece(line),) for text in self._about for line in by_words(text, width)]
            self._view.extend_to([*about, (Piece("─" * width, "$text-muted"),), *lines])

    def action_back(self) -> None:
        self.dismiss()


def diff_lines(before: str, after: str, width: int) -> Iterator[TextLine]:
    """Both texts, with what changed: `-` went, `+` came, and the words that did stand out."""
    if not can_compare(before, after):
        yield (Piece("These texts are too long to be compared here.", "$text-warning"),)
        return
    lines = compared(before, after)
    if all(line.sign == " " for line in lines):
        yield (Piece("It is the very same text.", "$text-success"),)
    for line in lines:
        yield from _line(line, width)


def _line(line: DiffLine, width: int) -> Iterator[TextLine]:
    plain, changed = _STYLES[line.sign]
    pieces = [Piece(text, changed if is_new else plain) for text, is_new in line.parts]
    sign = line.sign
    for row in wrapped(pieces, width - 2):
        yield Piece(f"{sign} ", plain), *row
        sign = " "
