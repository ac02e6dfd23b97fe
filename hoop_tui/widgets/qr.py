"""A QR code, black on white in every theme: a phone that reads it has no theme."""

from textual.content import Content

from hoop_tui.login.qr import qr_lines
from hoop_tui.safe_text import safe, stacked
from hoop_tui.widgets.line import Line


class Qr(Line):
    """As large as its squares need: it is whole or not there at all."""

    def __init__(self) -> None:
        super().__init__(id="qr")
        self.display = False
        self._width = self._height = 0

    def tell(self, text: str) -> None:
        """Show this from now on; nothing for an empty text."""
        lines = qr_lines(text) if text else []
        self._width, self._height = (len(lines[0]), len(lines)) if lines else (0, 0)
        self.styles.width, self.styles.height = max(1, self._width), max(1, self._height)
        self.show(stacked(*(safe(line, "#000000 on #ffffff") for line in lines)) if lines else Content(""))

    def fit(self, width: int, height: int) -> None:
        """Be there if there is this much room."""
        self.display = 0 < self._width <= width and self._height <= height
