"""Rows of cells and the operations that terminals have on them. It knows no escape sequences and no cursor.

A row holds only the cells that were written, so that an empty screen costs next to nothing. A wide character takes
its cell and an empty one after it.
"""

from gateway.capture.width import width

BLANK = " "


class Row:
    """One line of the screen. Rows keep their identity while they move."""

    __slots__ = ("cells", "wrapped")

    def __init__(self) -> None:
        self.cells: list[str] = []
        self.wrapped = False
        """Text runs on into the next row, without a line end."""

    def text(self, start: int = 0, end: int | None = None) -> str:
        """What stands in these cells; cells that were never written are not in it."""
        return "".join(self.cells[start:end])

    def write(self, at: int, cells: list[str], cols: int) -> None:
        """Put cells over what is there."""
        own = self.cells
        if len(own) < at:
            own.extend(BLANK * (at - len(own)))
        end = at + len(cells)
        if at < len(own) and not own[at]:
            own[at - 1] = BLANK
        if end < len(own) and not own[end]:
            own[end] = BLANK
        own[at:end] = cells
        if end >= cols:
            self.wrapped = False

    def erase(self, start: int, end: int, cols: int) -> None:
        """Blank the cells from `start` up to `end`."""
        if end >= cols:
            self.wrapped = False
        if end >= len(self.cells):
            del self.cells[start:]
        else:
            self.cells[start:end] = BLANK * (end - start)
        self._mend()

    def insert(self, at: int, count: int, cols: int) -> None:
        """Move what stands from `at` on to the right; what leaves the row is gone."""
        if at < len(self.cells):
            self.cells[at:at] = BLANK * min(count, cols - at)
            del self.cells[cols:]
            self._mend()
        self.wrapped = False

    def delete(self, at: int, count: int) -> None:
        """Take cells out; what stands to the right moves in."""
        del self.cells[at : at + count]
        self.wrapped = False
        self._mend()

    def narrow(self, cols: int) -> None:
        """The screen has fewer columns now."""
        if len(self.cells) > cols:
            del self.cells[cols:]
            self.wrapped = False
            self._mend()

    def _mend(self) -> None:
        """Blank halves of wide characters whose other half is gone."""
        cells = self.cells
        if "".join(cells).isascii() and "" not in cells:
            return
        for at, cell in enumerate(cells):
            if not cell:
                if at == 0 or width(cells[at - 1][:1] or BLANK) != 2:
                    cells[at] = BLANK
            elif width(cell[0]) == 2 and (at + 1 == len(cells) or cells[at + 1]):
                cells[at] = BLANK


def blank(rows: int) -> list[Row]:
    """An empty screen."""
    return [Row() for _ in range(rows)]
