"""What changes between two short texts, line by line. It reads no files."""

from difflib import unified_diff

LINES_MOST = 400
"""Of each: comparing takes as long as their product."""


def changed_lines(before: bytes | None, after: bytes | None) -> str | None:
    """`-` goes, `+` comes, with a few lines around; empty where they are the same. None: not for people to read."""
    try:
        old, new = _lines(before), _lines(after)
    except UnicodeDecodeError:
        return None
    if not old or not new or max(len(old), len(new)) > LINES_MOST:
        return None
    return "".join(f"{line}\n" for line in list(unified_diff(old, new, lineterm="", n=2))[2:])


def _lines(text: bytes | None) -> list[str]:
    """Nothing is left out, such as other ends of lines: what differs has to look different."""
    return text.decode().split("\n") if text is not None else []
