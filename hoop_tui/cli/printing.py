"""What the commands write: tables for people, JSON for programs, sentences on stderr. Always harmless.

JSON is written in ASCII, so a control character in it is an escape that no terminal acts upon.
"""

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len

from hoop_tui.safe_text import fitted_text, visible

_WIDEST = 40


def complain(sentence: str, code: int) -> int:
    """One sentence on stderr; gives back the exit code."""
    print(f"hoop-tui: {visible(sentence)}", file=sys.stderr)
    return code


def tell(sentence: str) -> None:
    """A line of talk on stderr."""
    print(visible(sentence), file=sys.stderr, flush=True)


def hint(sentence: str) -> None:
    """A line of help on stderr, for people only."""
    if sys.stderr.isatty():
        print(visible(sentence), file=sys.stderr)


def coloured() -> bool:
    """Whether stdout is a terminal that may be coloured."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def print_table(
    titles: Sequence[str], rows: Sequence[Sequence[str]], *, bold_words: Sequence[str] = ()
) -> None:
    """Columns as wide as their widest cell; a cell that is too wide ends in `..`."""
    widths = [
        min(_WIDEST, max(cell_len(visible(row[column][:200])) for row in [titles, *rows]))
        for column in range(len(titles))
    ]
    colour = coloured()
    for number, row in enumerate([titles, *rows]):
        cells = [fitted_text(cell, width) for cell, width in zip(row, widths, strict=True)]
        if colour and (number == 0 or row[0] in bold_words):
            cells[0] = f"\x1b[1m{cells[0]}\x1b[0m"
        print("  ".join(cells).rstrip())


def print_facts(facts: Sequence[tuple[str, str]]) -> None:
    """One fact a line: good for screen readers too."""
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        if value:
            print(f"{name:<{width}}  {visible(value)}")


def print_json(value: Any, *, lines: bool = False) -> None:
    """Indented JSON, or one object a line when `lines`."""
    if lines:
        for each in value if isinstance(value, list) else [value]:
            print(json.dumps(each, ensure_ascii=True))
    else:
        print(json.dumps(value, ensure_ascii=True, indent=2))
