"""Colours for a statement: which stretches are words of the language, texts, numbers, comments.

Only an aid for the eye: it changes no letter, and where the grammar's reader does not give back exactly what it was
given, or the text is long, there are no colours.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from pygments.lexer import Lexer
from pygments.lexers import BashLexer, PostgresLexer
from pygments.token import Comment, Keyword, Name, Number, String, _TokenType

LONGEST = 1 << 16
_STYLES: tuple[tuple[_TokenType, str], ...] = (
    (Comment, "$text-muted italic"),
    (String, "$text-success"),
    (Number, "$text-success"),
    (Keyword, "bold $text-accent"),
    (Name.Builtin, "bold"),
)


@dataclass(frozen=True, slots=True)
class Colours:
    """From each of `starts` on, the style beside it."""

    starts: tuple[int, ...] = ()
    styles: tuple[str, ...] = ()

    def pieces(self, text: str, first: int, last: int) -> list[tuple[str, str]]:
        """`text[first:last]` in stretches, each with its style."""
        found: list[tuple[str, str]] = []
        at = first
        place = bisect_right(self.starts, first) - 1
        while at < last:
            until = self.starts[place + 1] if place + 1 < len(self.starts) else last
            found.append((text[at : min(until, last)], self.styles[place] if place >= 0 else ""))
            at, place = until, place + 1
        return found

    def underlined(self, spans: Sequence[tuple[int, int]]) -> "Colours":
        """The same, with these stretches underlined. They come in order, and none overlaps another."""
        edges = sorted({0, *self.starts, *(edge for span in spans for edge in span)})
        places = [bisect_right(self.starts, at) - 1 for at in edges]
        inside = [any(start <= at < end for start, end in spans) for at in edges]
        styles = [self.styles[place] if place >= 0 else "" for place in places]
        return Colours(
            tuple(edges),
            tuple(
                f"{style} underline".strip() if mark else style
                for style, mark in zip(styles, inside, strict=True)
            ),
        )


def colours(text: str, kind: str) -> Colours:
    """`kind`: that of the target."""
    if len(text) > LONGEST:
        return Colours()
    lexer = (PostgresLexer if kind == "postgres" else BashLexer)(stripnl=False, ensurenl=False)
    return _read(text, lexer)


def _read(text: str, lexer: Lexer) -> Colours:
    starts: list[int] = []
    styles: list[str] = []
    at = 0
    for token, value in lexer.get_tokens(text):
        if text[at : at + len(value)] != value:
            return Colours()
        style = next((style for kind, style in _STYLES if token in kind), "")
        if not styles or styles[-1] != style:
            starts.append(at)
            styles.append(style)
        at += len(value)
    return Colours(tuple(starts), tuple(styles)) if at == len(text) else Colours()
