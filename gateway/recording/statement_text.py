"""A statement of a database session as lines of text: what was asked, what was decided, what came back.

Nothing here is made harmless yet, and a line may hold anything but a line feed: the transcript sees to that.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

from gateway.recording.statement_list import Statement
from gateway.recording.statement_marks import Result

NULL = "(null)"
_WIDEST = 60
"""A column is padded to this at most; longer cells are whole, and stand out."""
_NEW_LINE = "\\n"


def lines_of(statement: Statement) -> Iterator[str]:
    """Whole, whatever its size: the caller writes them down one by one."""
    yield from statement.text.rstrip().split("\n")
    for at, value in enumerate(statement.values, 1):
        yield f"-- ${at} = {_quoted(value)}"
    if statement.values_left_out:
        yield f"-- {statement.values_left_out:,} more values are not in the recording"
    for said in statement.said:
        yield f"-- said: {_one(said)}"
    yield from _table(statement)
    if statement.result is not None:
        yield from _ending(statement.result, has_rows=bool(statement.columns or statement.copy))


def _quoted(value: str | None) -> str:
    return "NULL" if value is None else "'" + _one(value).replace("'", "''") + "'"


def _one(text: str) -> str:
    return text.replace("\n", _NEW_LINE)


def _table(statement: Statement) -> Iterator[str]:
    names = [f"{column.name} (masked)" if column.masked else column.name for column in statement.columns]
    if not statement.kept:
        return
    rows = [[NULL if cell is None else _one(cell) for cell in row] for row in statement.rows()]
    if statement.copy is not None:
        yield from [row[0].removesuffix(_NEW_LINE) for row in rows if row]
        return
    widths = [0] * max(map(len, chain(rows, [names])))
    for row in chain(rows, [names]):
        for at, cell in enumerate(row):
            widths[at] = max(widths[at], min(len(cell), _WIDEST))
    if names:
        yield _line(names, widths)
        yield "-+-".join(["-" * width for width in widths])
    for row in rows:
        yield _line(row, widths)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return " | ".join([cell.ljust(width) for cell, width in zip(cells, widths, strict=False)]).rstrip()


def _ending(result: Result, *, has_rows: bool) -> Iterator[str]:
    if result.error:
        code, message = result.error.get("code", ""), _one(result.error.get("message", ""))
        yield f"-- error {code}: {message}".replace(" :", ":")
        yield from [
            f"-- {name}: {_one(said)}" for name in ("detail", "hint") if (said := result.error.get(name))
        ]
    if has_rows and result.rows > result.kept:
        yield f"-- {result.kept:,} of {result.rows:,} rows kept"
    facts = [result.tag, f"{result.us / 1000:.3f} ms", f"{result.bytes:,} bytes"]
    yield f"-- {', '.join([fact for fact in facts if fact])}" + _digest(result.sha256)
    if (result.shown_bytes, result.shown_sha256) != (result.bytes, result.sha256):
        yield f"-- shown: {result.shown_bytes:,} bytes" + _digest(result.shown_sha256)
    if result.masked:
        yield f"-- masked: {', '.join([f'{name} {count:,}' for name, count in result.masked.items()])}"


def _digest(sha256: str) -> str:
    return f", sha256 {sha256}" if sha256 else ""
