"""Reads the table of roles: `role_table.txt`."""

import re
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("role_table.txt")
CALLERS = ("person", "approver", "auditor", "operator", "admin", "machine")
WORDS = ("all", "own", "sees", "others", "never", "no", "open")
_ROUTES, _KEYS = ["route", "action", *CALLERS], ["keys", "action", "asks"]


_BETWEEN = re.compile(r", (?!resume )")
"""Between two actions: one of them has a comma of its own."""


class Line(NamedTuple):
    """One route: what it does, and what each caller may do with it."""

    method: str
    path: str
    action: str
    cells: dict[str, str]


class Asks(NamedTuple):
    """What some keys of the app ask of the gateway."""

    place: str
    keys: list[str]
    asks: list[str]


def read() -> list[Line]:
    """The routes in their order. Raises ValueError where a line is wrong."""
    lines = []
    for route, action, *cells in _rows(_ROUTES):
        method, _, path = route.partition(" ")
        if len(cells) != len(CALLERS) or not set(cells) <= set(WORDS):
            raise ValueError(f"what does this mean for {route}: {cells}")
        if ("open" in cells) != (action == "-") or ("open" in cells and set(cells) != {"open"}):
            raise ValueError(f"{route} is open to everybody, or to nobody in particular")
        lines.append(Line(method, path, action, dict(zip(CALLERS, cells, strict=True))))
    return lines


def read_keys() -> list[Asks]:
    """The keys in their order."""
    return [
        Asks(place, actions.split(", "), [] if asks == "-" else _BETWEEN.split(asks))
        for place, actions, asks in _rows(_KEYS)
    ]


def _rows(titles: list[str]) -> list[list[str]]:
    """The rows of the table with these titles."""
    rows = [
        [cell.strip() for cell in line.split("|")]
        for line in FILE.read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    begin = rows.index(titles) + 1
    others = [number for number, row in enumerate(rows) if row in (_ROUTES, _KEYS) and number >= begin]
    return rows[begin : min(others, default=len(rows))]
