"""What a request would do, in lines: for the screen, and for terminals."""

from collections.abc import Iterator

from rich.cells import cell_len

from gateway.api.schema import ImpactTable, RequestImpact
from hoop_tui.safe_text import fitted_text, visible

CELL = 32
"""Cells of a table are no wider, so that several fit beside each other."""
WARNING = (
    "This runs the statement in a transaction that is always rolled back. What it locks is locked for"
    " seconds at most, for others too."
)


def summary(impact: RequestImpact) -> str:
    """One line about all of it."""
    if impact.refused:
        return impact.refused
    how = "tried and rolled back" if impact.dry_run else "looked into, not run"
    if impact.rows is None:
        return how
    rows = "1 row" if impact.rows == 1 else f"{impact.rows:,} rows"
    return f"{how}: {rows}" if impact.dry_run else f"{how}: about {rows}, as is guessed"


def table_lines(table: ImpactTable, width: int) -> Iterator[str]:
    """Columns as wide as their widest cell, up to a limit; where they do not fit, a row's values under each other."""
    rows = [table.columns, *table.rows]
    widths = [
        min(CELL, max(cell_len(visible(row[at][:200])) for row in rows)) for at in range(len(table.columns))
    ]
    if sum(widths) + 2 * len(widths) <= width:
        for row in rows:
            yield "  ".join(fitted_text(cell, room) for cell, room in zip(row, widths, strict=True)).rstrip()
        return
    name = min(CELL, max(cell_len(visible(each)) for each in table.columns))
    for number, row in enumerate(table.rows, start=1):
        yield f"row {number}"
        for column, cell in zip(table.columns, row, strict=True):
            yield f"  {fitted_text(column, name)}  {visible(cell)}"
