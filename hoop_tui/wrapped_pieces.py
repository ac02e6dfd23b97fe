"""Lines that are too long for the screen, in as many as it takes. Nothing is left out."""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from hoop_tui.safe_text import visible
from hoop_tui.widgets.lines_view import Piece

LONGEST_SIGN = len("<U+10FFFF>")


def parts_of(piece: str, room: int, width: int) -> Iterator[tuple[str, int]]:
    """Pieces of a piece with their cells: the first fits the room that is left, the others a whole line."""
    start = used = 0
    for at, character in enumerate(piece):
        cells = 1 if " " <= character <= "~" else cell_len(visible(character)) or LONGEST_SIGN
        if used + cells > room:
            if at > start:
                yield piece[start:at], used
            start, used, room = at, 0, width
        used += cells
    if piece[start:]:
        yield piece[start:], used


def wrapped(pieces: Sequence[Piece], width: int) -> Iterator[list[Piece]]:
    """One line of pieces, in as many of the screen as it takes; nothing is left out."""
    row: list[Piece] = []
    room = width = max(width, LONGEST_SIGN)
    for piece in pieces:
        for part, cells in parts_of(piece.text, room, width):
            if cells > room:
                yield row
                row, room = [], width
            row.append(Piece(part, piece.style))
            room -= cells
    yield row


def by_words(text: str, width: int) -> Iterator[str]:
    """Lines of at most so many cells, broken between words where that can be."""
    width = max(width, LONGEST_SIGN)
    line, used = "", 0
    for word in text.split(" "):
        for part, cells in parts_of(word, width, width) if word else (("", 0),):
            gap = 1 if line else 0
            if used + gap + cells > width:
                yield line
                line, used, gap = "", 0, 0
            line += " " * gap + part
            used += gap + cells
    yield line
