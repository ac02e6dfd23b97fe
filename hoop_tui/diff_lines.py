"""Two texts as lines of a given width: what went, what came, and the words that changed. Not harmless yet."""

from collections.abc import Iterator

from hoop_tui.text_diff import DiffLine, can_compare, compared
from hoop_tui.widgets.lines_view import Piece, TextLine
from hoop_tui.wrapped_pieces import wrapped

_STYLES = {
    " ": ("", ""),
    "-": ("$text-error", "bold $text-error reverse"),
    "+": ("$text-success", "bold $text-success reverse"),
}


def diff_lines(before: str, after: str, width: int) -> Iterator[TextLine]:
    """Both texts, with what changed: `-` went, `+` came, and the words that did stand out."""
    if not can_compare(before, after):
        yield (Piece("These texts are too long to be compared here.", "$text-warning"),)
        return
    lines = compared(before, after)
    if all(line.sign == " " for line in lines):
        yield (Piece("It is the very same text.", "$text-success"),)
    for line in lines:
        yield from _line(line, width)


def _line(line: DiffLine, width: int) -> Iterator[TextLine]:
    plain, changed = _STYLES[line.sign]
    pieces = [Piece(text, changed if is_new else plain) for text, is_new in line.parts]
    sign = line.sign
    for row in wrapped(pieces, width - 2):
        yield Piece(f"{sign} ", plain), *row
        sign = " "
