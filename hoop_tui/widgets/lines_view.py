"""Many lines of text that scroll, made when they are drawn. It knows nothing of what they say."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from hoop_tui.keymap import bindings
from hoop_tui.opening import is_plain
from hoop_tui.safe_text import fitted, joined, safe


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text and its style."""

    text: str
    style: str = ""


TextLine = tuple[Piece, ...]


class LinesView(ScrollView, can_focus=True):
    """`show(lines)` from the top; `extend_to(lines)` where the place must stay."""

    BINDINGS = bindings("lists")
    DEFAULT_CSS = """
    LinesView { background: $background; overflow-x: hidden; scrollbar-size-vertical: 1; }
    """
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: Sequence[TextLine] = ()

    @property
    def lines(self) -> Sequence[TextLine]:
        return self._lines

    def show(self, lines: Sequence[TextLine]) -> None:
        self.extend_to(lines)
        self.scroll_to(y=0, animate=False)

    def extend_to(self, lines: Sequence[TextLine]) -> None:
        self._lines = lines
        self.virtual_size = Size(self.size.width, len(lines))
        self.refresh()

    def scroll_by(self, lines: int) -> None:
        self.scroll_to(y=round(self.scroll_y) + lines, animate=False)

    def action_cursor_down(self) -> None:
        self.scroll_by(1)

    def action_cursor_up(self) -> None:
        self.scroll_by(-1)

    def action_cursor_first(self) -> None:
        self.scroll_to(y=0, animate=False)

    def action_cursor_last(self) -> None:
        self.scroll_to(y=len(self._lines), animate=False)

    def action_page_down(self) -> None:
        self.scroll_by(max(1, self.size.height - 1))

    def action_page_up(self) -> None:
        self.scroll_by(-max(1, self.size.height - 1))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        row = y + round(self.scroll_y)
        if row >= len(self._lines) or width < 1:
            return Strip.blank(width, self.rich_style)
        pieces = self._lines[row]
        if is_plain(self.app) and all(piece.text.strip("─") == "" for piece in pieces):
            return Strip.blank(width, self.rich_style)
        line = fitted(joined(safe(" "), *map(_content, pieces)), width)
        return Visual.to_strips(self, line, width, 1, self.visual_style, pad=True)[0]


def _content(piece: Piece) -> Content:
    return safe(piece.text, piece.style)
