"""A statement of a database session in words: its line in the list, and everything about it below. Pure functions."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from rich.cells import cell_len, set_cell_size

from gateway.recording.cells import type_name
from gateway.recording.statement_marks import Column, Result
from hoop_tui.replay.folds import Folds
from hoop_tui.replay.statements import Row, Statement, StatementIndex
from hoop_tui.safe_text import fitted_text, visible
from hoop_tui.widgets.cell_grid import NULL, title_of, widths_of
from hoop_tui.widgets.lines_view import Piece, TextLine
from hoop_tui.wording import position
from hoop_tui.wrapping import wrapped

ROWS_BELOW = 20
"""Rows that are shown with the statement; all of them have a screen of their own."""
_LABEL = 8
_STYLES = {
    "allowed": "$text-success",
    "approved": "bold $text-success",
    "held": "bold $text-warning",
    "blocked": "bold $text-error",
    "denied": "bold $text-error",
    "expired": "bold $text-warning",
}
_GAP = " | "


def state_word(statement: Statement) -> str:
    """allowed, approved, held, denied, blocked, expired, or what the recording says."""
    if statement.state == "admitted":
        return "approved" if statement.request else "allowed"
    return statement.state or "unknown"


def state_style(word: str) -> str:
    return _STYLES.get(word, "$text-warning")


def first_line(text: str) -> str:
    """The first line that says something, and a sign where there are more."""
    lines = [line.strip() for line in text[:4000].splitlines() if line.strip()]
    return f"{lines[0]} ..." if len(lines) > 1 else lines[0] if lines else ""


def values_line(statement: Statement) -> str:
    """`$ 42, 'abc', NULL`: what tells repeats apart."""
    told = ", ".join([_value(value)[:200] for value in statement.values[:20]])
    return f"$ {told}" if told else ""


def duration(us: int) -> str:
    """`0.8 ms`, `812 ms`, `12.3 s`."""
    if us < 100_000:
        return f"{us / 1000:.1f} ms"
    return f"{us / 1000:.0f} ms" if us < 10_000_000 else f"{us / 1_000_000:.1f} s"


def rows_word(result: Result | None, waits: bool) -> str:
    """How many rows, `error`, or that there is no end yet."""
    if result is None:
        return ".." if waits else "-"
    return "error" if result.error else f"{result.rows:,}"


def details(index: StatementIndex, statement: Statement, at: str, width: int) -> list[TextLine]:
    """Everything about one, in lines of this width: nothing is cut but the table of rows. `at`: when it came."""
    return [
        _decided(statement, at),
        *_text(statement.text, width),
        *_values(statement, width),
        *_result(index, statement, width),
        *_table(index, statement.place, width),
        *_digests(statement.result, width),
    ]


def last_lines(
    index: StatementIndex, folds: Folds, count: int, clock: Callable[[int], str]
) -> list[TextLine]:
    """The last statements, each in a line: when, what was decided, how many rows, and what."""
    lines: list[TextLine] = []
    for key in folds[max(0, len(folds) - count) :]:
        line = folds.line(key)
        statement = index.statement(line.place)
        word = state_word(statement)
        rows = (
            ""
            if statement.is_refused or line.count > 1
            else rows_word(statement.result, index.recording.growing)
        )
        lines.append(
            (
                Piece(f"{clock(statement.at_us)}  ", "$text-muted"),
                Piece(f"{fitted_text(word, 9)} ", state_style(word)),
                Piece(f"{rows:>9}  ", "bold $text-error" if rows == "error" else "$text-muted"),
                Piece(f"x {line.count:,} " if line.count > 1 else "", "bold $text-accent"),
                Piece(first_line(statement.text)),
            )
        )
    return lines


def row_lines(columns: Sequence[Column], row: Row, width: int) -> list[TextLine]:
    """One row, a value after the other, with nothing cut."""
    lines: list[TextLine] = []
    for at, cell in enumerate(row):
        column = columns[at] if at < len(columns) else Column(f"column {at + 1}")
        kind = type_name(column.oid, column.type)
        lines.append((Piece(title_of(column), "bold $text-accent"), Piece(f"  {kind}", "$text-muted")))
        if cell is None:
            lines.append((Piece(f"  {NULL}", "$text-muted italic"),))
        else:
            lines += [(Piece(f"  {line}"),) for line in wrapped(cell, width - 2)]
    return lines


def _decided(statement: Statement, at: str) -> TextLine:
    word = state_word(statement)
    about = f" by {statement.rule}" if statement.rule else ""
    about += f", request {statement.request}" if statement.request else ""
    when = f"   {at}   +{position(statement.at_us)}"
    again = "   once more" if statement.of != statement.place else ""
    return (Piece(word.upper(), state_style(word)), Piece(about, "bold"), Piece(when + again, "$text-muted"))


def _text(text: str, width: int) -> Iterator[TextLine]:
    for line in wrapped(text.rstrip(), width):
        yield (Piece(line),)


def _labelled(label: str, text: str, width: int, style: str = "") -> Iterator[TextLine]:
    for number, line in enumerate(wrapped(text, width - _LABEL)):
        yield (Piece(("" if number else label).ljust(_LABEL), "$text-muted"), Piece(line, style))


def _values(statement: Statement, width: int) -> Iterator[TextLine]:
    for number, value in enumerate(statement.values, 1):
        yield from _labelled(f"${number} =", _value(value), width, "bold")
    if statement.values_left_out:
        yield (Piece(f"{statement.values_left_out:,} more values are not in the recording", "$text-warning"),)


def _value(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def _result(index: StatementIndex, statement: Statement, width: int) -> Iterator[TextLine]:
    result = statement.result
    for said in index.said(statement.place):
        yield from _labelled("said", said, width)
    if result is None:
        return
    if result.error:
        words = " ".join([result.error.get(name, "") for name in ("code", "message")]).strip()
        yield from _labelled("error", words, width, "bold $text-error")
        for name in ("detail", "hint"):
            yield from _labelled(name, result.error[name], width) if result.error.get(name) else ()
    copy = index.copy(statement.place)
    facts = [
        result.tag,
        f"{result.rows:,} row{'' if result.rows == 1 else 's'}",
        duration(result.us),
        f"{result.bytes:,} bytes",
    ]
    facts += [f"copied {copy.way}"] if copy else []
    yield from _labelled("result", "   ".join([fact for fact in facts if fact]), width)
    if result.masked:
        told = ", ".join([f"{name} {count:,}" for name, count in result.masked.items()])
        yield from _labelled("masked", told, width, "bold $text-warning")
    if result.rows > result.kept and (copy or index.columns(statement.place)):
        yield from _labelled("kept", f"{result.kept:,} of {result.rows:,} rows kept", width, "$text-warning")


def _table(index: StatementIndex, place: int, width: int) -> Iterator[TextLine]:
    columns = index.columns(place)
    rows = list(islice(index.rows(place), ROWS_BELOW + 1))
    if not rows and not columns:
        return
    widths = widths_of(columns, rows)
    if columns:
        yield (Piece(_line([title_of(column) for column in columns], widths, width), "bold $text-muted"),)
        types = [type_name(column.oid, column.type) for column in columns]
        yield (Piece(_line(types, widths, width), "$text-muted"),)
    for row in rows[:ROWS_BELOW]:
        yield _row(row, widths, width)
    if len(rows) > ROWS_BELOW:
        yield (Piece("Enter shows all rows that were kept.", "$text-muted"),)


def _digests(result: Result | None, width: int) -> Iterator[TextLine]:
    if result is not None:
        if result.sha256:
            yield from _labelled("sha256", f"{result.sha256}  as the server sent it", width, "$text-muted")
        if result.shown_sha256 and result.shown_sha256 != result.sha256:
            shown = f"{result.shown_sha256}  as shown, {result.shown_bytes:,} bytes"
            yield from _labelled("sha256", shown, width, "$text-muted")


def _row(row: Row, widths: Sequence[int], width: int) -> TextLine:
    pieces: list[Piece] = []
    room = width
    for number, (cell, wide) in enumerate(zip(row, widths, strict=False)):
        gap = _GAP if number else ""
        shown = _fitting(NULL if cell is None else cell, min(wide, max(0, room - len(gap))))
        pieces += [Piece(gap, "$text-muted"), Piece(shown, "$text-muted italic" if cell is None else "")]
        room -= len(gap) + wide
        if room <= 0:
            break
    return tuple(pieces)


def _line(cells: Sequence[str], widths: Sequence[int], width: int) -> str:
    return fitted_text(
        _GAP.join([_fitting(cell, wide) for cell, wide in zip(cells, widths, strict=False)]), width
    )


def _fitting(text: str, width: int) -> str:
    """The text, not harmless yet, so that it takes `width` cells once it is."""
    shown = visible(text[: width + 1])
    if cell_len(shown) <= width and len(text) <= width:
        return text + " " * (width - cell_len(shown))
    if width < 3:
        return set_cell_size("", width)
    kept = ""
    for character in text[:width]:
        if cell_len(visible(kept + character)) > width - 2:
            break
        kept += character
    return kept + " " * (width - 2 - cell_len(visible(kept))) + ".."
