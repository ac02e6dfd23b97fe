"""Recorded text that is safe to show: whatever a terminal would act upon, or hide, becomes a visible sign.

It does not decide what a text means and it does not cut words; it only makes characters harmless.
"""

import re

REPLACEMENT = "\ufffd"

_UNSAFE = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # C0, DEL and C1 controls
    "\u00ad"  # soft hyphen: shown or not as a terminal likes
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls
    "\u200b\u2060-\u2065\u206a-\u206f\ufeff"  # zero width
    "\u2028\u2029"  # line and paragraph separators
    "\ufff9-\ufffb\ufffe\uffff"  # interlinear annotation, noncharacters
    "\ud800-\udfff"  # lone surrogates can not be encoded
    "\U000e0000-\U000e0fff"  # tags: text that nobody sees
    "]"
)


def visible(text: str) -> str:
    """`text` with each unsafe character replaced by U+FFFD."""
    return _UNSAFE.sub(REPLACEMENT, text)


def without_unsafe(text: str) -> str:
    """`text` with its unsafe characters left out. For callers that flag the place in another way."""
    return _UNSAFE.sub("", text)


def is_safe(text: str) -> bool:
    """Whether `visible` would leave `text` as it is."""
    return _UNSAFE.search(text) is None


def one_line(text: str, limit: int = 300) -> str:
    """`text` as a single safe line of at most `limit` characters, cut with `...`."""
    line = visible(" ".join(text[: limit * 4].split()))
    return line if len(line) <= limit else line[: limit - 3] + "..."
