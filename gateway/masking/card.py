"""Payment card numbers: 13 to 19 digits with a known prefix and a valid Luhn digit.

Looks for one run of digits, for the usual groups (4-4-4-4, 4-6-5, 4-6-4) even between other numbers, and for
digits in any grouping when the whole run of digits is the number. Groups are parted by single spaces or dashes.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from gateway.masking.detector import Detector, Span, compiled

_RUN = compiled(rb"[0-9](?:[ -]?[0-9]){12,}")

# Within a run the patterns are short and without choices to go back to: Python's engine costs less per match.
_PLAIN = re.compile(rb"\b[2-6][0-9]{12,18}\b")
_GROUP = re.compile(rb"\b[2-6][0-9]{3}[ -]")
_LAYOUTS = tuple(
    re.compile(pattern + rb"\b")
    for pattern in (
        rb"[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}",
        rb"[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}\1[0-9]{1,3}",
        rb"3[0-9]{3}([ -])[0-9]{6}\1[0-9]{4,5}",
    )
)
_LONGEST = 19 + 18
_WORD = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
_DIGITS = frozenset(b"0123456789")
_SEPARATORS = b" -"

_SIXTEEN_UP = frozenset({16, 17, 18, 19})
_PREFIXES: tuple[tuple[int, int, int, frozenset[int]], ...] = (
    # how many digits, from, to, possible lengths
    (1, 4, 4, frozenset({13, 16, 19})),  # Visa
    (2, 51, 55, frozenset({16})),  # Mastercard
    (4, 2221, 2720, frozenset({16})),
    (2, 34, 34, frozenset({15})),  # American Express
    (2, 37, 37, frozenset({15})),
    (3, 300, 305, frozenset({14, 16})),  # Diners Club
    (2, 36, 36, frozenset({14, 16})),
    (2, 38, 39, frozenset({14, 16})),
    (4, 3528, 3589, _SIXTEEN_UP),  # JCB
    (4, 6011, 6011, _SIXTEEN_UP),  # Discover
    (3, 644, 659, _SIXTEEN_UP),
    (2, 62, 62, _SIXTEEN_UP),  # UnionPay
    (4, 5018, 5038, frozenset(range(13, 20))),  # Maestro
    (4, 5893, 5893, frozenset(range(13, 20))),
    (4, 6304, 6304, frozenset(range(13, 20))),
    (4, 6759, 6763, frozenset(range(13, 20))),
)
_DOUBLED = bytes(48) + bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)) + bytes(198)
"""What each digit counts for when it is doubled, by its character."""


def is_card(digits: bytes) -> bool:
    """Whether these digits can be a card's: length, prefix and check digit."""
    return len(digits) in _lengths(digits[:4]) and luhn(digits)


@lru_cache(maxsize=10_000)
def _lengths(prefix: bytes) -> frozenset[int]:
    return frozenset().union(
        *(lengths for width, first, last, lengths in _PREFIXES if first <= int(prefix[:width]) <= last)
    )


def luhn(digits: bytes) -> bool:
    """The check digit of ISO/IEC 7812."""
    return (
        sum(digits[-1::-2]) - 48 * len(digits[-1::-2]) + sum(digits[-2::-2].translate(_DOUBLED))
    ) % 10 == 0


def find(text: bytes, first: int) -> Iterator[Span]:
    """The card numbers in `text`."""
    for run in _RUN.finditer(text, first):
        start, end = run.span()
        if end - start <= _LONGEST and _is_whole_run(text, start):
            yield from _checked(text, start, end)
            if b" " not in text[start:end] and b"-" not in text[start:end]:
                continue
        for plain in _PLAIN.finditer(text, start, end):
            yield from _checked(text, *plain.span())
        for group in _GROUP.finditer(text, start, end):
            for layout in _LAYOUTS:
                number = layout.match(text, group.start(), end)
                if number:
                    yield from _checked(text, *number.span())


def _is_whole_run(text: bytes, start: int) -> bool:
    before = text[max(0, start - 2) : start]
    return not (len(before) == 2 and before[1] in _SEPARATORS and before[0] in _DIGITS)


def _checked(text: bytes, start: int, end: int) -> Iterator[Span]:
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if (before and before[-1] in _WORD) or (after and after[0] in _WORD):
        return
    if len(before) == 2 and before[1] in b".-" and before[0] in _DIGITS:
        return  # a longer number: 0.4111111111111111, or one more group with a dash
    if len(after) == 2 and after[0] in b".-" and after[1] in _DIGITS:
        return
    if is_card(text[start:end].replace(b" ", b"").replace(b"-", b"")):
        yield Span(start, end, open=not after or after in (b" ", b".", b"-"))


CARD = Detector(
    name="card",
    gate=rb"[0-9](?:[ -]?[0-9]){12}",
    tail=rb"[2-6](?:[ -]?[0-9]){0,19}[ .-]?",
    find=find,
)
