"""Words of a SQL text with their places, past comments, texts and code in dollars.

For showing people where a name stands. Nothing is decided by it: what a statement does, libpg_query says.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<skip>--[^\n]* | (?<![\w$])[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*'
)
    | (?P<dollars>\$(?:[A-Za-z_\x80-\U0010ffff]\w*)?\$)
    | (?P<comment>/\*)
    | "(?P<quoted>(?:[^"]|"")*)"
    | (?P<word>[A-Za-z_\x80-\U0010ffff][\w$]*)
    | (?P<dot>\.)
    | [^\S]+ | .
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


@dataclass(frozen=True, slots=True)
class Token:
    """A name or a keyword: as it counts, and from where to where it stands. `dotted`: a dot stands before it."""

    text: str
    start: int
    end: int
    quoted: bool = False
    dotted: bool = False


def tokens(text: str) -> Iterator[Token]:
    """All words, in order. Unquoted ones in lower case."""
    at, dotted = 0, False
    while found := _TOKEN.match(text, at):
        at = found.end()
        if found["comment"]:
            at = _behind_comment(text, at)
        elif dollars := found["dollars"]:
            end = text.find(dollars, at)
            at = end + len(dollars) if end >= 0 else at
        elif (quoted := found["quoted"]) is not None:
            yield Token(quoted.replace('""', '"'), *found.span(), quoted=True, dotted=dotted)
        elif word := found["word"]:
            yield Token(word.lower(), *found.span(), dotted=dotted)
        if found[0].strip() and not found["skip"] and not found["comment"]:
            dotted = bool(found["dot"])


def _behind_comment(text: str, at: int) -> int:
    """Comments hold comments."""
    depth = 1
    for edge in _COMMENT_EDGE.finditer(text, at):
        depth += 1 if edge[0] == "/*" else -1
        if not depth:
            return edge.end()
    return len(text)
