"""Keys with a known shape (AWS, Google, GitHub, Slack, Stripe), and AWS secrets by their name or next to a key id.

An AWS secret that stands alone is 40 arbitrary letters and can not be told from a hash.
"""

from collections.abc import Iterator

from gateway.masking.assigned import ASSIGNS, VALUE_BEGINS, values
from gateway.masking.detector import Detector, Span, compiled

_SHAPES: tuple[tuple[str, bytes, bytes, int], ...] = (
    # every possible beginning, the letters that follow, and how many of them at least
    ("AIza", rb"(?:AIza)", rb"[A-Za-z0-9_-]", 35),
    ("ghp_ gho_ ghu_ ghs_ ghr_", rb"gh[pousr]_", rb"[A-Za-z0-9]", 36),
    ("github_pat_", rb"(?:github_pat_)", rb"[A-Za-z0-9_]", 22),
    ("xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs- xapp-", rb"(?:xox[abeoprs]|xapp)-", rb"[A-Za-z0-9-]", 10),
    ("sk_live_ rk_live_", rb"[rs]k_live_", rb"[A-Za-z0-9]", 16),
)
_AWS_ID = rb"\b(?:AKIA|ASIA)[A-Z0-9]{16}"
_AWS_BETWEEN = rb"[\s,;:|\"'=]{1,16}"
_AWS_LETTERS = rb"[A-Za-z0-9/+]"
_AWS_NAMES = (
    rb"(?i:secret[_-]?access[_-]?key|aws[_-]?session[_-]?token|sessiontoken|aws[_-]?security[_-]?token)"
)

_RUNS = tuple(
    (compiled(rb"\b" + prefix + letters + rb"{%d,}" % least), compiled(letters + rb"*"))
    for _, prefix, letters, least in _SHAPES
)
_ID = compiled(_AWS_ID)
_PAIR = compiled(_AWS_ID + _AWS_BETWEEN + _AWS_LETTERS + rb"{40}")
_HEADS = compiled(_AWS_NAMES + ASSIGNS)
_WORD = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
_SECRET_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/+=")


def find(text: bytes, first: int) -> Iterator[Span]:
    """The keys in `text`."""
    for pattern, goes_on in _RUNS:
        for run in pattern.finditer(text, first):
            yield Span(run.start(), run.end(), open=run.end() == len(text), goes_on=goes_on)
    yield from _aws(text, first)
    yield from values(text, _HEADS, first, _looks_random)


def _aws(text: bytes, first: int) -> Iterator[Span]:
    for found in _ID.finditer(text, first):
        start, end = found.start(), found.end()
        if end < len(text) and text[end] in _WORD:
            continue
        yield Span(start, end, open=end == len(text))
        pair = _PAIR.match(text, start)
        if pair is None:
            continue
        secret = pair.end() - 40
        if pair.end() < len(text) and text[pair.end()] in _SECRET_LETTERS:
            continue
        if _is_mixed(text[secret : pair.end()]):
            yield Span(secret, pair.end(), open=pair.end() == len(text))


def _is_mixed(value: bytes) -> bool:
    letters = {"upper" if 65 <= byte <= 90 else "lower" if 97 <= byte <= 122 else "other" for byte in value}
    return len(letters) == 3


def _looks_random(value: bytes) -> bool:
    return len(value) >= 16 and value.strip(b"*") != b"" and not value.startswith((b"$", b"<", b"{"))


def _tails() -> Iterator[bytes]:
    for beginnings, prefix, letters, least in _SHAPES:
        for beginning in beginnings.split():
            yield from (beginning[:length].encode() for length in range(1, len(beginning) + 1))
        yield prefix + letters + rb"{0,%d}" % (least - 1)
    yield rb"A[KS]?"
    yield rb"A[KS]I(?:A[A-Z0-9]{0,16})?"
    yield _AWS_ID.removeprefix(rb"\b") + _AWS_BETWEEN + _AWS_LETTERS + rb"{1,40}"


CLOUD_KEY = Detector(
    name="cloud-key",
    gate=rb"|".join(
        [rb"\b" + prefix + letters + rb"{%d}" % least for _, prefix, letters, least in _SHAPES]
        + [_AWS_ID, _AWS_NAMES + ASSIGNS + VALUE_BEGINS]
    ),
    tail=rb"\b(?:" + rb"|".join(sorted(set(_tails()))) + rb")",
    find=find,
)
