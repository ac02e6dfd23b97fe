"""F3: the sessions, live ones first to see, with a preview of the one under the cursor."""

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.events import Resize
from textual.widgets import Input

from gateway.api.schema import SessionPage, SessionState, SessionSummary
from hoop_tui.client import GatewayClient
from hoop_tui.filters import EVERYTHING, SessionFilter, parse_filter
from hoop_tui.keymap import bindings
from hoop_tui.safe_text import joined, safe, stacked, visible
from hoop_tui.screens.base import ListScreen
from hoop_tui.screens.steering import SteeringScreen
from hoop_tui.stage import Stage
from hoop_tui.widgets.footer_line import FooterLine
from hoop_tui.widgets.line import Line
from hoop_tui.widgets.panel import Panel
from hoop_tui.widgets.preview import Preview
from hoop_tui.widgets.row_table import Cells, Column, RowTable
from hoop_tui.widgets.top_line import Tabs, TopLine
from hoop_tui.wording import clock_length, flags_of, length_of, short_id, short_time, target_of

_COLUMNS = (
    Column("STATE", 7),
    Column("ID", 8),
    Column("WHO", 10, share=2),
    Column("TARGET", 16, share=3),
    Column("STARTED", 11, drop=3),
    Column("LENGTH", 8, right=True),
    Column("CMDS", 5, right=True, drop=2),
    Column("FLAGS", 9, share=2, drop=1),
)
_STATE_STYLE = {
    SessionState.LIVE: "bold $text-success",
    SessionState.ENDED: "",
    SessionState.BLOCKED: "bold $text-warning",
    SessionState.KILLED: "bold $text-error",
    SessionState.LOST: "bold $text-warning",
}
_PREVIEW_NEEDS_ROWS = 28
_MOST_HINTS = 4


class SessionsScreen(ListScreen[SessionPage], SteeringScreen):
    """The list is the gateway's: filters go there, and every hint makes it fetch the list again."""

    places = ("everywhere", "lists", "sessions", "steering")
    topic = "session"
    BINDINGS = bindings("sessions", "steering")
    CSS_PATH = "sessions.tcss"
    AUTO_FOCUS = "#rows"

    def __init__(self, client: GatewayClient, stage: Stage, asked: SessionFilter = EVERYTHING) -> None:
        super().__init__()
        self._top, self._tabs, self._panel = TopLine(), Tabs(), Panel(id="list")
        self._table, self._empty = RowTable(_COLUMNS, id="rows"), Line(id="empty")
        self._preview, self._hints = Preview(client, stage, id="preview"), Line(id="hints")
        self._box = Input(id="filter", placeholder="user:alice target:web-1 state:live", compact=True)
        self.filter = asked
        self.page: SessionPage | None = None
        self._by_id: dict[str, SessionSummary] = {}
        self._wants_preview = True

    def compose(self) -> ComposeResult:
        yield self._top
        yield self._tabs
        with self._panel:
            yield self._table
            yield self._empty
        yield self._preview
        yield self._hints
        yield self._box
        yield FooterLine(*self.places)

    def on_mount(self) -> None:
        self._wants_preview = not self.hoop.manner.plain
        self._box.display = False
        self._keep_current()
        self.redraw()

    async def _ask_for(self) -> SessionPage | None:
        asked = self.filter
        page = await self.hoop.client.sessions(state=asked.state, person=asked.person, target=asked.target)
        return page if asked == self.filter else None

    def _show(self, page: SessionPage) -> None:
        self.page = page
        live_first = sorted(page.sessions, key=lambda session: session.state is not SessionState.LIVE)
        self._by_id = {session.id: session for session in live_first}
        self._table.show_rows(list(self._by_id), self._cells)
        self._watch(self._table.cursor_key)
        self.redraw()

    def _cells(self, id: str) -> Cells:
        session, now = self._by_id[id], self.hoop.clock.now()
        target, env = target_of(session)
        paused = [safe("paused", "bold $text-warning")] if session.paused_by else []
        flags = [safe(flag, "bold $text-warning" if flag[0] in "HB" else "") for flag, _ in flags_of(session)]
        person, _, domain = session.person.partition("@")
        return (
            safe(session.state.value, _STATE_STYLE[session.state]),
            safe(short_id(session.id), limit=20),
            safe(person or f"@{domain}", limit=80),
            joined(safe(target, limit=80), safe(f" {env}" if env else "", "bold $text-muted", limit=20)),
            safe(short_time(session.started_at, now, self.hoop.zone)),
            safe(clock_length(length_of(session, now))),
            safe(str(session.commands)),
            safe(" ").join([*paused, *flags]),
        )

    @on(RowTable.Moved)
    def _moved(self, event: RowTable.Moved) -> None:
        self._watch(event.key)

    @on(RowTable.Chosen)
    def _chosen(self, event: RowTable.Chosen) -> None:
        self.hoop.open_replay(event.key)

    def _watch(self, id: str) -> None:
        if self._preview.display:
            self._preview.watch_session(self._by_id.get(id))

    @property
    def chosen(self) -> str:
        """The id under the cursor, or nothing."""
        return self._table.cursor_key

    @property
    def steered(self) -> str:
        return self.chosen

    def only(self, person: str) -> None:
        """Their sessions, in every state."""
        self._ask(SessionFilter(person=person))

    def move_to(self, id: str) -> None:
        """Put the cursor on this session, if it is in the list."""
        self._table.set_cursor(id)

    @property
    def sessions(self) -> Sequence[SessionSummary]:
        return self.page.sessions if self.page else ()

    def rest(self) -> None:
        """Another screen covers this one: the preview need not be followed."""
        self._preview.watch_session(None)

    def on_screen_resume(self) -> None:
        self._watch(self.chosen)

    def on_resize(self, event: Resize) -> None:
        self._place_preview(event.size.height)

    def _place_preview(self, height: int) -> None:
        self._preview.display = self._wants_preview and height >= _PREVIEW_NEEDS_ROWS
        self.set_class(self._preview.display, "with-preview")
        self._preview.watch_session(self._by_id.get(self.chosen) if self._preview.display else None)

    def redraw(self) -> None:
        hoop = self.hoop
        self._top.tell(hoop.me, hoop.freshness, hoop.clock.now(), hoop.zone, hoop.readonly)
        self._tabs.tell("sessions", self.page.live if self.page else None, hoop.last_replay_id, hoop.waiting)
        self._draw_heading()
        self._draw_hints()
        self._preview.tell_zone(hoop.zone)
        self._table.refresh()

    def _draw_hints(self) -> None:
        hints = self.hoop.me.hints[:_MOST_HINTS] if self.hoop.me else []
        lines = [joined(safe(" > ", "bold $text-accent"), safe(hint, limit=200)) for hint in hints]
        self._hints.show(stacked(*lines))
        self._hints.display = bool(lines)

    def _draw_heading(self) -> None:
        asked = str(self.filter)
        heading = [safe("Sessions", "bold")]
        if self.page is not None:
            heading.append(safe(f": {self.page.live} live, {self.page.today} today"))
        if asked:
            heading += [safe("   filter "), safe(asked, "bold $text-accent", limit=60)]
        flags = safe("H held  B blocked  M masked", "$text-muted")
        self._panel.set_heading(joined(*heading), flags)
        if self._trouble:
            self._empty.show(safe(self._trouble, "$text-warning"))
        elif self.page is None:
            self._empty.show(safe("Asking the gateway", "$text-muted"))
        elif asked:
            self._empty.show(safe("No session fits this filter. Esc shows all of them.", "$text-muted"))
        else:
            self._empty.show(safe("No sessions yet. They appear here as people connect.", "$text-muted"))
        self._empty.display = not self._by_id or bool(self._trouble)
        # Never hidden: a hidden table loses the keyboard, and nothing would give it back.
        self._table.set_class(not self._by_id, "bare")

    def action_toggle_preview(self) -> None:
        self._wants_preview = not self._preview.display
        if self._wants_preview and self.size.height < _PREVIEW_NEEDS_ROWS:
            self.hoop.say(safe(f"The preview needs a window of {_PREVIEW_NEEDS_ROWS} lines."))
        self._place_preview(self.size.height)

    def action_copy(self) -> None:
        if self.chosen:
            self.hoop.copy(self.chosen)

    def action_only_live(self) -> None:
        self._ask(SessionFilter("live", self.filter.person, self.filter.target))

    def action_all_states(self) -> None:
        self._ask(SessionFilter("all", self.filter.person, self.filter.target))

    def action_their_sessions(self) -> None:
        if self.chosen:
            self._ask(SessionFilter(self.filter.state, self._by_id[self.chosen].person, self.filter.target))

    def action_their_requests(self) -> None:
        if self.chosen:
            self.hoop.show_requests_of(self._by_id[self.chosen].person)

    def _ask(self, wanted: SessionFilter) -> None:
        self.filter = wanted
        self._stale.set()
        self.redraw()

    def action_filter(self) -> None:
        self._box.display = True
        self._box.value = visible(str(self.filter))
        self.set_focus(self._box)

    @on(Input.Submitted, "#filter")
    def _filtered(self, event: Input.Submitted) -> None:
        try:
            wanted = parse_filter(event.value)
        except ValueError as problem:
            self.hoop.say(safe(str(problem)), wrong=True)
            return
        self._close_filter()
        self._ask(wanted)

    def _close_filter(self) -> None:
        self._box.display = False
        self.set_focus(self._table)

    def action_back(self) -> None:
        if self._box.display:
            self._close_filter()
        elif self.filter != SessionFilter():
            self._ask(SessionFilter())
        else:
            super().action_back()
