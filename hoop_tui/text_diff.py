"""What is different between two texts: lines that went and came, and in lines that changed the words that did.

It knows no screen, and makes nothing harmless: whoever shows it does.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

LONGEST = 64 << 10
MOST_LINES = 2000
MOST_WORDS = 400
"""Of a line, where the words are compared."""
_WORDS = re.compile(r"\w+|\s+|[^\w\s]")

Sign = Literal[" ", "-", "+"]
Parts = tuple[tuple[str, bool], ...]
"""Stretches of a line, each with whether it is what changed."""


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line that stayed (` `), went (`-`) or came (`+`)."""

    sign: Sign
    parts: Parts

    @property
    def text(self) -> str:
        return "".join(text for text, _ in self.parts)


def can_compare(*texts: str) -> bool:
    """Comparing longer ones would keep the screen waiting."""
    return all(len(text) <= LONGEST and text.count("\n") < MOST_LINES for text in texts)


def compared(before: str, after: str) -> list[DiffLine]:
    """Every line of both, in order."""
    return list(_lines(before.split("\n"), after.split("\n")))


def _lines(before: Sequence[str], after: Sequence[str]) -> Iterator[DiffLine]:
    for tag, first, last, new_first, new_last in SequenceMatcher(None, before, after, False).get_opcodes():
        gone, come = before[first:last], after[new_first:new_last]
        if tag == "equal":
            yield from (DiffLine(" ", ((line, False),)) for line in gone)
        elif len(gone) == len(come):
            pairs = [_words(old, new) for old, new in zip(gone, come, strict=True)]
            yield from (DiffLine("-", old) for old, _ in pairs)
            yield from (DiffLine("+", new) for _, new in pairs)
        else:
            yield from (DiffLine("-", ((line, True),)) for line in gone)
            yield from (DiffLine("+", ((line, True),)) for line in come)


def _words(before: str, after: str) -> tuple[Parts, Parts]:
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    if len(old) > MOST_WORDS or len(new) > MOST_WORDS:
        return ((before, True),), ((after, True),)
    gone: list[tuple[str, bool]] = []
    come: list[tuple[str, bool]] = []
    for tag, first, last, new_first, new_last in SequenceMatcher(None, old, new, False).get_opcodes():
        gone.append(("".join(old[first:last]), tag != "equal"))
        come.append(("".join(new[new_first:new_last]), tag != "equal"))
    return _filled(gone), _filled(come)


def _filled(parts: Sequence[tuple[str, bool]]) -> Parts:
    return tuple(part for part in parts if part[0]) or (("", False),)
