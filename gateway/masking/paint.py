"""A stretch of a stream to paint over, and the painting itself: escape sequences and wraps in it stay as they are."""

from collections.abc import Iterable
from typing import NamedTuple

from gateway.masking.detector import LONGEST_HELD, Span
from gateway.masking.replacement import Replacement, stars
from gateway.masking.view import View

BEFORE_ALL = -1
"""The rank of what comes before every detector that began at the same byte."""


class Paint(NamedTuple):
    """`start` and `end` are raw offsets, `span` the same stretch in the bytes of `text`."""

    begun: int
    """Where the secret begins, of which this may be a later part."""
    start: int
    end: int
    rank: int
    text: View
    span: Span
    name: str
    replacement: Replacement
    is_cover: bool = False
    """It continues something that has been counted and labelled: stars only."""


def paint(text: View, span: Span, rank: int, name: str, replacement: Replacement) -> Paint:
    """A Paint for a span of visible bytes."""
    if text.is_plain:
        return Paint(span.start, span.start, span.end, rank, text, span, name, replacement)
    start = text.raw(span.start)
    return Paint(start, start, text.raw(span.end - 1) + 1, rank, text, span, name, replacement)


def in_order(paints: Iterable[Paint]) -> list[Paint]:
    """The one that begins first comes first; where two overlap, the later one begins where the first ends."""
    return sorted(paints, key=lambda paint: (paint.begun, paint.rank, paint.start, -paint.end))


def settled(paints: list[Paint], shown: int, undecided: int) -> tuple[list[Paint], int]:
    """Those of `paints` whose turn has come, and up to where the stream may be shown."""
    chosen: list[Paint] = []
    until = max(shown, undecided)
    for each in paints:
        if each.begun < undecided or (each.rank == BEFORE_ALL and each.begun == undecided):
            chosen.append(each)
            until = max(until, each.end)
    return chosen, until


def painted(raw: bytes, start: int, end: int, paints: list[Paint]) -> tuple[bytes, list[Paint]]:
    """`raw[start:end]` painted over, and the paints that were used."""
    out = bytearray(raw[start:end])
    used: list[Paint] = []
    at = start
    for each in paints:
        if each.end > at:
            _paint_over(out, start, each, at)
            used.append(each)
            at = each.end
    if len(out) != end - start:
        raise RuntimeError("a replacement is not as long as the secret")
    return bytes(out), used


def _paint_over(out: bytearray, start: int, each: Paint, at: int) -> None:
    text, span = each.text, each.span
    first = span.start if each.start >= at else max(span.start, text.at(at))
    data = _replaced(each, first)
    if text.is_plain:
        out[first - start : span.end - start] = data
        return
    for here, there, stop in text.ranges(first, span.end):
        out[there - start : stop - start] = data[here - first : here - first + stop - there]


def _replaced(each: Paint, first: int) -> bytes:
    secret = each.text.data[first : each.span.end]
    if each.is_cover:
        return stars(each.name, secret)
    labelled = max(0, each.span.start + LONGEST_HELD - first)
    if labelled >= len(secret):
        return each.replacement(each.name, secret)
    label = each.replacement(each.name, secret[:labelled]) if labelled else b""
    return label + stars(each.name, secret[labelled:])
