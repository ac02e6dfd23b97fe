"""Which environment variables of a client may reach a target: language, terminal and the version of git's protocol,
nothing that runs code. And which are for the gateway itself: what is said to people who are asked."""

import re
from collections.abc import Sequence

from gateway.session.remarks import MOST_LETTERS

MOST = 32

ANSWERS = {b"HOOP_REASON": "reason", b"HOOP_TICKET": "ticket"}
"""Variables that go no further than here."""

_NAME = re.compile(rb"LANG|LC_[A-Z]{1,20}|TERM|COLORTERM")
_ANY_NAME = re.compile(rb"[A-Z_][A-Z0-9_]{0,63}")
_GIT_PROTOCOL = re.compile(rb"GIT_PROTOCOL=version=[0-9]")
_VALUE = re.compile(rb"[A-Za-z0-9_.@,:=+-]{0,64}")


def is_allowed(name: bytes, value: bytes, also: Sequence[str] = ()) -> bool:
    """`also` are names that this target takes besides, or beginnings of names with a `*`. No path, space, quote or
    control character fits into a value."""
    if not _VALUE.fullmatch(value) or not _ANY_NAME.fullmatch(name):
        return False
    if _NAME.fullmatch(name) or _GIT_PROTOCOL.fullmatch(name + b"=" + value):
        return True
    return any(_fits(name, each.encode()) for each in also)


def answer(value: bytes) -> str:
    """What somebody says by one of `ANSWERS`; empty where it is nothing that can be said."""
    try:
        text = value.decode().strip()
    except ValueError:
        return ""
    return text if len(text) <= MOST_LETTERS and text.isprintable() else ""


def _fits(name: bytes, wanted: bytes) -> bool:
    return name.startswith(wanted[:-1]) if wanted.endswith(b"*") else name == wanted
