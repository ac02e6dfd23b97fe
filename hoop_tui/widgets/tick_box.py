"""`[x] something`: a box to tick whose state can be read without colours."""

from textual.binding import Binding
from textual.content import Content

from hoop_tui.safe_text import joined, safe
from hoop_tui.widgets.line import Line


class TickBox(Line, can_focus=True):
    """Space, enter or a click ticks it."""

    BINDINGS = [Binding("space,enter", "tick", show=False)]  # noqa: RUF012  # Textual reads a list
    DEFAULT_CSS = """
    TickBox { padding: 0 1; }
    TickBox:focus { background: $panel; text-style: bold; }
    """

    def __init__(self, words: Content, *, id: str) -> None:
        super().__init__(id=id)
        self._words = words
        self.ticked = False
        self._draw()

    def _draw(self) -> None:
        self.show(joined(safe("[x] " if self.ticked else "[ ] ", "bold"), self._words))

    def action_tick(self) -> None:
        self.ticked = not self.ticked
        self._draw()

    def on_click(self) -> None:
        self.action_tick()
