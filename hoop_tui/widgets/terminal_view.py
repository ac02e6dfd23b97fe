"""Draws a recorded screen: cells from the emulator, nothing else, and only the rows that changed.

A screen larger than the pane is cropped; the crop follows the cursor until someone pans. It knows no time.
"""

from functools import lru_cache

from rich.cells import cell_len, set_cell_size
from rich.color import Color
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.events import Resize
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from hoop_tui.replay.emulator import Row, Run, Screen, Style
from hoop_tui.replay.visible import visible

_MARGIN = 4
"""Cells kept between the cursor and the edge of the crop."""


class TerminalView(Widget):
    """`show(screen)`; `pan(dx, dy)` looks elsewhere and `follow()` goes back to the cursor."""

    DEFAULT_CSS = """
    TerminalView { background: $stage; color: $stage-text; }
    """
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._screen: Screen | None = None
        self._left = self._top = 0
        self._following = True

    @property
    def recorded(self) -> Screen | None:
        """What is drawn now."""
        return self._screen

    def show(self, screen: Screen | None) -> None:
        """Draw `screen`; rows that look as before are left alone."""
        before, self._screen = self._screen, screen
        if self._settle_crop() or before is None or screen is None or before.cols != screen.cols:
            self.refresh()
            return
        for y in self._changed(before, screen):
            if 0 <= y - self._top < self.size.height:
                self.refresh(Region(0, y - self._top, self.size.width, 1))

    @staticmethod
    def _changed(before: Screen, after: Screen) -> set[int]:
        """The screens are compared here: `Screen.changed` is relative to what the emulator was asked last."""
        longest = max(len(before.rows), len(after.rows))
        rows = {
            y
            for y in range(longest)
            if y >= len(before.rows) or y >= len(after.rows) or before.rows[y] != after.rows[y]
        }
        if before.cursor != after.cursor:
            rows |= {before.cursor.y, after.cursor.y}
        return rows

    def pan(self, dx: int, dy: int) -> None:
        self._following = False
        self._left += dx
        self._top += dy
        self._settle_crop()
        self.refresh()

    def follow(self) -> None:
        self._following = True
        if self._settle_crop():
            self.refresh()

    def crop_note(self) -> str:
        """`132x50, showing 100x25` where not everything fits; else empty."""
        if self._screen is None:
            return ""
        cols, rows = self._screen.cols, len(self._screen.rows)
        width, height = min(cols, self.size.width), min(rows, self.size.height)
        return "" if (width, height) == (cols, rows) else f"{cols}x{rows}, showing {width}x{height}"

    def on_resize(self, _: Resize) -> None:
        self._settle_crop()
        self.refresh()

    def _settle_crop(self) -> bool:
        """Keep the crop inside the screen, and the cursor inside the crop. True if it moved."""
        before = (self._left, self._top)
        if self._screen is None:
            self._left = self._top = 0
            return before != (0, 0)
        cursor = self._screen.cursor
        if self._following:
            self._left = _following(self._left, cursor.x, self.size.width)
            self._top = _following(self._top, cursor.y, self.size.height)
        self._left = max(0, min(self._left, self._screen.cols - self.size.width))
        self._top = max(0, min(self._top, len(self._screen.rows) - self.size.height))
        return before != (self._left, self._top)

    def render_line(self, y: int) -> Strip:
        base, width = self.rich_style, self.size.width
        row = y + self._top
        if self._screen is None or row >= len(self._screen.rows):
            return Strip.blank(width, base)
        strip = row_strip(self._screen.rows[row])
        cursor = self._screen.cursor
        if cursor.visible and cursor.y == row:
            strip = _with_cursor(strip, cursor.x)
        return strip.crop_extend(self._left, self._left + width, base).apply_style(base)


def _following(start: int, at: int, room: int) -> int:
    """Where a crop of `room` cells starts, so that `at` is in it, moving no more than it must."""
    margin = min(_MARGIN, max(0, (room - 1) // 2))
    return max(min(start, at - margin), at + margin + 1 - room)


@lru_cache(maxsize=2048)
def row_strip(row: Row) -> Strip:
    """A row as segments. Each run takes exactly the cells it had in the recorded terminal."""
    return Strip([Segment(_exact(run), rich_style(run.style)) for run in row.runs])


def _exact(run: Run) -> str:
    # The emulator's rows are safe already; checking again costs little and this is the last door.
    text = "·" * run.cells if run.style.conceal else run.text
    if text.isascii() and text.isprintable() and len(text) == run.cells:
        return text
    text = visible(text)
    return text if cell_len(text) == run.cells else set_cell_size(text, run.cells)


@lru_cache(maxsize=1024)
def rich_style(style: Style) -> RichStyle:
    """A recorded style in Rich's words. Links and metadata do not exist in the former."""
    return RichStyle(
        color=_colour(style.fg),
        bgcolor=_colour(style.bg),
        bold=style.bold or None,
        dim=style.dim or None,
        italic=style.italic or None,
        underline=style.underline or None,
        strike=style.strike or None,
        reverse=style.reverse or None,
    )


def _colour(colour: int | str | None) -> Color | None:
    if colour is None:
        return None
    return Color.from_ansi(colour) if isinstance(colour, int) else Color.parse(colour)


def _with_cursor(strip: Strip, x: int) -> Strip:
    strip = strip.crop_extend(0, max(strip.cell_length, x + 1), None)
    left, cell, right = strip.crop(0, x), strip.crop(x, x + 1), strip.crop(x + 1, None)
    return Strip.join([left, cell.apply_style(RichStyle(reverse=True)), right])
