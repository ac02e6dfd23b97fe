"""The keys of a screen at its bottom, made from the keymap. A click on a word is the same as its key."""

from textual.content import Content
from textual.events import Click, Resize

from hoop_tui.keymap import Place, footer
from hoop_tui.opening import own_keys
from hoop_tui.safe_text import fitted, joined, safe, stacked
from hoop_tui.widgets.line import Line


class FooterLine(Line):
    """Entries that do not fit into the lines there are go last: `?` shows them all."""

    def __init__(self, *places: Place, lines: int = 1) -> None:
        super().__init__(classes="footer")
        self._places, self._lines = places, lines
        self._spots: list[tuple[int, int, int, str]] = []
        """Line, first and last column, action."""

    def on_resize(self, _: Resize) -> None:
        self.lay_out()

    def lay_out(self) -> None:
        """Lay the entries out for the width there is."""
        rows: list[list[Content]] = [[safe(" ")]]
        used = 1
        self._spots = []
        for keys, word, action in footer(*self._places, own=own_keys(self.app)):
            entry = joined(safe(keys, "bold $text-accent"), safe(f" {word}", "$text-muted"))
            width = entry.cell_length
            if used + width > self.size.width:
                if len(rows) == self._lines:
                    break
                rows.append([safe(" ")])
                used = 1
            self._spots.append((len(rows) - 1, used, used + width, action))
            rows[-1] += [entry, safe("  ")]
            used += width + 2
        self.styles.height = len(rows)
        self.show(stacked(*(fitted(joined(*row[:-1]), max(1, self.size.width)) for row in rows)))

    async def on_click(self, event: Click) -> None:
        for line, first, last, action in self._spots:
            if event.y == line and first <= event.x < last:
                await self.screen.run_action(action)
