"""Hides what errors and notices of a server say, where they may quote a value that is masked.

Fields are those of ErrorResponse and NoticeResponse: a letter and a text each, in their order.
"""

from collections.abc import Iterable

from gateway.masking.tables.sqlstates import SQLSTATES
from gateway.masking.text import TextMasker

Fields = tuple[tuple[str, str], ...]

_KEPT = frozenset("SVPpFLR")
"""Severity, positions, and where in the server's own source it happened."""
_MESSAGE = "M"
_CODE = "C"
_NO_CODE = "XX000"


def hide_words(fields: Iterable[tuple[str, str]]) -> Fields:
    """The same with one sentence in place of all that is said and named. A code that PostgreSQL does not define is
    hidden as well: whoever raises it may write five letters of a value into it."""
    hidden: list[tuple[str, str]] = []
    given = list(fields)
    code = next((text for letter, text in given if letter == _CODE), "")
    for letter, text in given:
        if letter == _MESSAGE:
            hidden.append((letter, _sentence(code)))
        elif letter == _CODE:
            hidden.append((letter, text if text in SQLSTATES else _NO_CODE))
        elif letter in _KEPT:
            hidden.append((letter, text))
    return tuple(hidden)


def scan_words(fields: Iterable[tuple[str, str]], detectors: frozenset[str]) -> Fields:
    """The same with what detectors know painted over."""
    masker = TextMasker(detectors)
    return tuple(
        (letter, text if letter in _KEPT or letter == _CODE else masker.mask_text(text)[0])
        for letter, text in fields
    )


def _sentence(code: str) -> str:
    name = SQLSTATES.get(code, "something").replace("_", " ")
    return f"hoop: {name} - the server's words are hidden, because the statement may use masked columns"
