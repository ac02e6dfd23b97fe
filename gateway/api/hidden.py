"""What a statement holds that a screen does not show as it is: hidden characters, and gaps that push the rest away.

It names them and where they are, and changes nothing: what is shown, and how, is the front end's business. Offsets
count characters.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

MOST_NAMED = 200
"""So many of each kind are named; all of them are counted."""
_LONG_BLANKS, _LONG_BREAKS = 60, 8
_INVISIBLE_LETTERS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
_VARIATION = ((0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
_NAMELESS = {
    "\0": "NULL",
    "\a": "BELL",
    "\b": "BACKSPACE",
    "\v": "LINE TABULATION",
    "\f": "FORM FEED",
    "\r": "CARRIAGE RETURN without a line feed",
    "\x1b": "ESCAPE",
    "\x7f": "DELETE",
    "\x85": "NEXT LINE",
    "\x9b": "CONTROL SEQUENCE INTRODUCER",
}
_NOTHING = re.compile(rf"[ \t\r\n]{{{_LONG_BREAKS},}}+")
_BLANKS = re.compile(rf"[ \t]{{{_LONG_BLANKS},}}")


class Hidden(NamedTuple):
    """One character that a screen does not show as itself."""

    offset: int
    codepoint: str
    name: str


class Gap(NamedTuple):
    """Where nothing is to be seen for long: `blanks` within a line, or line `breaks`."""

    offset: int
    length: int
    what: str


def hidden(text: str) -> tuple[list[Hidden], int]:
    """The first of them, and how many there are."""
    odd = "".join(character for character in set(text) if _is_odd(character))
    if not odd:
        return [], 0
    # A carriage return that belongs to the end of a line hides nothing.
    found = re.finditer(rf"(?!\r\n)[{re.escape(odd)}]", text)
    named = [_named(match.start(), match[0]) for match in islice(found, MOST_NAMED)]
    if len(named) < MOST_NAMED:
        return named, len(named)
    rest = text.translate(dict.fromkeys(map(ord, odd)))
    return named, len(text) - len(rest) - ("\r" in odd) * text.count("\r\n")


def gaps(text: str) -> tuple[list[Gap], int]:
    """The first of them, and how many there are."""
    found = _gaps(text)
    named = list(islice(found, MOST_NAMED))
    return named, len(named) + sum(1 for _ in found)


def _gaps(text: str) -> Iterator[Gap]:
    for match in _NOTHING.finditer(text):
        if match[0].count("\n") >= _LONG_BREAKS:
            yield Gap(match.start(), len(match[0]), "breaks")
        elif _BLANKS.search(match[0]):
            yield Gap(match.start(), len(match[0]), "blanks")


def _is_odd(character: str) -> bool:
    if " " <= character <= "~" or character in "\n\t":
        return False
    code = ord(character)
    if character in _INVISIBLE_LETTERS or any(first <= code <= last for first, last in _VARIATION):
        return True
    return unicodedata.category(character)[0] in "CZ"


def _named(offset: int, character: str) -> Hidden:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return Hidden(offset, f"0x{code - 0xDC00:02X}", "a byte that is no UTF-8")
    name = _NAMELESS.get(character) or unicodedata.name(character, "") or _kind(character)
    return Hidden(offset, f"U+{code:04X}", name)


def _kind(character: str) -> str:
    kinds = {"Cc": "a control character", "Cs": "half a character", "Co": "a character for private use"}
    return kinds.get(unicodedata.category(character), "a character that does not exist")
