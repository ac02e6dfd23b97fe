"""The value in `name = value`, `"name": "value"` or `--name value`: shared by detectors that know secrets by name.

A quoted value ends at its closing quote, and where that is missing at the end of the line; any other value ends at
white space or a quote.
"""

import re
from collections.abc import Callable, Iterator

from gateway.masking.detector import LONGEST_HELD, Pattern, Span

# These look at one value only and have nothing to go back to: Python's engine costs less per match than re2.
_OPEN_QUOTE = re.compile(rb"\\{0,4}[\"']")
_QUOTED = {
    (ord('"'), False): re.compile(rb'(?:[^"\\\r\n]|\\[^\r\n])*"'),
    (ord("'"), False): re.compile(rb"(?:[^'\\\r\n]|\\[^\r\n])*'"),
    (ord('"'), True): re.compile(rb'[^"\\\r\n]*\\+"'),
    (ord("'"), True): re.compile(rb"[^'\\\r\n]*\\+'"),
}
_LINE = re.compile(rb"[^\r\n]*")
_BARE = re.compile(rb"[^\x00-\x20\x7f\"'`]*")
_LONGEST_QUOTED = 512

ASSIGNS = rb"(?:\\{0,4}[\"'])?[ \t]{0,3}(?:=>|:=|=|:)[ \t]{0,3}"
"""Between a name and its value."""
VALUE_BEGINS = rb"[^\x00-\x20\x7f]"


def values(text: bytes, heads: Pattern, first: int, is_secret: Callable[[bytes], bool]) -> Iterator[Span]:
    """The values that follow `heads`. A name inside an unquoted value ends where that value ends: not looked at."""
    inside_until = 0
    for head in heads.finditer(text, first):
        at = head.end()
        if at < inside_until or _is_path(text, head.start(), at):
            continue
        span = _value(text, at, is_secret)
        if span is not None:
            inside_until = span.end if span.goes_on is not None else inside_until
            yield span


def _is_path(text: bytes, start: int, end: int) -> bool:
    """`/etc/passwd:` as grep writes it in front of a line."""
    return start > 0 and text[start - 1] == ord("/") and text[start:end].rstrip(b" \t").endswith(b":")


def _value(text: bytes, at: int, is_secret: Callable[[bytes], bool]) -> Span | None:
    quote = _OPEN_QUOTE.match(text, at)
    if quote is None:
        return _bare(text, at, is_secret)
    start = quote.end()
    limit = start + _LONGEST_QUOTED
    escaped = start - at > 1
    closing = _QUOTED[text[start - 1], escaped].match(text, start, min(limit, len(text)))
    if closing is not None:
        end = closing.end() - 1
        if escaped:
            end = start + len(text[start:end].rstrip(b"\\"))
        return Span(start, end) if end > start and is_secret(text[start:end]) else None
    line = _LINE.match(text, start, min(limit, len(text)))
    end = line.end() if line else start
    if end == len(text) < limit:
        return Span(start, end, open=True, sure=is_secret(text[start:end])) if end > start else None
    # The quote is not closed: all of the line may belong to the secret.
    bare = _bare(text, start, is_secret) if end == limit else None
    if bare is not None and (bare.open or bare.end > limit):
        return bare
    return Span(start, end) if end > start else None


def _bare(text: bytes, start: int, is_secret: Callable[[bytes], bool]) -> Span | None:
    found = _BARE.match(text, start)
    end = found.end() if found else start
    if end == start:
        return None
    sure = end - start >= LONGEST_HELD or is_secret(text[start:end])
    if end == len(text):
        return Span(start, end, open=True, sure=sure, goes_on=_BARE)
    return Span(start, end, goes_on=_BARE) if sure else None
