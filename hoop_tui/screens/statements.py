"""F4 for a database session: its statements as a list, and below it everything about the chosen one.

A session that is still live grows while somebody watches. Fetching, folding and searching are done elsewhere.
"""

import asyncio
from datetime import datetime, timedelta

from textual import on, work
from textual.app import ComposeResult
from textual.events import Resize
from textual.widgets import Input

from gateway.api.schema import SessionSummary
from hoop_tui.errors import GatewayTrouble, NotSignedIn
from hoop_tui.fetch import fetch_recording
from hoop_tui.keymap import bindings
from hoop_tui.moments import link
from hoop_tui.replay.folds import Folds
from hoop_tui.replay.recording import Recording
from hoop_tui.replay.statement_search import Found, StatementSearch
from hoop_tui.replay.statements import StatementIndex
from hoop_tui.safe_text import joined, safe, visible
from hoop_tui.screens.base import RecordingScreen
from hoop_tui.screens.result import ResultScreen
from hoop_tui.screens.steering import SteeringScreen
from hoop_tui.screens.transcript import TranscriptScreen
from hoop_tui.statement_cells import COLUMNS, statement_cells
from hoop_tui.statement_words import details
from hoop_tui.widgets.footer_line import FooterLine
from hoop_tui.widgets.line import Line
from hoop_tui.widgets.lines_view import LinesView
from hoop_tui.widgets.panel import Panel
from hoop_tui.widgets.row_table import Cells, RowTable
from hoop_tui.widgets.statements_head import StatementsHead, warning
from hoop_tui.wording import full_time


class StatementsScreen(RecordingScreen, SteeringScreen):
    """The cursor is a statement, or a line of folded ones; its place is remembered as a moment of the recording."""

    places = ("everywhere", "lists", "statements", "steering")
    BINDINGS = bindings("statements", "steering")
    CSS_PATH = "statements.tcss"
    AUTO_FOCUS = "#rows"

    def __init__(self, session: str, at_us: int | None = None) -> None:
        super().__init__(session, at_us)
        self._wanted_us = at_us
        self._summary: SessionSummary | None = None
        self.index: StatementIndex | None = None
        self._folds: Folds | None = None
        self._search: StatementSearch | None = None
        self._trouble = ""
        self._head, self._notice, self._empty = StatementsHead(id="head"), Line(id="notice"), Line(id="empty")
        self._list, self._table = Panel(id="list"), RowTable(COLUMNS, id="rows")
        self._detail, self._about = Panel(id="detail"), LinesView(id="about")
        self._box = Input(id="find", placeholder="words of a statement, a value or a row", compact=True)

    def compose(self) -> ComposeResult:
        yield self._head
        with self._list:
            yield self._table
            yield self._empty
        with self._detail:
            yield self._about
        yield self._notice
        yield self._box
        yield FooterLine(*self.places, lines=2)

    def on_mount(self) -> None:
        self._box.display = self._notice.display = False
        self._head.show(safe(" Fetching the recording", "$text-muted"))
        self._list.set_heading(safe("Statements", "bold"))
        self._run()

    @work(group="statements", exclusive=True)
    async def _run(self) -> None:
        client = self.hoop.client
        try:
            self._summary = await client.session(self._session)
            recording = Recording(await client.recording(self._summary.id))
            self.index = StatementIndex(recording)
            self._folds = Folds(self.index)
            await fetch_recording(client, recording, grown=self._grew, trouble=self._say)
        except NotSignedIn as trouble:
            self.hoop.sign_in_again(trouble.sentence)
        except GatewayTrouble as trouble:
            self._say(trouble.sentence)
            if self.index is None:
                self._head.show(safe(" This recording can not be shown.", "$text-warning"))

    def _grew(self) -> None:
        if self.index is None or self._folds is None or not self.is_mounted:
            return
        was_following, chosen = self.following, self.chosen
        self.index.catch_up()
        self._folds.catch_up()
        self._table.show_rows(self._folds, self._cells)
        recording = self.index.recording
        if self._wanted_us is not None:
            if recording.playable_us >= self._wanted_us or not recording.growing:
                self._go_to(self.index.place_at(self._wanted_us))
                self._wanted_us = None
        elif was_following and len(self.index):
            self._table.set_cursor(self._folds[-1])
        if chosen == self.chosen:
            self._tell_details(stay=True)
        self.redraw()

    @property
    def chosen(self) -> int | None:
        """The place of the statement under the cursor."""
        return int(self._table.cursor_key) if self._table.cursor_key else None

    @property
    def following(self) -> bool:
        """The session is live and the cursor on its last line, so that it goes along."""
        if self.index is None or self._folds is None or not self.index.recording.live:
            return False
        return not self._folds or self._table.cursor_key == self._folds[-1]

    @property
    def ready(self) -> bool:
        """Whether everything that is there by now is shown."""
        return self.index is not None and self._wanted_us is None and bool(self._about.lines)

    @property
    def position_us(self) -> int:
        if self.index is None or self.chosen is None or self._wanted_us is not None:
            return self._at_us or 0
        return self.index.at_us(self.chosen)

    def _cells(self, key: str) -> Cells:
        assert self.index is not None
        assert self._folds is not None
        return statement_cells(self.index, self._folds.line(key), self._moment, self.hoop.zone)

    def _moment(self, at_us: int) -> datetime:
        assert self.index is not None
        return self.index.recording.info.started_at + timedelta(microseconds=at_us)

    @on(RowTable.Moved)
    def _moved(self) -> None:
        self._tell_details()

    def _tell_details(self, *, stay: bool = False) -> None:
        place = self.chosen
        if self.index is None or place is None:
            return
        statement = self.index.statement(place)
        at = full_time(self._moment(statement.at_us), self.hoop.zone)
        lines = details(self.index, statement, at, max(20, self._about.size.width - 2))
        if stay:
            self._about.extend_to(lines)
        else:
            self._about.show(lines)
        self._detail.set_heading(
            safe(f"Statement {place + 1:,}", "bold"), safe(self._hint(place), "$text-muted")
        )

    def _hint(self, place: int) -> str:
        if self.index is None or self._folds is None:
            return ""
        if (count := self._folds.line(self._folds.key_of(place)).count) > 1:
            return f"the first of {count:,}; space: one by one"
        return "enter: all rows that were kept" if self.index.has_rows(place) else ""

    def redraw(self) -> None:
        if self.index is None or self._folds is None or self._summary is None or not self.is_mounted:
            return
        recording = self.index.recording
        self._head.tell(self._summary, recording, len(self.index), self.following, self.hoop.zone)
        heading = [safe("Statements", "bold")]
        if self._search is not None:
            heading += [safe("   finding "), safe(self._search.text, "bold $text-accent", limit=60)]
        self._list.set_heading(joined(*heading), safe("x N repeats  M masked", "$text-muted"))
        self._table.refresh()
        says = "Fetching the statements" if recording.growing and not recording.live else "No statements yet."
        self._empty.show(safe(says, "$text-muted"))
        self._empty.display = not len(self.index)
        sentence = self._trouble or warning(recording)
        self._notice.show(safe(f" ! {sentence}", "bold $text-warning", limit=400))
        self._notice.display = bool(sentence)

    def _say(self, sentence: str) -> None:
        self._trouble = sentence
        if self.is_mounted:
            self._notice.show(safe(f" ! {sentence}", "bold $text-warning", limit=400))
            self._notice.display = bool(sentence)

    def on_resize(self, _: Resize) -> None:
        self.call_after_refresh(self._laid_out)

    def _laid_out(self) -> None:
        self._tell_details(stay=True)
        self.redraw()

    def _go_to(self, place: int) -> None:
        """Put the cursor on this statement; a fold that hides it opens."""
        assert self._folds is not None
        if int(self._folds.key_of(place)) != place:
            self._folds.toggle(place)
            self._table.show_rows(self._folds, self._cells)
        self._table.set_cursor(self._folds.key_of(place))

    def action_toggle_fold(self) -> None:
        if self._folds is None or self.chosen is None or not self._folds.toggle(self.chosen):
            return
        self._table.set_cursor(self._folds.key_of(self.chosen))
        self._table.show_rows(self._folds, self._cells)

    @on(RowTable.Chosen)
    def _open_result(self, event: RowTable.Chosen) -> None:
        if self.index is None:
            return
        place = int(event.key)
        if self.index.has_rows(place):
            self.app.push_screen(ResultScreen(self.index, place))
        else:
            self.hoop.say(safe("No rows of this statement were kept."))

    def action_scroll_pane(self, lines: int) -> None:
        self._about.scroll_by(lines)

    def action_copy(self) -> None:
        if self._summary is not None:
            self.hoop.copy(link(self._summary.id, self.position_us))

    def action_copy_statement(self) -> None:
        if self.index is not None and self.chosen is not None:
            self.app.copy_to_clipboard(visible(self.index.statement(self.chosen).text, keep="\n\t"))
            self.hoop.say(safe("Copied the statement."))

    def action_export(self) -> None:
        if self._summary is not None:
            self.hoop.open_export(self._summary.id)

    def action_show_transcript(self) -> None:
        if self._summary is not None:
            self.app.push_screen(TranscriptScreen(self._summary.id))

    def action_reload(self) -> None:
        self.hoop.open_replay(self._session, self.position_us)

    def action_find(self) -> None:
        self._box.display = True
        self._box.value = visible(self._search.text) if self._search else ""
        self.set_focus(self._box)

    @on(Input.Submitted, "#find")
    def _asked(self, event: Input.Submitted) -> None:
        self._close_box()
        words, self._search = event.value.strip(), None
        if words and self.index is not None:
            self._search = StatementSearch(self.index, words)
            self._find(self._search, 1)
        self.redraw()

    def action_find_next(self, direction: int) -> None:
        if self._search is None:
            self.action_find()
        else:
            self._find(self._search, direction)

    @work(group="find", exclusive=True)
    async def _find(self, search: StatementSearch, direction: int) -> None:
        for found in search.from_place(self.chosen or 0, direction):
            if isinstance(found, Found):
                self._go_to(found.place)
                self.hoop.say(safe(f"Found in {found.where} of statement {found.place + 1:,}."))
                return
            await asyncio.sleep(0)
        self.hoop.say(safe("Nothing in this session has these words."), wrong=True)

    def _close_box(self) -> None:
        self._box.display = False
        self.set_focus(self._table)

    def action_back(self) -> None:
        if self._box.display:
            self._close_box()
        elif self._search is not None:
            self._search = None
            self.redraw()
        else:
            self.hoop.remember(self._session, self.position_us)
            self.dismiss()
