"""How the app and the emulator's process talk: messages of a length and a body, requests of several acts.

Answers are JSON or plain bytes and are checked here: the process that was fed a hostile recording is not
trusted, so nothing it says is unpickled, and its texts are made safe once more.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import asdict
from enum import IntEnum
from typing import Any

from hoop_tui.replay.emulator import (
    MAX_COLS,
    MAX_ROWS,
    PLAIN,
    Cursor,
    EmulatorFailed,
    Row,
    Run,
    Screen,
    Style,
)
from hoop_tui.replay.visible import visible

LARGEST_MESSAGE = 64 << 20
LENGTH = struct.Struct("<I")
_ACT = struct.Struct("<BI")
_SIZE = struct.Struct("<II")


class Act(IntEnum):
    """What the process is asked to do, in order; SETTLE, SNAPSHOT, RESTORE and SCREEN end a request."""

    FEED = 0
    RESIZE = 1
    SETTLE = 2
    SNAPSHOT = 3
    RESTORE = 4
    SCREEN = 5
    CLEAR = 6


class Answer(IntEnum):
    """The first byte of each answer."""

    DONE = 0
    NOTHING = 1
    """No snapshot can be taken in this state."""
    FAILED = 2
    """The emulator refused; the rest says why."""


def pack_act(act: Act, data: bytes = b"") -> bytes:
    """One act of a request."""
    return _ACT.pack(act, len(data)) + data


def pack_size(cols: int, rows: int) -> bytes:
    """The data of a RESIZE."""
    return _SIZE.pack(cols, rows)


def unpack_size(data: bytes) -> tuple[int, int]:
    """The columns and rows of a RESIZE."""
    cols, rows = _SIZE.unpack(data)
    return cols, rows


def unpack_acts(body: bytes) -> Iterator[tuple[Act, bytes]]:
    """The acts of a request, in order. Requests come from the app and are trusted."""
    offset = 0
    while offset < len(body):
        act, length = _ACT.unpack_from(body, offset)
        offset += _ACT.size
        yield Act(act), body[offset : offset + length]
        offset += length


def pack_screen(screen: Screen) -> bytes:
    """A screen as JSON: its changed rows only, and each style once."""
    styles: dict[Style, int] = {}
    rows = [
        [y, [[run.text, run.cells, styles.setdefault(run.style, len(styles))] for run in screen.rows[y].runs]]
        for y in sorted(screen.changed)
    ]
    told = {
        "size": [screen.cols, len(screen.rows)],
        "cursor": [screen.cursor.x, screen.cursor.y, screen.cursor.visible],
        "alternate": screen.alternate,
        "unfinished": screen.unfinished,
        "styles": [_told_style(style) for style in styles],
        "rows": rows,
    }
    return json.dumps(told, separators=(",", ":")).encode()


def _told_style(style: Style) -> dict[str, Any]:
    """What is set. A colour may be 0, which equals False."""
    return {name: value for name, value in asdict(style).items() if value is not None and value is not False}


def unpack_screen(body: bytes, before: tuple[Row, ...]) -> Screen:
    """The screen that `pack_screen` told of, over the rows of the screen `before`."""
    try:
        told = json.loads(body)
        cols, height = (_number(value) for value in told["size"])
        if not (0 < cols <= MAX_COLS and 0 < height <= MAX_ROWS):
            raise ValueError("a screen of an impossible size")
        rows = list(before[:height])
        rows += [Row(())] * (height - len(rows))
        styles = [_style(fields) for fields in told["styles"]]
        changed = {_number(y): _row(runs, styles, cols) for y, runs in told["rows"]}
        for y, row in changed.items():
            rows[y] = row
        x, y, shown = told["cursor"]
        cursor = Cursor(min(_number(x), cols - 1), min(_number(y), height - 1), bool(shown))
        unfinished = _number(told["unfinished"])
        return Screen(cols, tuple(rows), cursor, bool(told["alternate"]), unfinished, frozenset(changed))
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise EmulatorFailed("the emulator's picture makes no sense") from error


def _number(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("not a number")
    return value


def _row(runs: list[Any], styles: list[Style], cols: int) -> Row:
    row = Row(
        tuple(Run(visible(text), _number(cells), styles[_number(style)]) for text, cells, style in runs)
    )
    if sum(run.cells for run in row.runs) > cols:
        raise ValueError("a row wider than its screen")
    return row


def _style(fields: dict[str, Any]) -> Style:
    flags = ("bold", "dim", "italic", "underline", "reverse", "strike", "conceal", "flagged")
    if not fields:
        return PLAIN
    return Style(
        _colour(fields.get("fg")), _colour(fields.get("bg")), *(fields.get(name) is True for name in flags)
    )


def _colour(value: Any) -> int | str | None:
    if value is None or (type(value) is int and 0 <= value <= 255):
        return value
    if type(value) is str and len(value) == 7 and value[0] == "#":
        int(value[1:], 16)
        return value
    raise ValueError("not a colour")
