"""A row of the queue, as cells of a table."""

from datetime import timedelta

from textual.content import Content

from gateway.api.schema import RequestSummary
from hoop_tui.request_words import RISKS, place
from hoop_tui.safe_text import joined, safe
from hoop_tui.widgets.row_table import Cells, Column
from hoop_tui.wording import clock_length

COLUMNS = (
    Column("", 1),
    Column("LEFT", 5, right=True),
    Column("RISK", 6),
    Column("ID", 8),
    Column("WHO", 10, share=1, drop=3),
    Column("WHERE", 14, share=1, drop=2),
    Column("WHAT", 20, share=4),
    Column("STATE", 5, share=1, drop=1),
)
_RISK_STYLE = {"high": "bold $text-error", "critical": "bold $text-error", "medium": "$text-warning"}
_SOON = 120
_STATE_STYLE = {"approved": "$text-success", "denied": "bold $text-error", "held": ""}


def request_cells(request: RequestSummary, left: int, *, marked: bool, fresh: bool) -> Cells:
    """`left`: seconds by the gateway's clock. `fresh`: nobody has looked at it here."""
    is_held = request.state == "held"
    span = clock_length(timedelta(seconds=left)) if is_held else ""
    return (
        safe("x" if marked else "", "bold $text-accent"),
        safe(span, "bold $text-warning" if is_held and left < _SOON else ""),
        safe(RISKS.get(request.risk, request.risk.upper()), _RISK_STYLE.get(request.risk, ""), limit=20),
        safe(request.id, "bold", limit=20),
        safe(request.person.partition("@")[0] or request.person, limit=60),
        safe(place(request), limit=80),
        _what(request, fresh=fresh),
        _state(request),
    )


def _what(request: RequestSummary, *, fresh: bool) -> Content:
    text = safe(request.what, limit=400)
    return joined(safe("NEW ", "bold $text-accent"), text) if fresh else text


def _state(request: RequestSummary) -> Content:
    parts: list[str] = [] if request.state == "held" else [request.state]
    if request.state == "held" and request.needed > 1:
        parts.append(f"{request.granted}/{request.needed}")
    if request.claimed_by:
        parts.append(f"@{request.claimed_by.partition('@')[0]}")
    if request.decided_by:
        parts.append(f"by {request.decided_by.partition('@')[0]}")
    if request.may_decide and request.state == "held":
        parts.append("not yours")
    return safe(" ".join(parts), _STATE_STYLE.get(request.state, "$text-muted"), limit=80)
