"""E-mail addresses: something@host.name. Does not look for bare host names or `user@host` without a dot."""

from collections.abc import Iterator

from gateway.masking.detector import Detector, Span, compiled

_DOMAIN = compiled(rb"@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}")
_LOCAL = compiled(rb"[A-Za-z0-9._%+-]+\z")
_HOST = compiled(rb"[A-Za-z0-9.-]*")
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
        at, end = domain.start(), domain.end()
        local = _LOCAL.search(text[max(0, at - _LONGEST_LOCAL) : at])
        if local is None:
            continue
        host = _HOST.match(text, at + 1)
        host_end = host.end() if host else end
        if host_end - at > _LONGEST_DOMAIN:
            continue
        top_level = text[at:end].lower().rpartition(b".")[2]
        start = at - (local.end() - local.start())
        if host_end == len(text):
            yield Span(start, end, open=True, sure=top_level not in _NOT_TOP_LEVEL)
        elif top_level not in _NOT_TOP_LEVEL:
            yield Span(start, end)


EMAIL = Detector(
    name="email",
    gate=rb"@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2}",
    tail=rb"[A-Za-z0-9._%+-]{1,64}(?:@[A-Za-z0-9.-]{0,255})?",
    find=find,
)
