"""A table of results: rows and columns that scroll both ways, NULL told apart from text, masked columns marked."""

from collections.abc import Sequence
from itertools import islice
from typing import ClassVar

from rich.cells import cell_len
from textual.content import Content
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from gateway.recording.cells import type_name
from gateway.recording.statement_marks import Column
from hoop_tui.keymap import bindings
from hoop_tui.replay.statements import Row
from hoop_tui.safe_text import fitted, joined, safe, visible

NULL = "(null)"
WIDEST = 40
_LOOKED_AT = 300
"""Rows that a column's width is taken from."""
_HEAD = 2
_GAP = " | "


def widths_of(columns: Sequence[Column], rows: Sequence[Row], widest: int = WIDEST) -> list[int]:
    """A width for each column, from its title and the first rows."""
    count = max([len(columns), *[len(row) for row in islice(rows, _LOOKED_AT)]], default=0)
    widths = [0] * count
    for at, column in enumerate(columns):
        widths[at] = min(widest, max(_cells(title_of(column)), _cells(type_name(column.oid, column.type))))
    for row in islice(rows, _LOOKED_AT):
        for at, cell in enumerate(row):
            widths[at] = min(widest, max(widths[at], _cells(NULL if cell is None else cell)))
    return widths


def title_of(column: Column) -> str:
    """A masked column says so in words, whatever the colours."""
    return f"{column.name} (masked)" if column.masked else column.name


def cell_content(cell: str | None, style: str = "") -> Content:
    return safe(NULL, f"{style} $text-muted italic".strip()) if cell is None else safe(cell, style, limit=400)


def _cells(text: str) -> int:
    return cell_len(visible(text[:WIDEST]))


class CellGrid(ScrollView, can_focus=True):
    """`show(columns, rows)`. `>` marks the row that has the cursor."""

    BINDINGS = bindings("lists")
    COMPONENT_CLASSES: ClassVar[set[str]] = {"cell-grid--titles", "cell-grid--cursor"}
    DEFAULT_CSS = """
    CellGrid { background: $background; overflow-x: hidden; scrollbar-size-vertical: 1; }
    CellGrid > .cell-grid--titles { color: $text-muted; text-style: bold; }
    CellGrid > .cell-grid--cursor { background: $cursor; text-style: bold; }
    """
    ALLOW_SELECT = False

    class Moved(Message):
        """The cursor stands on another row."""

    class Chosen(Message):
        """Enter on a row, or a click on the row that had the cursor already."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._columns: Sequence[Column] = ()
        self._rows: Sequence[Row] = ()
        self._widths: list[int] = []
        self._first = 0
        """The column that is shown leftmost."""
        self.cursor = 0

    def show(self, columns: Sequence[Column], rows: Sequence[Row]) -> None:
        self._columns, self._rows = columns, rows
        self._widths = widths_of(columns, rows)
        self.virtual_size = Size(self.size.width, len(rows) + _HEAD)
        self.refresh()

    @property
    def row(self) -> Row:
        return self._rows[self.cursor] if self._rows else ()

    @property
    def hidden_columns(self) -> tuple[int, int]:
        """How many are out of sight to the left and to the right."""
        room, shown = self.size.width - 2, 0
        for width in self._widths[self._first :]:
            room -= width + (len(_GAP) if shown else 0)
            if room < 0 and shown:
                break
            shown += 1
        return self._first, max(0, len(self._widths) - self._first - shown)

    def pan(self, columns: int) -> None:
        self._first = min(max(0, self._first + columns), max(0, len(self._widths) - 1))
        self.refresh()

    def move_to(self, row: int) -> None:
        self.cursor = min(max(row, 0), max(0, len(self._rows) - 1))
        top, room = round(self.scroll_y), max(1, self.size.height - _HEAD)
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False)
        elif self.cursor >= top + room:
            self.scroll_to(y=self.cursor - room + 1, animate=False)
        self.refresh()
        self.post_message(self.Moved())

    def action_cursor_down(self) -> None:
        self.move_to(self.cursor + 1)

    def action_cursor_up(self) -> None:
        self.move_to(self.cursor - 1)

    def action_cursor_first(self) -> None:
        self.move_to(0)

    def action_cursor_last(self) -> None:
        self.move_to(len(self._rows))

    def action_page_down(self) -> None:
        self.move_to(self.cursor + max(1, self.size.height - _HEAD - 1))

    def action_page_up(self) -> None:
        self.move_to(self.cursor - max(1, self.size.height - _HEAD - 1))

    def action_choose(self) -> None:
        self.post_message(self.Chosen())

    def on_click(self, event: Click) -> None:
        row = event.y - _HEAD + round(self.scroll_y)
        if event.y < _HEAD or row >= len(self._rows):
            return
        if row == self.cursor:
            self.action_choose()
        else:
            self.move_to(row)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        style, mark = self.visual_style, " "
        if y < _HEAD:
            titles = [title_of(each) if y == 0 else type_name(each.oid, each.type) for each in self._columns]
            cells = [safe(title, limit=400) for title in titles]
            style = self.get_visual_style("cell-grid--titles")
        else:
            row = y - _HEAD + round(self.scroll_y)
            if row >= len(self._rows):
                return Strip.blank(width, self.rich_style)
            cells = [cell_content(cell) for cell in self._rows[row]]
            if row == self.cursor:
                style, mark = self.get_visual_style("cell-grid--cursor"), ">"
        line = joined(safe(f"{mark} "), grid_line(cells[self._first :], self._widths[self._first :]))
        return Visual.to_strips(self, fitted(line, width), width, 1, style, pad=True)[0]


def grid_line(cells: Sequence[Content], widths: Sequence[int]) -> Content:
    """The cells of one row, side by side."""
    return safe(_GAP, "$text-muted").join(
        [fitted(cell, width) for cell, width in zip(cells, widths, strict=False)]
    )
