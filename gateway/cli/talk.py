"""What commands print: data on stdout, talk on stderr, and nothing that a terminal would act upon.

Names, commands and messages are partly written by people who may mean harm, so every line passes `plain`.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.core.plain import plain

_LONGEST = 2000


def say(text: str) -> None:
    """Talk: to the person, on stderr."""
    for line in text.split("\n"):
        print(plain(line, _LONGEST), file=sys.stderr, flush=True)


def complain(text: str) -> None:
    """Say what went wrong. Each line stands for itself."""
    for line in text.split("\n"):
        say(f"hoop-gateway: {line}")


def data(text: str) -> None:
    """Data: for the person or the next program, on stdout."""
    for line in text.split("\n"):
        print(plain(line, 100_000))


def rows(kind: str, columns: Sequence[str], found: Sequence[Mapping[str, Any]]) -> None:
    """A list, as a table or as JSON. A row's keys are the columns in lower case, with `_` for a space."""
    if kind == "json":
        data(json.dumps(list(found), indent=2))
        return
    cells = [[plain(_cell(row[column.lower().replace(" ", "_")]), 80) for column in columns] for row in found]
    table = [list(columns), *cells]
    widths = [max(len(line[place]) for line in table) for place in range(len(columns))]
    for line in table:
        padded = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        data("  ".join(padded).rstrip())


def _cell(value: object) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{name}={inner}" for name, inner in sorted(value.items())) or "-"
    if isinstance(value, (list, tuple)):
        return ",".join(str(inner) for inner in value) or "-"
    return str(value) if value not in (None, "") else "-"


def is_watched() -> bool:
    """A person can answer: both ends are a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str, default: str = "") -> str:
    """A person's answer to one question. Only where `is_watched`."""
    shown = f" [{plain(default, 200)}]" if default else ""
    print(f"{plain(question, 400)}{shown}: ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    if not answer:
        raise KeyboardInterrupt
    return answer.strip() or default
