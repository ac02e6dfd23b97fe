"""The demo's strip, just above the keys of whatever screen is open."""

from textual.screen import Screen

from hoop_tui.guide import Guide, Place, Seen
from hoop_tui.safe_text import safe
from hoop_tui.screens.approvals import ApprovalsScreen
from hoop_tui.screens.approve import GREAT, ApproveDialog
from hoop_tui.screens.base import HoopScreen, RecordingScreen
from hoop_tui.screens.deny import DenyDialog
from hoop_tui.screens.sessions import SessionsScreen
from hoop_tui.widgets.footer_line import FooterLine
from hoop_tui.widgets.line import Line

_PLACES: tuple[tuple[type[HoopScreen], Place], ...] = (
    (SessionsScreen, "sessions"),
    (ApprovalsScreen, "approvals"),
    (ApproveDialog, "approving"),
    (DenyDialog, "denying"),
    (RecordingScreen, "replay"),
)


class GuideLine(Line):
    """`1 of 5: Dave waits for your word: press F2`"""

    DEFAULT_CSS = "GuideLine { background: $cursor; }"


def keep_guide(guide: Guide, screen: HoopScreen, waiting: int) -> None:
    """Have the strip there, with what to do next; or not, once it is over. Screens without keys have none."""
    words = guide.look(Seen(_place(screen), waiting, _typed(screen), _goes_on_below(screen)))
    strip, footer = screen.query(GuideLine), screen.query(FooterLine)
    if not words:
        strip.remove()
    elif strip:
        strip.first().show(safe(words, "bold"))
    elif footer:
        screen.mount(GuideLine(safe(words, "bold")), before=footer.first())


def _place(screen: Screen[None]) -> Place:
    return next((place for kind, place in _PLACES if isinstance(screen, kind)), "elsewhere")


def _goes_on_below(screen: Screen[None]) -> bool:
    return isinstance(screen, ApprovalsScreen) and screen.goes_on_below


def _typed(screen: Screen[None]) -> str:
    if isinstance(screen, ApproveDialog) and screen.card.risk.word in GREAT:
        return screen.card.where.target
    return ""
