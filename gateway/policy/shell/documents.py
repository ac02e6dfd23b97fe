"""Cuts a here-document out of a text, for a reading that knows none. Only where nobody can be wrong about its end."""

import re

_START = re.compile(r"(?<!<)<<(-?)[ \t]*(?:'(\w+)'|\"(\w+)\"|(\w+))(?=[ \t\n;|&<>)])")
_RUNS = re.compile(r"[`\\]|\$[({]")


def without_document(text: str) -> str:
    """The text without its here-document; as it is where there is none, several, or one that expands commands."""
    if text.count("<<") - 2 * text.count("<<<") != 1 or (start := _START.search(text)) is None:
        return text
    line_end = text.find("\n", start.end())
    if line_end < 0:
        return text
    name = start[2] or start[3] or start[4]
    at = line_end + 1
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        line = text[at:end]
        if (line.lstrip("\t") if start[1] else line) == name:
            if start[4] and _RUNS.search(text, line_end, at):
                return text
            return text[: start.start()] + text[start.end() : line_end] + text[end:]
        at = end + 1
    return text
