"""The picture of a terminal: rows, a cursor, text that wraps, scrolling, a second screen. No escape sequences here.

Its size is bounded and no operation raises, whatever the numbers.
"""

from dataclasses import dataclass

from gateway.capture.grid import Row, blank
from gateway.capture.width import width

MOST_COLS, MOST_ROWS = 1000, 300
MOST_JOINED = 8
"""Code points of one cell."""


@dataclass(frozen=True, slots=True)
class Place:
    """A cursor that was saved."""

    x: int = 0
    y: int = 0
    full: bool = False


class Canvas:
    """`put` text, move the cursor; look at `lines`, `x` and `y`."""

    def __init__(self, cols: int, rows: int) -> None:
        self.cols, self.rows = min(max(cols, 2), MOST_COLS), min(max(rows, 2), MOST_ROWS)
        self.clear()

    def clear(self) -> None:
        """As after a reset."""
        self.lines = blank(self.rows)
        self.x = self.y = 0
        self.full = False
        """The last column was written: the next character goes into the next row."""
        self.autowrap = True
        self.inserting = False
        self.top, self.bottom = 0, self.rows - 1
        """The rows that scroll."""
        self._saved = Place()
        self._beneath: list[Row] | None = None
        self._saved_beneath = Place()

    @property
    def alternate(self) -> bool:
        """A full-screen program has the alternate screen."""
        return self._beneath is not None

    def resize(self, cols: int, rows: int) -> None:
        """The person's window has another size now. Nothing is wrapped anew: programs paint again."""
        self.cols, self.rows = min(max(cols, 2), MOST_COLS), min(max(rows, 2), MOST_ROWS)
        self.y -= self._fit(self.lines, self.y)
        if self._beneath is not None:
            self._fit(self._beneath, len(self._beneath) - 1)
        self.top, self.bottom = 0, self.rows - 1
        self.move(self.x, self.y)

    def _fit(self, lines: list[Row], y: int) -> int:
        """Returns how many rows have left at the top."""
        gone = max(0, y + 1 - self.rows)
        del lines[:gone]
        del lines[self.rows :]
        lines.extend(blank(self.rows - len(lines)))
        for row in lines:
            row.narrow(self.cols)
        return gone

    # Text.

    def put(self, text: str) -> None:
        """Write at the cursor."""
        if not text.isascii():
            for char in text:
                self._put_one(char)
            return
        at = 0
        while at < len(text):
            if self.full:
                self._wrap()
            part = text[at : at + self.cols - self.x]
            at += len(part)
            self._write(list(part))
            self.x += len(part)
            if self.x == self.cols:
                self.x, self.full = self.cols - 1, self.autowrap
                if not self.autowrap:
                    self._write([text[-1]])
                    return

    def _put_one(self, char: str) -> None:
        size = width(char)
        if size == 0:
            self._join(char)
            return
        if self.full:
            self._wrap()
        elif self.x + size > self.cols:
            if not self.autowrap:
                return
            self.lines[self.y].erase(self.x, self.cols, self.cols)
            self._wrap()
        self._write([char, ""][:size])
        self.x += size
        if self.x == self.cols:
            self.x, self.full = self.cols - 1, self.autowrap

    def _write(self, cells: list[str]) -> None:
        row = self.lines[self.y]
        if self.inserting:
            row.insert(self.x, len(cells), self.cols)
        row.write(self.x, cells, self.cols)

    def _join(self, char: str) -> None:
        """An accent belongs to the character before it."""
        cells = self.lines[self.y].cells
        at = self.x if self.full else self.x - 1
        if 0 < at < len(cells) and not cells[at]:
            at -= 1
        if 0 <= at < len(cells) and len(cells[at]) < MOST_JOINED:
            cells[at] += char

    def _wrap(self) -> None:
        self.lines[self.y].wrapped = True
        self.x, self.full = 0, False
        self.down()

    # Moving.

    def move(self, x: int, y: int) -> None:
        """Put the cursor there, within the screen."""
        self.x = min(max(x, 0), self.cols - 1)
        self.y = min(max(y, 0), self.rows - 1)
        self.full = False

    def down(self) -> None:
        """One row down; the screen scrolls under the cursor."""
        if self.y == self.bottom:
            self.scroll_up(1)
        else:
            self.y = min(self.y + 1, self.rows - 1)

    def up(self) -> None:
        """One row up, the same way."""
        if self.y == self.top:
            self.scroll_down(1)
        else:
            self.y = max(self.y - 1, 0)

    def scroll_up(self, count: int, top: int | None = None) -> None:
        """Rows leave at the top of what scrolls."""
        top = self.top if top is None else top
        for _ in range(min(count, self.bottom - top + 1)):
            del self.lines[top]
            self.lines.insert(self.bottom, Row())

    def scroll_down(self, count: int, top: int | None = None) -> None:
        """Rows leave at the bottom of what scrolls."""
        top = self.top if top is None else top
        for _ in range(min(count, self.bottom - top + 1)):
            del self.lines[self.bottom]
            self.lines.insert(top, Row())

    def save(self) -> None:
        """Remember the cursor."""
        self._saved = Place(self.x, self.y, self.full)

    def go_back(self) -> None:
        """To the cursor that was remembered."""
        saved = self._saved
        self.move(saved.x, saved.y)
        self.full = saved.full and self.x == self.cols - 1

    def switch(self, alternate: bool, *, keep_cursor: bool) -> None:
        """Show the other screen, or stay on this one."""
        if alternate and keep_cursor:
            self.save()
        if alternate and self._beneath is None:
            self._beneath, self.lines = self.lines, blank(self.rows)
            self._saved_beneath, self._saved = self._saved, Place()
        elif alternate and keep_cursor:
            self.lines = blank(self.rows)
        elif not alternate and self._beneath is not None:
            self.lines, self._beneath = self._beneath, None
            self._saved = self._saved_beneath
        if not alternate and keep_cursor:
            self.go_back()

    # Asking.

    def row_text(self, y: int) -> str:
        """One row as it is seen, without blanks at its end."""
        return self.lines[y].text().rstrip(" ")

    def where(self, row: Row) -> int | None:
        """Where a row stands now, if it is still there."""
        return next((y for y, each in enumerate(self.lines) if each is row), None)
