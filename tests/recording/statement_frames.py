"""Frames of database sessions, for tests."""

import struct
from collections.abc import Sequence

from gateway.core.frame import Frame, FrameKind
from gateway.recording.statements import mark_again, mark_columns, mark_command, mark_result, rows_frame

INT4, TEXT = 23, 25
SHA = "ab" * 32


def mark(at_us: int, data: bytes) -> Frame:
    return Frame(at_us, FrameKind.MARK, data)


def message(tag: bytes, body: bytes) -> bytes:
    return tag + struct.pack(">i", len(body) + 4) + body


def data_row(*cells: bytes | None) -> bytes:
    told = [b"\xff\xff\xff\xff" if cell is None else struct.pack(">i", len(cell)) + cell for cell in cells]
    return message(b"D", struct.pack(">h", len(cells)) + b"".join(told))


def answered(
    n: int,
    text: str,
    rows: Sequence[Sequence[bytes | None]] = (),
    *,
    values: Sequence[str | None] = (),
    at_us: int = 0,
    of: int = 0,
) -> list[Frame]:
    """A SELECT of an int4 in binary and a text, and its result; with `of`, a repeat."""
    at_us = at_us or n * 1000
    begin = mark_again(n, of, values) if of else mark_command(n, text, "select", values, rule="reads")
    columns = [("id", INT4, 1, False, "int4"), ("name", TEXT, 0, True, "text")]
    frames = [mark(at_us, begin)] + ([] if of else [mark(at_us + 1, mark_columns(n, columns))])
    kept = b"".join([data_row(*row) for row in rows])
    if kept:
        frames.append(Frame(at_us + 2, FrameKind.ROWS, rows_frame(n, kept)))
    result = mark_result(n, f"SELECT {len(rows)}", len(rows), len(kept), SHA, 812, kept=len(rows))
    return [*frames, mark(at_us + 3, result)]


def number(value: int) -> bytes:
    return struct.pack(">i", value)
