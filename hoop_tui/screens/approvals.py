"""F2: what waits for people, and the card of the one under the cursor. Deciding happens in boxes of their own.

The list is the gateway's; the cursor stays on its request, whatever comes and goes. Next: `screens/approve.py`.
"""

import asyncio
import time
from datetime import timedelta

from textual import work
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.events import Resize

from gateway.api.schema import RequestCard, RequestPage
from hoop_tui.clock import Clock
from hoop_tui.errors import GatewayTrouble, NotFound, NotSignedIn
from hoop_tui.guard import Guard
from hoop_tui.keymap import bindings
from hoop_tui.queue import ASKS, FILTER_WORDS, FILTERS, ORDERS, Filter, Order, Queue
from hoop_tui.request_cells import COLUMNS, request_cells
from hoop_tui.request_words import RISKS
from hoop_tui.safe_text import joined, safe
from hoop_tui.screens.amend import AmendDialog, why_no_box
from hoop_tui.screens.approve import ApproveDialog
from hoop_tui.screens.base import ListScreen
from hoop_tui.screens.card_keys import NOTHING, CardKeys
from hoop_tui.screens.comment import CommentDialog
from hoop_tui.screens.deny import DenyDialog
from hoop_tui.screens.impact import ImpactScreen
from hoop_tui.widgets.card_view import CardView
from hoop_tui.widgets.footer_line import FooterLine
from hoop_tui.widgets.line import Line
from hoop_tui.widgets.panel import Panel
from hoop_tui.widgets.row_table import Cells, RowTable
from hoop_tui.widgets.top_line import Tabs, TopLine
from hoop_tui.wording import clock_length

_SIDE_BY_SIDE = 140
_CARD_AFTER_SECONDS, _CARD_AT_REST_SECONDS = 0.03, 0.12
"""The card comes so long after the cursor; where a key is held down or pressed again at once, once it rests."""
_AT_ONCE_SECONDS = 0.25
_MOST = 200
_MOST_PAGES = 50
"""A page is asked for when the cursor reaches the end of the one before."""


class ApprovalsScreen(CardKeys, ListScreen[RequestPage]):
    """Hints make it ask again; keys that decide ask the guard first."""

    places = ("everywhere", "lists", "approvals")
    topic = "approval"
    BINDINGS = bindings("approvals")
    CSS_PATH = "approvals.tcss"
    AUTO_FOCUS = "#rows"

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._top, self._tabs = TopLine(), Tabs()
        self._panel, self._table = Panel(id="list"), RowTable(COLUMNS, id="rows")
        self._empty, self._box, self._view = Line(id="empty"), Panel(id="card"), CardView(id="view")
        self._queue, self._guard = Queue(clock), Guard(clock)
        self._filter: Filter = "asked"
        self._order: Order = "time left"
        self._pages = 1
        self._marked: dict[str, None] = {}
        self._wanted = asyncio.Event()
        self._card_after, self._moved_at = _CARD_AFTER_SECONDS, 0.0
        self.answered = False
        """The gateway has said what there is."""

    def compose(self) -> ComposeResult:
        yield self._top
        yield self._tabs
        with Container(id="both"):
            with self._panel:
                yield self._table
                yield self._empty
            with self._box:
                yield self._view
        yield FooterLine(*self.places, lines=2)

    def on_mount(self) -> None:
        self._keep_current()
        self._keep_card()
        self.app.app_resume_signal.subscribe(self, lambda _: self._guard.look_again())
        self.redraw()

    # What the gateway says.

    async def _ask_for(self) -> RequestPage | None:
        asked = self._filter
        which, state = ASKS[asked]
        page = await self._asked_for(which, state)
        return page if asked == self._filter else None

    def _show(self, page: RequestPage) -> None:
        self._queue.take(page, self._order)
        self.answered = True
        self._show_rows()
        self._ask_for_more()

    def _ask_for_more(self) -> None:
        """Where the cursor has come to the last row, or the last row to the cursor."""
        at_the_end = self._queue.has_more and self._queue.rows[-1].id == self.chosen
        if at_the_end and self._pages < _MOST_PAGES:
            self._pages += 1
            self._stale.set()

    async def _asked_for(self, which: str, state: str) -> RequestPage:
        """The first pages, as many as somebody has gone down to."""
        requests = self.hoop.client.requests
        page = await requests.page(which=which, state=state, limit=_MOST)
        for _ in range(self._pages - 1):
            if not page.cursor:
                break
            more = await requests.page(which=which, state=state, limit=_MOST, cursor=page.cursor)
            page = more.model_copy(update={"requests": [*page.requests, *more.requests]})
        return page

    def _show_rows(self) -> None:
        self._marked = {id: None for id in self._marked if id in self._queue.by_id}
        self._table.show_rows([each.id for each in self._queue.rows], self._cells)
        self._wanted.set()
        self.redraw()

    def _cells(self, id: str) -> Cells:
        request = self._queue.by_id[id]
        is_fresh = id in self._queue.fresh and id != self._table.cursor_key
        return request_cells(request, self._queue.left(request), marked=id in self._marked, fresh=is_fresh)

    @work(group="card", exclusive=True)
    async def _keep_card(self) -> None:
        """The card follows the cursor, and what becomes of its request."""
        while True:
            await self._wanted.wait()
            await self._at_rest()
            self._wanted.clear()
            chosen, shown = self._queue.by_id.get(self.chosen), self._view.card
            if chosen is None:
                self._show_card(None)
            elif shown is None or (shown.id, shown.mark) != (chosen.id, chosen.mark):
                await self._fetch_card(chosen.id)

    async def _at_rest(self) -> None:
        """Until the cursor has stood where it is for as long as it takes; a list that changes does not count."""
        early = self._card_after
        while early > 0:
            await asyncio.sleep(early)
            early = self._moved_at + self._card_after - time.monotonic()

    async def _fetch_card(self, id: str) -> None:
        try:
            card = await self.hoop.client.requests.card(id)
        except NotSignedIn as trouble:
            self.hoop.sign_in_again(trouble.sentence)
        except NotFound:
            self._stale.set()
        except GatewayTrouble as trouble:
            self._trouble = trouble.sentence
            self.redraw()
        else:
            if id == self.chosen:
                self._show_card(card)

    def _show_card(self, card: RequestCard | None) -> None:
        self._view.show_card(card)
        if card is not None:
            self._guard.showing(card.id, card.mark)
        self._draw_words()

    # What is on the screen.

    @property
    def chosen(self) -> str:
        return self._table.cursor_key

    @property
    def card(self) -> RequestCard | None:
        """Of the request under the cursor; None while it is on its way."""
        card = self._view.card
        return card if card is not None and card.id == self.chosen else None

    @property
    def goes_on_below(self) -> bool:
        """There is more of the card than was on the screen, and whoever says yes must have seen it."""
        card = self._view.card
        return card is not None and card.state == "held" and not self._view.has_seen_all

    def move_to(self, id: str) -> None:
        """Put the cursor on this request, if it is in the list."""
        self._table.set_cursor(id)

    def on_row_table_moved(self, event: RowTable.Moved) -> None:
        self._queue.fresh.discard(event.key)
        card = self.card
        self._guard.showing(event.key, card.mark if card else "")  # what is decided waits for its card
        now = time.monotonic()
        is_quick = now - self._moved_at < _AT_ONCE_SECONDS
        self._card_after, self._moved_at = _CARD_AT_REST_SECONDS if is_quick else _CARD_AFTER_SECONDS, now
        self._wanted.set()
        self._ask_for_more()
        self._draw_words()

    def on_row_table_chosen(self, _: RowTable.Chosen) -> None:
        self._view.focus()

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width >= _SIDE_BY_SIDE, "beside")

    def redraw(self) -> None:
        self._draw_words()
        self._table.refresh()

    def _draw_words(self) -> None:
        """All but the rows, of which the table draws what the cursor has left and come to."""
        hoop = self.hoop
        self._top.tell(hoop.me, hoop.freshness, hoop.clock.now(), hoop.zone, hoop.readonly)
        self._tabs.tell("approvals", None, hoop.last_replay_id, hoop.waiting)
        self._draw_heading()
        self._draw_card_heading()

    def _draw_heading(self) -> None:
        rows = len(self._queue.rows)
        more = "+" if self._queue.has_more else ""
        heading = [safe(FILTER_WORDS[self._filter], "bold"), safe(f" {rows}{more}" if self.answered else "")]
        if self._marked:
            heading.append(safe(f"   {len(self._marked)} marked", "bold $text-accent"))
        by_filter, by_order = self.shown_key("next_filter"), self.shown_key("next_order")
        keys = safe(f"{by_filter} filter  {by_order} sort: {self._order}", "$text-muted")
        self._panel.set_heading(joined(*heading), keys)
        self._empty.show(self._instead())
        self._empty.display = not rows or bool(self._trouble)
        self._table.set_class(not rows, "bare")

    def _instead(self) -> Content:
        if self._trouble:
            return safe(self._trouble, "$text-warning")
        if not self.answered:
            return safe("Asking the gateway", "$text-muted")
        if self._filter == "asked":
            return safe("Nothing waits for you. What is held for you appears here at once.", "$text-muted")
        return safe("Nothing is here.", "$text-muted")

    def _draw_card_heading(self) -> None:
        card = self.card
        self._box.display = bool(self._queue.rows)
        if card is None:
            if self._view.card is None:  # else its heading stays over the card that is still shown
                self._box.set_heading(safe(self.chosen or "", "bold"))
            return
        parts = [
            safe(card.id, "bold"),
            safe(f"  {RISKS.get(card.risk.word, card.risk.word.upper())}", limit=30),
        ]
        request = self._queue.by_id.get(card.id)
        if card.state == "held" and request is not None:
            waited = clock_length(timedelta(seconds=max(0, _span(card) - self._queue.left(request))))
            ends = clock_length(timedelta(seconds=self._queue.left(request)))
            parts.append(safe(f"  held {waited}, denies itself in {ends}"))
        else:
            parts.append(safe(f"  {card.state}", "bold"))
        more = f"more below: {self.shown_key('scroll_card(1)')}" if self.goes_on_below else ""
        self._box.set_heading(joined(*parts), safe(more, "bold $text-warning"))

    # What keys do.

    def action_next_filter(self) -> None:
        self._filter = FILTERS[(FILTERS.index(self._filter) + 1) % len(FILTERS)]
        self.answered = False
        self._pages = 1
        self._stale.set()
        self.redraw()

    def action_next_order(self) -> None:
        self._order = ORDERS[(ORDERS.index(self._order) + 1) % len(ORDERS)]
        self._queue.sort(self._order)
        self._show_rows()

    def action_scroll_card(self, direction: int) -> None:
        self._view.half_a_page(direction)
        self.call_after_refresh(self.redraw)

    def action_toggle_raw(self) -> None:
        if self.card is None:
            self.refuse(NOTHING)
        else:
            self._view.toggle_raw()

    def action_impact(self) -> None:
        if (card := self.card) is not None:
            self.hoop.push_screen(ImpactScreen(card))

    def action_copy(self) -> None:
        if self.chosen:
            self.hoop.copy(self.chosen)
        else:
            self.refuse(NOTHING)

    def action_mark(self) -> None:
        if not self.chosen:
            self.refuse(NOTHING)
        elif self.chosen in self._marked:
            del self._marked[self.chosen]
        else:
            self._marked[self.chosen] = None
        self.redraw()

    def action_approve(self) -> None:
        self._approve()

    def action_window(self) -> None:
        card = self.card
        if card is not None and card.rule.scopes == ["once"]:
            self.hoop.say(safe(f"The rule {card.rule.id} lets nobody grant more than once."), wrong=True)
        else:
            self._approve(wider=True)

    def _approve(self, *, wider: bool = False) -> None:
        card = self.card
        why = self._readonly() or self._guard.why_not_yes(
            card, self.hoop.freshness, seen=self._view.has_seen_all, own=self.hoop.manner.keys
        )
        if why or card is None:
            self.hoop.say(safe(why), wrong=True)
        else:
            self.hoop.push_screen(ApproveDialog(card, self._guard, wider=wider))

    def action_deny(self) -> None:
        card = self.card
        why = self._readonly() or self._guard.why_not(card, self.hoop.freshness)
        if why or card is None:
            self.hoop.say(safe(why), wrong=True)
        else:
            self.hoop.push_screen(DenyDialog([card]))

    def action_amend(self) -> None:
        card = self.card
        why = self._readonly() or self._guard.why_not(card, self.hoop.freshness)
        why = why or (why_no_box(card) if card else NOTHING)
        if why or card is None:
            self.refuse(why)
        else:
            self.hoop.push_screen(AmendDialog(card, self._guard))

    def action_comment(self) -> None:
        card = self.card
        why = self._readonly() or (
            "" if card and card.state == "held" else "Nobody waits for an answer here."
        )
        if why or card is None:
            self.hoop.say(safe(why), wrong=True)
        else:
            self.hoop.push_screen(CommentDialog(card))

    def _readonly(self) -> str:
        return "This app was opened with --readonly: nothing is decided in it." if self.hoop.readonly else ""

    @work(group="claim", exclusive=True)
    async def action_claim(self) -> None:
        card = self.card
        if card is None or self._readonly():
            self.hoop.say(safe(self._readonly() or "There is nothing to look at here."), wrong=True)
            return
        requests = self.hoop.client.requests
        mine = self.hoop.me is not None and card.claimed_by == self.hoop.me.person
        try:
            now = await (requests.unclaim(card.id) if mine else requests.claim(card.id))
        except GatewayTrouble as trouble:
            self.hoop.say(safe(trouble.sentence), wrong=True)
        else:
            self.hoop.say(
                safe(f"{now.id}: {'left to others' if mine else 'others see that you look at it'}.")
            )
        self._stale.set()

    @work(group="claim", exclusive=True)
    async def action_deny_marked(self) -> None:
        """Cards first: what is refused is what they show now."""
        if self._readonly() or not self._marked:
            self.hoop.say(
                safe(self._readonly() or f"Nothing is marked: {self.shown_key('mark')} marks."), wrong=True
            )
            return
        try:
            cards = [await self.hoop.client.requests.card(id) for id in self._marked]
        except GatewayTrouble as trouble:
            self.hoop.say(safe(trouble.sentence), wrong=True)
            return
        held = [card for card in cards if card.state == "held" and not card.may_decide]
        if held:
            self.hoop.push_screen(DenyDialog(held))
        else:
            self.hoop.say(safe("None of the marked ones can be denied by you."), wrong=True)


def _span(card: RequestCard) -> int:
    return int((card.expires_at - card.opened_at).total_seconds())
