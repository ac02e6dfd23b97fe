"""Long text in lines of a given width, with nothing left out. Pure functions; what they give is not harmless yet."""

from collections.abc import Iterator

from rich.cells import cell_len

from hoop_tui.safe_text import visible

_TAB = "    "
_LONGEST_SIGN = len("<U+10FFFF>")


def wrapped(text: str, width: int) -> Iterator[str]:
    """The lines of `text`, each at most `width` cells once it is made harmless."""
    width = max(width, _LONGEST_SIGN)
    for line in text.replace("\r\n", "\n").split("\n"):
        line = line.replace("\t", _TAB)
        if line.isascii() and line.isprintable():
            yield from [line[at : at + width] for at in range(0, len(line), width)] or [""]
        else:
            yield from _by_character(line, width)


def _by_character(line: str, width: int) -> Iterator[str]:
    start, used = 0, 0
    for at, character in enumerate(line):
        # After some marks in a row the next ones are spelt out: each counts as if it were.
        cells = cell_len(visible(character)) or _LONGEST_SIGN
        if used + cells > width:
            yield line[start:at]
            start, used = at, 0
        used += cells
    yield line[start:]
