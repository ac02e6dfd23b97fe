"""A box with a heading on the left of its top edge and a hint on the right of it."""

from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize

from hoop_tui.opening import is_plain
from hoop_tui.safe_text import fitted, joined

_EDGE = 6
"""Cells of the top edge that belong to the corners and their blanks."""


class Panel(Vertical):
    """Holds other widgets. The border, like everything, is told apart by more than its colour."""

    DEFAULT_CSS = """
    Panel {
        border: round $edge;
        border-title-color: $foreground;
        border-title-background: $background;
        background: $background;
        padding: 0;
    }
    Panel:focus-within { border: round $edge-focus; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._heading = self._hint = Content("")
        self._written: Content | None = None

    def set_heading(self, heading: Content, hint: Content | None = None) -> None:
        """The words in the top edge. The hint goes first when there is no room for both."""
        self._heading, self._hint = heading, hint or Content("")
        self._draw_heading()

    def on_resize(self, _: Resize) -> None:
        self._draw_heading()

    def _draw_heading(self) -> None:
        room = self.outer_size.width - _EDGE
        heading, hint = self._heading, self._hint
        gap = room - heading.cell_length - hint.cell_length - 2
        if room <= 0:
            return
        if not hint or gap < 1:
            self._entitle(heading if heading.cell_length <= room else fitted(heading, room))
            return
        if is_plain(self.app):
            self._entitle(joined(heading, Content("   "), hint))
            return
        edge = "$edge-focus" if self.has_pseudo_class("focus-within") else "$edge"
        self._entitle(joined(heading, Content.styled(f" {'─' * gap} ", edge), hint))

    def _entitle(self, heading: Content) -> None:
        """The toolkit draws all of the box again for its title, the same one too."""
        if self._written is None or not self._written.is_same(heading):
            self._written = heading
            self.border_title = heading
