"""A stretch of a stream to paint over, and the painting itself: escape sequences and wraps in it stay as they are."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.masking.detector import LONGEST_HELD, Span
from gateway.masking.replacement import Replacement, stars
from gateway.masking.view import View

BEFORE_ALL = -1
"""The rank of what comes before every detector that began at the same byte."""


@dataclass(frozen=True, slots=True)
class Paint:
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
            for where, data in _strokes(each, at):
                out[where - start : where - start + len(data)] = data
            used.append(each)
            at = each.end
    if len(out) != end - start:
        raise RuntimeError("a replacement is not as long as the secret")
    return bytes(out), used


def _strokes(each: Paint, at: int) -> Iterator[tuple[int, bytes]]:
    text, span = each.text, each.span
    first = span.start if each.start >= at else max(span.start, text.at(at))
    labelled_to = first if each.is_cover else max(first, min(span.end, span.start + LONGEST_HELD))
    data = each.replacement(each.name, text.data[first:labelled_to]) if labelled_to > first else b""
    data += stars(each.name, text.data[labelled_to : span.end])
    for here, there, stop in text.ranges(first, span.end):
        yield there, data[here - first : here - first + stop - there]
