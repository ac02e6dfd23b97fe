"""A table of rows that are known by a key: the cursor stays on its key when rows come, go or change places.

Cells are made when they are drawn, so a million rows cost what is on the screen. It knows no sessions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.content import Content
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from hoop_tui.keymap import bindings
from hoop_tui.opening import is_plain
from hoop_tui.safe_text import fitted, joined, safe

Cells = tuple[Content, ...]
_GAP = "  "


@dataclass(frozen=True, slots=True)
class Column:
    """`width` cells, plus a share of what is left over; the highest `drop` goes first when it gets narrow."""

    title: str
    width: int
    share: int = 0
    right: bool = False
    drop: int = 0


class RowTable(ScrollView, can_focus=True):
    """One line of titles that stays, and the rows under it. `>` marks the cursor, as well as its colour."""

    BINDINGS = bindings("lists")
    COMPONENT_CLASSES: ClassVar[set[str]] = {"row-table--titles", "row-table--cursor"}
    DEFAULT_CSS = """
    RowTable {
        background: $background;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
    }
    RowTable > .row-table--titles { color: $text-muted; text-style: bold; }
    RowTable > .row-table--cursor { background: $cursor-blurred; }
    RowTable:focus > .row-table--cursor { background: $cursor; text-style: bold; }
    """

    class Moved(Message):
        """The cursor stands on another row; `key` is empty when there is none."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class Chosen(Message):
        """Enter on a row, or a click on the row that had the cursor already."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, columns: Sequence[Column], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._columns = columns
        self._keys: Sequence[str] = ()
        self._cells: Callable[[str], Cells] = lambda _: ()
        self.cursor_key = ""

    def show_rows(self, keys: Sequence[str], cells: Callable[[str], Cells]) -> None:
        """These rows from now on. A cursor whose row is gone moves to the row that took its place."""
        before = self._keys
        self._keys, self._cells = keys, cells
        self.virtual_size = Size(self.size.width, len(keys) + 1)
        if self.cursor_key not in keys:
            place = before.index(self.cursor_key) if self.cursor_key in before else 0
            self._move_to(place)
        self.refresh()

    @property
    def cursor_row(self) -> int:
        return self._keys.index(self.cursor_key) if self.cursor_key in self._keys else 0

    def set_cursor(self, key: str) -> None:
        if key in self._keys:
            self._move_to(self._keys.index(key))

    def _move_to(self, row: int) -> None:
        row = min(max(row, 0), len(self._keys) - 1)
        key = self._keys[row] if self._keys else ""
        if key != self.cursor_key:
            before, self.cursor_key = self.cursor_row, key
            self._refresh_row(before)
            self.post_message(self.Moved(key))
        top = round(self.scroll_y)
        if row < top:
            self.scroll_to(y=row, animate=False)
        elif row >= top + max(1, self.size.height - 1):
            self.scroll_to(y=row - self.size.height + 2, animate=False)
        self._refresh_row(row)

    def _refresh_row(self, row: int) -> None:
        """Draw this one again, where it is on the screen; a table that scrolls is drawn anyhow."""
        y = row + 1 - round(self.scroll_y)
        if 1 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def action_cursor_down(self) -> None:
        self._move_to(self.cursor_row + 1)

    def action_cursor_up(self) -> None:
        self._move_to(self.cursor_row - 1)

    def action_cursor_first(self) -> None:
        self._move_to(0)

    def action_cursor_last(self) -> None:
        self._move_to(len(self._keys) - 1)

    def action_page_down(self) -> None:
        self._move_to(self.cursor_row + max(1, self.size.height - 2))

    def action_page_up(self) -> None:
        self._move_to(self.cursor_row - max(1, self.size.height - 2))

    def action_choose(self) -> None:
        if self.cursor_key:
            self.post_message(self.Chosen(self.cursor_key))

    def on_click(self, event: Click) -> None:
        row = event.y - 1 + round(self.scroll_y)
        if event.y < 1 or not 0 <= row < len(self._keys):
            return
        if self._keys[row] == self.cursor_key:
            self.action_choose()
        else:
            self._move_to(row)

    def _widths(self, room: int) -> list[int]:
        """A width for each column, 0 for those left out, so that the line fits `room` cells."""
        kept = set(range(len(self._columns)))

        def needed() -> int:
            return sum(self._columns[i].width for i in kept) + len(_GAP) * max(0, len(kept) - 1)

        while needed() > room and any(self._columns[i].drop for i in kept):
            kept.discard(max(kept, key=lambda i: self._columns[i].drop))
        spare, shares = max(0, room - needed()), sum(self._columns[i].share for i in kept)
        return [
            column.width + (spare * column.share // shares if shares else 0) if index in kept else 0
            for index, column in enumerate(self._columns)
        ]

    def _line(self, mark: str, cells: Cells) -> Content:
        if is_plain(self.app):
            return self._told(mark, cells)
        widths = self._widths(self.size.width - 3)
        parts = [
            fitted(cell, width, right=column.right)
            for cell, width, column in zip(cells, widths, self._columns, strict=True)
            if width
        ]
        return fitted(joined(safe(f"{mark} "), safe(_GAP).join(parts)), self.size.width)

    def _told(self, mark: str, cells: Cells) -> Content:
        """A row as it is read aloud: each value after its title, nothing where there is none."""
        told = [
            joined(safe(f"{column.title.lower()} "), cell) if column.title.strip() else cell
            for column, cell in zip(self._columns, cells, strict=True)
            if cell.plain.strip()
        ]
        return fitted(joined(safe(f"{mark} "), safe(", ").join(told)), self.size.width)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y == 0:
            plain = is_plain(self.app)
            titles = tuple(safe("" if plain else column.title) for column in self._columns)
            line = self._line(" ", titles)
            style = self.get_visual_style("row-table--titles")
        else:
            row = y - 1 + round(self.scroll_y)
            if row >= len(self._keys):
                return Strip.blank(width, self.rich_style)
            key = self._keys[row]
            chosen = key == self.cursor_key
            line = self._line(">" if chosen else " ", self._cells(key))
            style = self.get_visual_style("row-table--cursor") if chosen else self.visual_style
        return Visual.to_strips(self, line, width, 1, style, pad=True)[0]
