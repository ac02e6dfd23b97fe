"""Words for a stock client's terminal: ASCII, one line, nothing that a terminal would act upon.

This is the one boundary for text that the gateway itself sends to a person (UX rules: ASCII, no colour, at
most 79 columns a line where we write it ourselves). It does not touch what a target sends.
"""


def plain(text: str, limit: int = 400) -> str:
    """`text` with everything but printable ASCII shown as `<U+XXXX>`, cut to `limit` with ` ...`."""
    shown = "".join(c if " " <= c <= "~" else f"<U+{ord(c):04X}>" for c in text[: limit + 1])
    if len(shown) <= limit and len(text) <= limit:
        return shown
    return shown[: limit - 4] + " ..."


def sentence(words: str) -> str:
    """One line as every client sees it: `hoop: ...`."""
    return f"hoop: {plain(words)}"
