"""A small terminal that knows what prompt lines need: where text stands, which rows belong together, the cursor.

Colours, character sets, titles and replies mean nothing here. It never raises.
"""

from collections.abc import Callable

from gateway.capture.canvas import Canvas
from gateway.capture.grid import Row
from gateway.capture.tokens import CONTROL, CSI, ESCAPE, OSC, TEXT, Tokens

TAB = 8


def nothing(*_: object) -> None:
    """Who does not listen."""


class Screen(Canvas):
    """`feed` it what a target sends."""

    def __init__(self, cols: int, rows: int) -> None:
        self.leaving: Callable[[bool], None] = nothing
        """Called before the cursor leaves its row by a line end; with True where the program has taken its line."""
        self.osc: Callable[[str], None] = nothing
        self._tokens = Tokens()
        super().__init__(cols, rows)

    def clear(self) -> None:
        """As after a reset."""
        super().clear()
        self.cursor_shown = True
        self.takes_pastes = False
        """The program has asked for pastes to be marked."""
        self.painted = 0
        """How often the cursor was sent to some place of the screen, as full-screen programs do."""
        self._last = ""

    def feed(self, data: bytes) -> None:
        """The target sent this."""
        for kind, content in self._tokens.feed(data):
            if kind == TEXT:
                self._last = content[-1]
                self.put(content)
            elif kind == CONTROL:
                self._control(content)
            elif kind == CSI:
                self._csi(content)
            elif kind == OSC:
                self.osc(content)
            elif kind == ESCAPE:
                self._escape(content)

    def skipped(self) -> None:
        """So much came that it was not looked at: all that is known is that the screen has scrolled."""
        self._tokens.clear()
        for y in range(self.rows):
            self.lines[y] = Row()
        self.top, self.bottom = 0, self.rows - 1
        self.move(0, self.rows - 1)

    def _control(self, char: str) -> None:
        match char:
            case "\n" | "\v" | "\f":
                self.leaving(False)
                self.full = False
                self.down()
            case "\r":
                self.move(0, self.y)
            case "\b":
                self.move(self.x - 1, self.y)
            case "\t":
                self.x = min(self.cols - 1, (self.x // TAB + 1) * TAB)
            case _:
                pass

    def _escape(self, content: str) -> None:
        match content:
            case "7":
                self.save()
            case "8":
                self.go_back()
            case "D" | "E":
                self.leaving(False)
                self.full = False
                self.down()
                self.x = 0 if content == "E" else self.x
            case "M":
                self.full = self.full and self.y == self.top
                self.up()
            case "c":
                self.clear()
            case _:
                pass

    def _csi(self, content: str) -> None:
        given, final = content[:-1], content[-1]
        if given[:1] == "?":
            if final in "hl":
                for number in _numbers(given[1:]):
                    self._private_mode(number, final == "h")
        elif not given or given.replace(";", "0").isdecimal():
            action = _ACTIONS.get(final)
            if action is not None:
                action(self, _numbers(given))

    def _private_mode(self, mode: int, on: bool) -> None:
        match mode:
            case 7:
                self.autowrap = on
                self.full = self.full and on
            case 25:
                self.cursor_shown = on
            case 2004:
                if not on:
                    self.leaving(True)
                self.takes_pastes = on
            case 1048 if on:
                self.save()
            case 1048:
                self.go_back()
            case 47 | 1047 | 1049:
                self.switch(on, keep_cursor=mode == 1049)
            case _:
                pass

    def _vertical(self, count: int, *, to_start: bool = False) -> None:
        """Up or down, without scrolling and not out of the rows that scroll."""
        y = self.y + count
        if count < 0 and self.y >= self.top:
            y = max(y, self.top)
        elif count > 0 and self.y <= self.bottom:
            y = min(y, self.bottom)
        self.move(0 if to_start else self.x, y)

    def _to_row(self, numbers: list[int]) -> None:
        self.painted += 1
        self.move(self.x, _count(numbers) - 1)

    def _place(self, numbers: list[int]) -> None:
        y, x = _count(numbers) - 1, _count(numbers[1:]) - 1
        self.painted += x > 0 or y > 0
        self.move(x, y)

    def _erase_line(self, what: int) -> None:
        start, end = {0: (self.x, self.cols), 1: (0, self.x + 1), 2: (0, self.cols)}.get(what, (0, 0))
        if end:
            self.full = False
            self.lines[self.y].erase(start, end, self.cols)

    def _erase_screen(self, what: int) -> None:
        if what in (0, 1):
            self._erase_line(what)
        rows = {0: range(self.y + 1, self.rows), 1: range(self.y), 2: range(self.rows)}.get(what, range(0))
        for y in rows:
            self.lines[y] = Row()
        self.full = self.full and not rows
        if self.y and (what == 1 or (what == 0 and self.x == 0)):
            self.lines[self.y - 1].wrapped = False  # what went on here is gone

    def _splice(self, numbers: list[int], final: str) -> None:
        self.full = False
        row, count = self.lines[self.y], min(_count(numbers), self.cols)
        match final:
            case "@":
                row.insert(self.x, count, self.cols)
            case "P":
                row.delete(self.x, count)
            case _:
                row.erase(self.x, min(self.x + count, self.cols), self.cols)

    def _splice_rows(self, numbers: list[int], final: str) -> None:
        if self.top <= self.y <= self.bottom:
            scroll = self.scroll_down if final == "L" else self.scroll_up
            scroll(_count(numbers), self.y)
            self.move(0, self.y)

    def _repeat(self, numbers: list[int]) -> None:
        if self._last:
            self.put(self._last * min(_count(numbers), self.cols))

    def _region(self, numbers: list[int]) -> None:
        top, bottom = _count(numbers) - 1, min(_first(numbers[1:]) or self.rows, self.rows) - 1
        if top < bottom:
            self.top, self.bottom = top, bottom
            self.move(0, 0)

    def _mode(self, numbers: list[int], on: bool) -> None:
        if 4 in numbers:
            self.inserting = on


def _numbers(given: str) -> list[int]:
    """The parameters of a sequence; one that is not there is 0."""
    return [
        min(int(number), 9999) if number.isdecimal() and len(number) < 9 else 0 for number in given.split(";")
    ]


def _first(numbers: list[int]) -> int:
    return numbers[0] if numbers else 0


def _count(numbers: list[int]) -> int:
    return _first(numbers) or 1


_ACTIONS: dict[str, Callable[[Screen, list[int]], None]] = {
    "A": lambda screen, n: screen._vertical(-_count(n)),
    "B": lambda screen, n: screen._vertical(_count(n)),
    "C": lambda screen, n: screen.move(screen.x + _count(n), screen.y),
    "D": lambda screen, n: screen.move(screen.x - _count(n), screen.y),
    "E": lambda screen, n: screen._vertical(_count(n), to_start=True),
    "F": lambda screen, n: screen._vertical(-_count(n), to_start=True),
    "G": lambda screen, n: screen.move(_count(n) - 1, screen.y),
    "H": Screen._place,
    "I": lambda screen, n: screen.move((screen.x // TAB + _count(n)) * TAB, screen.y),
    "J": lambda screen, n: screen._erase_screen(_first(n)),
    "K": lambda screen, n: screen._erase_line(_first(n)),
    "L": lambda screen, n: screen._splice_rows(n, "L"),
    "M": lambda screen, n: screen._splice_rows(n, "M"),
    "P": lambda screen, n: screen._splice(n, "P"),
    "S": lambda screen, n: screen.scroll_up(_count(n)),
    "T": lambda screen, n: screen.scroll_down(_count(n)),
    "X": lambda screen, n: screen._splice(n, "X"),
    "Z": lambda screen, n: screen.move(((screen.x + TAB - 1) // TAB - _count(n)) * TAB, screen.y),
    "@": lambda screen, n: screen._splice(n, "@"),
    "`": lambda screen, n: screen.move(_count(n) - 1, screen.y),
    "a": lambda screen, n: screen.move(screen.x + _count(n), screen.y),
    "b": Screen._repeat,
    "d": Screen._to_row,
    "e": lambda screen, n: screen._vertical(_count(n)),
    "f": Screen._place,
    "h": lambda screen, n: screen._mode(n, True),
    "l": lambda screen, n: screen._mode(n, False),
    "r": Screen._region,
    "s": lambda screen, n: screen.save(),
    "u": lambda screen, n: screen.go_back(),
}
