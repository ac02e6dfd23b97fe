"""`p`: why a request is held, who can decide it, when that changes, and what a yes may cover."""

from collections.abc import Iterator

from textual.app import ComposeResult

from gateway.api.schema import RequestCard
from hoop_tui.request_words import policy_of, scope_words
from hoop_tui.safe_text import safe
from hoop_tui.screens.base import HoopScreen
from hoop_tui.widgets.lines_view import LinesView, Piece, TextLine
from hoop_tui.widgets.panel import Panel
from hoop_tui.wording import Zone, full_time
from hoop_tui.wrapped_pieces import by_words

_WIDTH = 88


class WhyScreen(HoopScreen):
    """Stands over the approvals screen."""

    CSS_PATH = "why.tcss"
    places = ("everywhere", "lists")

    def __init__(self, card: RequestCard) -> None:
        super().__init__()
        self._card = card

    def compose(self) -> ComposeResult:
        with Panel(id="why"):
            yield LinesView(id="lines")

    def on_mount(self) -> None:
        self.query_one(Panel).set_heading(
            safe(f"Why {self._card.id} is held", "bold"), safe("Esc closes", "$text-muted")
        )
        self.query_one(LinesView).show(list(_lines(self._card, self.hoop.zone)))

    def action_back(self) -> None:
        self.dismiss()


def _lines(card: RequestCard, zone: Zone) -> Iterator[TextLine]:
    rule = card.rule
    yield from _fact("RULE", rule.id)
    yield from _fact("SAYS", rule.message or "nothing")
    yield from _fact("POLICY", policy_of(rule).removeprefix(", policy "))
    yield from _fact("ASKS", ", ".join(rule.asked))
    for each in rule.missing:
        yield from _fact("MISSING", f"{each.missing} of {' or '.join(each.groups)}")
    for then in rule.then:
        yield from _fact("THEN", f"{', '.join(then.groups)} from {full_time(then.at, zone)} on")
    for scope in rule.scopes:
        yield from _fact("COVERS", scope_words(scope))
    yield from _fact("YOU", card.may_decide or "may decide it")


def _fact(label: str, text: str) -> Iterator[TextLine]:
    if text:
        for number, line in enumerate(by_words(text, _WIDTH - 14)):
            yield Piece(f"{label if number == 0 else '':<9}", "bold $text-accent"), Piece(line)
