"""One line of a screen, as far as an answer needs it: text, backspace, carriage return, wide and joined letters."""

from gateway.capture.width import width


class Drawn:
    """Cells that were written to, and where the cursor is."""

    def __init__(self, data: bytes) -> None:
        self.cells: list[str] = []
        self.at = 0
        self.draw(data)

    def draw(self, data: bytes) -> None:
        for each in data.decode():
            if each == "\r":
                self.at = 0
            elif each == "\b":
                self.at = max(0, self.at - 1)
            elif each >= " ":
                self._put(each)

    def line(self) -> str:
        return "".join(self.cells)

    def _put(self, char: str) -> None:
        wide = width(char)
        if not wide:
            if self.at:
                before = self.at - 1 if self.cells[self.at - 1] else self.at - 2
                self.cells[before] += char
            return
        while len(self.cells) < self.at + wide:
            self.cells.append(" ")
        self.cells[self.at] = char
        if wide == 2:
            self.cells[self.at + 1] = ""
        self.at += wide
