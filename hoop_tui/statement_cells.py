"""A line of the list of statements, as cells of a table."""

from collections.abc import Callable
from datetime import datetime

from textual.content import Content

from hoop_tui.replay.folds import Line
from hoop_tui.replay.statements import Statement, StatementIndex
from hoop_tui.safe_text import joined, safe
from hoop_tui.statement_words import duration, first_line, rows_word, state_style, state_word, values_line
from hoop_tui.widgets.row_table import Cells, Column
from hoop_tui.wording import Zone, in_zone

COLUMNS = (
    Column("TIME", 8),
    Column("VERB", 8, drop=1),
    Column("STATEMENT", 28, share=1),
    Column("STATE", 9),
    Column("ROWS", 9, right=True),
    Column("TOOK", 8, right=True),
    Column("", 1),
)


def statement_cells(
    index: StatementIndex, line: Line, moment: Callable[[int], datetime], zone: Zone
) -> Cells:
    """Time, verb, text, state, rows, duration, and `M` for what was masked."""
    statement = index.statement(line.place)
    word, result = state_word(statement), statement.result
    is_alone = line.count == 1
    is_masked = bool(result and result.masked) or any(each.masked for each in index.columns(line.place))
    rows = "" if statement.is_refused or not is_alone else rows_word(result, index.recording.growing)
    return (
        safe(f"{in_zone(moment(statement.at_us), zone):%H:%M:%S}", "$text-muted"),
        safe(statement.verb, limit=40),
        _text(statement, line),
        safe(word, state_style(word), limit=40),
        safe(rows, "bold $text-error" if rows == "error" else ""),
        safe(duration(result.us) if result and is_alone else ""),
        safe("M" if is_masked else "", "bold $text-warning"),
    )


def _text(statement: Statement, line: Line) -> Content:
    text = safe(first_line(statement.text), limit=400)
    if line.count > 1:
        return joined(safe(f"x {line.count:,} ", "bold $text-accent"), text)
    values = values_line(statement) if line.unfolded or statement.of != statement.place else ""
    return joined(safe(f"{values}  ", "bold", limit=400), text) if values else text
