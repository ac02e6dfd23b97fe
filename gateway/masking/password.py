"""Passwords by the name they are given: `password=...`, `"passwd": "..."`, `PGPASSWORD=...`, `--password ...`,
and the password in `scheme://user:password@host`. Only the value is masked.

A password that nothing names can not be recognised.
"""

import re
from collections.abc import Iterator

from gateway.masking.assigned import ASSIGNS, VALUE_BEGINS, values
from gateway.masking.detector import Detector, Span, compiled

_NAMES = rb"(?i:password|passwd|passphrase|mysql_pwd)"
_HEAD = rb"(?:" + _NAMES + ASSIGNS + rb"|--(?:[A-Za-z0-9]+-)*(?i:password|passphrase)[ \t]{1,3})"
_URL = rb"://[^\x00-\x20/?#:@\"'<>]*:"

_HEADS = compiled(_HEAD)
_URLS = compiled(_URL)
_USERINFO = re.compile(rb"[^\x00-\x20/?#\"'<>]*")
_LONGEST_USER = 128
_LONGEST_URL_PASSWORD = 512

_PLACEHOLDER = re.compile(
    rb"[*.x]+|(?:\xe2\x80\xa2)+|\$[A-Z_][A-Z0-9_]*|\$\{[^{}]*\}|\{\{[^{}]*\}\}|\{[a-z_]*\}|%s|<[^<>]*>|\[[a-z-]+\**\]"
)
_PROSE = frozenset(
    b"password passwd passphrase pass string value text null none nil true false yes no required incorrect wrong "
    b"authentication permission updated changed expired unchanged invalid empty prompt unable you for".split()
)


def is_secret(value: bytes) -> bool:
    """False for placeholders and for the words that stand in that place in ordinary output."""
    if _PLACEHOLDER.fullmatch(value[:200]):
        return False
    return value.strip(b"()[]{}.,;:!").lower() not in _PROSE


def find(text: bytes, first: int) -> Iterator[Span]:
    """The passwords in `text`."""
    yield from values(text, _HEADS, first, is_secret)
    yield from _in_urls(text, first)


def _in_urls(text: bytes, first: int) -> Iterator[Span]:
    for url in _URLS.finditer(text, first):
        start = url.end()
        if start - url.start() > _LONGEST_USER + 4:
            continue
        found = _USERINFO.match(text, start, min(len(text), start + _LONGEST_URL_PASSWORD))
        end = found.end() if found else start
        at = text.rfind(b"@", start, end)
        is_open = end == len(text)
        if at > start and is_secret(text[start:at]):
            yield Span(start, at, is_open)
        if is_open and end > start:
            yield Span(start, end, is_open, sure=False)


PASSWORD = Detector(
    name="password",
    gate=_HEAD + VALUE_BEGINS + rb"|" + _URL + rb"[^\x00-\x20/?#\"'<>]",
    tail=b"",
    find=find,
)
