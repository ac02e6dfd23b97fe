"""JSON web tokens: `eyJ...` whose first part decodes to a JSON object that names an algorithm.

Masked from the header to the end of the run, whether the token is whole or cut. A run with too many possible
beginnings is masked from there on without further looks: work per run is bounded, and nothing leaks for it.
"""

import base64
import binascii
from collections.abc import Iterator

from gateway.masking.detector import LONGEST_HELD, Detector, Span, compiled

_RUN = compiled(rb"\beyJ[A-Za-z0-9_.-]{10,}")
_GOES_ON = compiled(rb"[A-Za-z0-9_.-]*")
_BEGINNING = compiled(rb"\beyJ")
_MOST_BEGINNINGS = 8
_LONGEST_HEADER = 2048


def find(text: bytes, first: int) -> Iterator[Span]:
    """The tokens in `text`: at most one for each run of token letters."""
    for run in _RUN.finditer(text, first):
        start, end = run.start(), run.end()
        is_open = end == len(text)
        secret_from = start if end - start >= LONGEST_HELD else _token_start(text, start, end)
        if secret_from is not None:
            yield Span(secret_from, end, is_open, goes_on=_GOES_ON)
        if is_open and secret_from != start:
            yield Span(start, end, is_open, sure=False)


def _token_start(text: bytes, start: int, end: int) -> int | None:
    for count, beginning in enumerate(_BEGINNING.finditer(text, start, end)):
        at = beginning.start()
        dot = text.find(b".", at, end)
        if count == _MOST_BEGINNINGS or _is_header(text[at:dot] if dot != -1 else b"", end - dot):
            return at
    return None


def _is_header(encoded: bytes, rest: int) -> bool:
    if not encoded or len(encoded) > _LONGEST_HEADER or rest < 2:
        return False
    try:
        decoded = base64.urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4))
    except (binascii.Error, ValueError):
        return False
    return decoded.startswith(b"{") and b'"alg"' in decoded


JWT = Detector(
    name="jwt",
    gate=rb"eyJ[A-Za-z0-9_.-]{10}",
    tail=rb"\be(?:y(?:J[A-Za-z0-9_.-]{0,9})?)?",
    find=find,
)
