"""`i`: what a request would do. It is asked for when the box opens, and nothing else waits for the answer.

`D` tries it, once it was pressed again: the first time says what that means.
"""

from collections.abc import Iterator

from textual import work
from textual.app import ComposeResult

from gateway.api.schema import RequestCard, RequestImpact
from hoop_tui.errors import GatewayTrouble, NotSignedIn
from hoop_tui.impact_words import WARNING, summary, table_lines
from hoop_tui.keymap import bindings
from hoop_tui.safe_text import safe
from hoop_tui.screens.base import HoopScreen
from hoop_tui.widgets.footer_line import FooterLine
from hoop_tui.widgets.lines_view import LinesView, Piece, TextLine
from hoop_tui.widgets.panel import Panel
from hoop_tui.wrapped_pieces import by_words

_STYLES = {"+": "bold $text-warning", "-": "$text-success", " ": ""}
_TITLE = "bold $text-accent"
_MOST_LINES = 2000


class ImpactScreen(HoopScreen):
    """Stands over the approvals screen, about one request."""

    CSS_PATH = "impact.tcss"
    places = ("everywhere", "impact", "lists")
    BINDINGS = bindings("impact")

    def __init__(self, card: RequestCard) -> None:
        super().__init__()
        self._card = card
        self._warned = False
        self._busy = False
        self.found: RequestImpact | None = None
        """The last answer; None while none has come."""

    def compose(self) -> ComposeResult:
        with Panel(id="impact"):
            yield LinesView(id="lines")
        yield FooterLine(*self.places)

    def on_mount(self) -> None:
        self._ask(dry_run=False)

    @work(group="impact", exclusive=True)
    async def _ask(self, *, dry_run: bool) -> None:
        self._busy = True
        self._tell("Trying it ..." if dry_run else "Asking the target ...", "$text-muted")
        try:
            found = await self.hoop.client.requests.impact(self._card.id, dry_run=dry_run)
        except NotSignedIn as trouble:
            self.hoop.sign_in_again(trouble.sentence)
        except GatewayTrouble as trouble:
            self._tell(trouble.sentence, "$text-warning")
        else:
            self.found = found
            self._show(found)
        finally:
            self._busy = False
            self._warned = False

    def _tell(self, sentence: str, style: str) -> None:
        self._head("")
        self.query_one(LinesView).show([(Piece(line, style),) for line in by_words(sentence, self._width)])

    def _head(self, said: str) -> None:
        heading = safe(f"What {self._card.id} would do", "bold")
        self.query_one(Panel).set_heading(heading, safe(said or "Esc closes", "$text-muted", limit=60))

    @property
    def _width(self) -> int:
        return max(20, min(116, self.size.width - 6))

    def _show(self, found: RequestImpact) -> None:
        self._head(f"{found.took_ms} ms   Esc closes")
        self.query_one(LinesView).show(list(_lines(found, self._width))[:_MOST_LINES])

    def action_try(self) -> None:
        why = self._why_not()
        if why:
            self.hoop.say(safe(why), wrong=True)
        elif self._warned:
            self._ask(dry_run=True)
        else:
            self._warned = True
            self._tell(f"{WARNING} D again tries it, Esc closes.", "bold $text-warning")

    def _why_not(self) -> str:
        if self.hoop.readonly:
            return "This app was opened with --readonly: nothing is tried in it."
        if self._busy or self.found is None:
            return "Wait for the answer first."
        if self._card.may_decide:
            return f"You can not try it: {self._card.may_decide}."
        no_dry_run = self.found.no_dry_run or self.found.refused
        return f"It can not be tried: {no_dry_run}." if no_dry_run else ""

    def action_reload(self) -> None:
        if not self._busy:
            self._ask(dry_run=False)

    def action_back(self) -> None:
        self.dismiss()


def _lines(found: RequestImpact, width: int) -> Iterator[TextLine]:
    for line in by_words(summary(found), width):
        yield (Piece(line, "bold $text-warning" if found.refused else "bold"),)
    yield ()
    for each in found.lines:
        for number, line in enumerate(by_words(each.text, width - 2)):
            yield Piece(f"{each.sign if number == 0 else ' '} ", _STYLES[each.sign]), Piece(line)
    if found.no_dry_run and not found.refused:
        for line in by_words(f"A dry run is not offered: {found.no_dry_run}.", width):
            yield (Piece(line, "$text-muted"),)
    for table in found.tables:
        yield ()
        yield (Piece(table.title.upper(), _TITLE),)
        for number, line in enumerate(table_lines(table, width)):
            yield (Piece(line, "$text-muted" if number == 0 else ""),)
    for text in found.texts:
        yield ()
        yield (Piece(text.title.upper(), _TITLE),)
        for line in text.text.split("\n"):
            yield (Piece(line),)
