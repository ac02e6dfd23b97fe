"""The rows of one statement that were kept, as a table, or one row with all of its values."""

from textual import on
from textual.app import ComposeResult
from textual.events import Resize

from hoop_tui.keymap import bindings
from hoop_tui.replay.statements import StatementIndex
from hoop_tui.safe_text import fitted, joined, safe, visible
from hoop_tui.screens.base import RecordingPart
from hoop_tui.statement_words import first_line, row_lines
from hoop_tui.widgets.cell_grid import NULL, CellGrid
from hoop_tui.widgets.footer_line import FooterLine
from hoop_tui.widgets.line import Line
from hoop_tui.widgets.lines_view import LinesView


class ResultScreen(RecordingPart):
    """Over the statements. What comes in while it is open is seen when it is opened again."""

    places = ("everywhere", "result", "lists")
    BINDINGS = bindings("result")
    CSS_PATH = "result.tcss"
    AUTO_FOCUS = "CellGrid"

    def __init__(self, index: StatementIndex, place: int) -> None:
        super().__init__()
        self._statement = index.statement(place)
        self._columns, self._rows = index.columns(place), list(index.rows(place))
        self._head, self._grid, self._one = Line(id="head"), CellGrid(), LinesView(id="row")

    def compose(self) -> ComposeResult:
        yield self._head
        yield self._grid
        yield self._one
        yield FooterLine(*self.places)

    def on_mount(self) -> None:
        self._one.display = False
        self._grid.show(self._columns, self._rows)

    def on_resize(self, _: Resize) -> None:
        self.call_after_refresh(self._laid_out)

    def _laid_out(self) -> None:
        if self._one.display:
            self._show_row()
        self.redraw()

    def redraw(self) -> None:
        result, count = self._statement.result, len(self._rows)
        total = result.rows if result else count
        kept = (
            f"{count:,} of {total:,} rows kept"
            if total > count
            else f"{count:,} row{'' if count == 1 else 's'}"
        )
        left, right = self._grid.hidden_columns if self._grid.display else (0, 0)
        hidden = f"   {left} < columns > {right}" if left or right else ""
        told = safe(f"   row {self._grid.cursor + 1:,}, {kept}{hidden} ", "$text-muted")
        text = safe(f" {first_line(self._statement.text)}", "bold", limit=400)
        self._head.show(joined(fitted(text, self.size.width - told.cell_length), told))

    @on(CellGrid.Moved)
    def _moved(self) -> None:
        self.redraw()

    @on(CellGrid.Chosen)
    def _chosen(self) -> None:
        self.action_toggle_row()

    def action_pan(self, columns: int) -> None:
        self._grid.pan(columns)
        self.redraw()

    def action_toggle_row(self) -> None:
        self._one.display = not self._one.display
        self._grid.display = not self._one.display
        self.set_focus(self._one if self._one.display else self._grid)
        self.call_after_refresh(self._laid_out)

    def action_back(self) -> None:
        if self._one.display:
            self.action_toggle_row()
        else:
            self.dismiss()

    def _show_row(self) -> None:
        self._one.show(row_lines(self._columns, self._grid.row, max(20, self._one.size.width - 2)))

    def action_copy(self) -> None:
        cells = "\t".join(NULL if cell is None else visible(cell, keep="\n") for cell in self._grid.row)
        self.app.copy_to_clipboard(visible(cells, keep="\n\t"))
        self.hoop.say(safe("Copied the row."))
