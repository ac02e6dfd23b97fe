"""Patterns with `*` (any text) and `?` (one character), matched against the whole text, case-sensitive.

Linear in practice and never exponential: texts come from attackers. There are no character classes.
"""


def matches(pattern: str, text: str) -> bool:
    """Whether `pattern` describes all of `text`."""
    if "?" not in pattern:
        head, star, tail = pattern.partition("*")
        if not star:
            return pattern == text
        if "*" not in tail:
            return len(head) + len(tail) <= len(text) and text.startswith(head) and text.endswith(tail)
    return _matches_slowly(pattern, text)


def _matches_slowly(pattern: str, text: str) -> bool:
    at, star, resume = 0, -1, 0
    position = 0
    while position < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, resume = at, position
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[position]):
            at += 1
            position += 1
        elif star >= 0:
            at = star + 1
            resume += 1
            position = resume
        else:
            return False
    return all(letter == "*" for letter in pattern[at:])


def can_begin(pattern: str, text: str) -> bool:
    """Whether `pattern` describes `text`, or some longer text that begins with it."""
    if "*" not in pattern:
        return len(pattern) >= len(text) and matches(pattern[: len(text)], text)
    first, _, _ = pattern.partition("*")
    shorter = min(len(first), len(text))
    return matches(first[:shorter], text[:shorter])
