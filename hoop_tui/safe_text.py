"""The only way text reaches a widget, or a terminal from the CLI: everything odd is made visible and harmless.

What a terminal would act upon (ESC, C0, C1), what reorders or hides text (bidi, zero-width, tags, variation
selectors, fillers) and what lies about its width is shown as `<U+XXXX>`. Nothing is ever read as markup. This
module does not judge what a text means, and it does not draw recorded screens: their cells come from
`hoop_tui.replay`.
"""

import unicodedata
from functools import lru_cache

from rich.cells import cell_len, set_cell_size
from textual.content import Content

_LONGEST = 4000
"""More characters than any widget shows; a field of megabytes is cut here, before it costs anything."""
_MARKS_IN_A_ROW = 2
_INVISIBLE_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_WIDTH_LIARS = (
    (0xFE00, 0xFE0F),  # variation selectors
    (0xE0100, 0xE01EF),  # variation selectors, supplement
    (0x1F1E6, 0x1F1FF),  # regional indicators: one flag or two letters, as a terminal likes
    (0x1F3FB, 0x1F3FF),  # skin tones
)


@lru_cache(maxsize=4096)
def _is_odd(character: str) -> bool:
    if " " <= character <= "~":
        return False
    code = ord(character)
    if character in _INVISIBLE_LETTERS or any(first <= code <= last for first, last in _WIDTH_LIARS):
        return True
    category = unicodedata.category(character)
    return category[0] in "CZ" or (category[0] != "M" and cell_len(character) == 0)


def _pieces(text: str, keep: str) -> list[tuple[str, bool]]:
    """Runs of `text`, each with whether it is an escape of ours."""
    if text.isascii() and text.isprintable():
        return [(text, False)] if text else []
    pieces: list[tuple[str, bool]] = []
    plain: list[str] = []
    marks = _MARKS_IN_A_ROW
    for character in text:
        mark = unicodedata.category(character)[0] == "M" if character > "~" else False
        marks = marks + 1 if mark else 0
        if character not in keep and (_is_odd(character) or marks > _MARKS_IN_A_ROW):
            if plain:
                pieces.append(("".join(plain), False))
                plain = []
            pieces.append((f"<U+{ord(character):04X}>", True))
            marks = _MARKS_IN_A_ROW
        else:
            plain.append(character)
    if plain:
        pieces.append(("".join(plain), False))
    return pieces


def visible(text: str, keep: str = "") -> str:
    """`text` with everything odd as `<U+XXXX>`, but for the characters of `keep`. For terminals and files."""
    return "".join(piece for piece, _ in _pieces(text, keep))


def safe(text: str, style: str = "", *, limit: int = _LONGEST) -> Content:
    """`text` for a widget, in one line. What had to be escaped stands out, so it can not be forged."""
    cut = text[:limit] + (" ..." if len(text) > limit else "")
    parts: list[tuple[str, str]] = []
    for piece, escaped in _pieces(cut, ""):
        parts.append((piece, f"{style} $text-warning reverse".strip() if escaped else style))
    return Content.assemble(*parts)


def joined(*parts: Content) -> Content:
    """Pieces side by side."""
    return Content.assemble(*parts)


def stacked(*lines: Content) -> Content:
    """Pieces one under the other."""
    return Content("\n").join(lines)


def fitted(content: Content, width: int, *, right: bool = False) -> Content:
    """`content` in exactly `width` cells: cut with `..`, or padded."""
    if width <= 0:
        return Content("")
    length = content.cell_length
    if length > width:
        dots = ".." if width > 2 else ""
        content = joined(content.truncate(width - len(dots)), Content(dots))
        length = content.cell_length
    padding = Content(" " * (width - length))
    return joined(padding, content) if right else joined(content, padding)


def fitted_text(text: str, width: int) -> str:
    """The same for a terminal: safe, and exactly `width` cells."""
    shown = visible(text[:_LONGEST])
    if cell_len(shown) > width > 2:
        return set_cell_size(shown, width - 2) + ".."
    return set_cell_size(shown, width)
