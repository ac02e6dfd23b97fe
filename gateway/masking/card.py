"""Payment card numbers: 13 to 19 digits with a known prefix and a valid Luhn digit.

Looks for one run of digits, for the usual groups (4-4-4-4, 4-6-5, 4-6-4) even between other numbers, and for
digits in any grouping when the whole run of digits is the number. Groups are parted by single spaces or dashes.
"""

from collections.abc import Iterator

from gateway.masking.detector import Detector, Span, compiled

_RUN = compiled(rb"[0-9](?:[ -]?[0-9]){12,}")
_PLAIN = compiled(rb"\b[2-6][0-9]{12,18}\b")
_GROUP = compiled(rb"\b[2-6][0-9]{3}[ -]")
_LAYOUTS = tuple(
    compiled(pattern + rb"\b")
    for sep in (b" ", b"-")
    for pattern in (
        rb"[0-9]{4}(?:%s[0-9]{4}){3}" % sep,
        rb"[0-9]{4}(?:%s[0-9]{4}){3}%s[0-9]{1,3}" % (sep, sep),
        rb"3[0-9]{3}%s[0-9]{6}%s[0-9]{4,5}" % (sep, sep),
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
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def is_card(digits: bytes) -> bool:
    """Whether these digits can be a card's: length, prefix and check digit."""
    length = len(digits)
    return any(
        length in lengths and first <= int(digits[:width]) <= last
        for width, first, last, lengths in _PREFIXES
    ) and luhn(digits)


def luhn(digits: bytes) -> bool:
    """The check digit of ISO/IEC 7812."""
    values = [byte - 48 for byte in reversed(digits)]
    return (sum(values[::2]) + sum(_DOUBLED[value] for value in values[1::2])) % 10 == 0


def find(text: bytes, first: int) -> Iterator[Span]:
    """The card numbers in `text`."""
    for run in _RUN.finditer(text, first):
        start, end = run.start(), run.end()
        if end - start <= _LONGEST and _is_whole_run(text, start):
            yield from _checked(text, start, end)
        for plain in _PLAIN.finditer(text, start, end + 1):
            yield from _checked(text, plain.start(), plain.end())
        for group in _GROUP.finditer(text, start, end):
            for layout in _LAYOUTS:
                number = layout.match(text, group.start())
                if number:
                    yield from _checked(text, number.start(), number.end())


def _is_whole_run(text: bytes, start: int) -> bool:
    before = text[max(0, start - 2) : start]
    return not (len(before) == 2 and before[1] in _SEPARATORS and before[0] in _DIGITS)


def _checked(text: bytes, start: int, end: int) -> Iterator[Span]:
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if before and before[-1] in _WORD or after and after[0] in _WORD:
        return
    if len(before) == 2 and before[1] in b".-" and before[0] in _DIGITS:
        return  # a longer number: 0.4111111111111111, or one more group with a dash
    if len(after) == 2 and after[0] in b".-" and after[1] in _DIGITS:
        return
    if is_card(text[start:end].replace(b" ", b"").replace(b"-", b"")):
        yield Span(start, end, open=len(after) < 2)


CARD = Detector(
    name="card",
    gate=rb"[0-9](?:[ -]?[0-9]){12}",
    tail=rb"[2-6](?:[ -]?[0-9]){0,19}[ .-]?",
    find=find,
)
