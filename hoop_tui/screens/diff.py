"""`d`: what is different from the last statement of the same shape that was approved."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.events import Resize

from hoop_tui.diff_lines import diff_lines
from hoop_tui.safe_text import safe
from hoop_tui.screens.base import HoopScreen
from hoop_tui.widgets.lines_view import LinesView, Piece
from hoop_tui.widgets.panel import Panel
from hoop_tui.wrapped_pieces import by_words

_EDGES = 3


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
