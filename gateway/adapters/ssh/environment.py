"""Which environment variables of a client may reach a target: language and terminal, nothing that runs code."""

import re

MOST = 32

_NAME = re.compile(rb"LANG|LC_[A-Z]{1,20}|TERM|COLORTERM")
_VALUE = re.compile(rb"[A-Za-z0-9_.@,:=+-]{0,64}")


def is_allowed(name: bytes, value: bytes) -> bool:
    """No path, space, quote or control character fits into a value."""
    return bool(_NAME.fullmatch(name) and _VALUE.fullmatch(value))
