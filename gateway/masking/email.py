"""E-mail addresses: something@host.name. Does not look for bare host names or `user@host` without a dot."""

from collections.abc import Iterator

from gateway.masking.detector import Detector, Span, compiled

_DOMAIN = compiled(rb"@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}")
_ALNUM = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_LOCAL = _ALNUM + b"._%+-"
_HOST = _ALNUM + b".-"
_LONGEST_LOCAL = 64
_LONGEST_DOMAIN = 255

_NOT_TOP_LEVEL = frozenset(
    # systemd instances (user@1000.service) and scaled images (logo@2x.png)
    b"service socket timer target mount automount slice scope device swap path "
    b"png jpg jpeg gif svg webp ico".split()
)


def find(text: bytes, first: int) -> Iterator[Span]:
    """The addresses in `text`. Each `@` is looked at on its own."""
    for domain in _DOMAIN.finditer(text, first):
        at, end = domain.span()
        before = text[max(0, at - _LONGEST_LOCAL) : at]
        length = len(before) - len(before.rstrip(_LOCAL))
        after = text[end : at + 1 + _LONGEST_DOMAIN]
        host_end = end + len(after) - len(after.lstrip(_HOST))
        if length == 0 or host_end - at > _LONGEST_DOMAIN:
            continue
        is_secret = text[text.rfind(b".", at, end) + 1 : end].lower() not in _NOT_TOP_LEVEL
        if host_end == len(text):
            yield Span(at - length, end, True, is_secret)
        elif is_secret:
            yield Span(at - length, end)


EMAIL = Detector(
    name="email",
    gate=rb"@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2}",
    tail=rb"[A-Za-z0-9._%+-]{1,64}(?:@[A-Za-z0-9.-]{0,255})?",
    find=find,
)
