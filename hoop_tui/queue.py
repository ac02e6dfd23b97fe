"""What is in the approvals queue, in which order, and how much time each has left by the gateway's own clock.

It knows no screen and asks nobody. Other clocks do not count: the gateway says what time it was when it answered, and
from then on only this machine's steps are counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from gateway.api.schema import RequestPage, RequestSummary
from hoop_tui.clock import Clock

Filter = Literal["asked", "waiting", "decided", "all"]
Order = Literal["time left", "risk", "who"]
FILTERS: tuple[Filter, ...] = ("asked", "waiting", "decided", "all")
ORDERS: tuple[Order, ...] = ("time left", "risk", "who")
FILTER_WORDS = {
    "asked": "Waiting for you",
    "waiting": "All that waits",
    "decided": "Decided",
    "all": "All there was",
}
ASKS = {
    "asked": ("asked", "held"),
    "waiting": ("all", "held"),
    "decided": ("decided", ""),
    "all": ("all", ""),
}
"""`which` and `state`, as the gateway wants them."""
_RISKS = ("critical", "high", "medium", "low", "")


@dataclass(frozen=True, slots=True)
class _Answered:
    """The gateway's time at an answer, and this machine's."""

    now: datetime
    at_us: int


class Queue:
    """Of one answer of the gateway, until the next."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._answered: _Answered | None = None
        self._known: set[str] | None = None
        self.rows: Sequence[RequestSummary] = ()
        self.by_id: dict[str, RequestSummary] = {}
        self.fresh: set[str] = set()
        """Came while somebody was looking at something else."""
        self.has_more = False

    def take(self, page: RequestPage, order: Order) -> None:
        """What is there now."""
        self._answered = _Answered(page.now, self._clock.monotonic_us())
        known, self._known = self._known, {each.id for each in page.requests} | (self._known or set())
        self.by_id = {each.id: each for each in page.requests}
        self.has_more = bool(page.cursor)
        self.sort(order)
        came = {
            each.id
            for each in page.requests
            if known is not None and each.id not in known and each.state == "held" and not each.may_decide
        }
        self.fresh = came | (self.fresh & set(self.by_id))

    def sort(self, order: Order) -> None:
        """What ends first at the top; or the greatest risk; or by person. Those that are over come last."""
        self.rows = sorted(self.by_id.values(), key=lambda each: _place(each, order))

    def left(self, request: RequestSummary) -> int:
        """Seconds."""
        if self._answered is None:
            return request.left
        passed = timedelta(microseconds=self._clock.monotonic_us() - self._answered.at_us)
        return max(0, int((request.expires_at - self._answered.now - passed).total_seconds()))


def _place(request: RequestSummary, order: Order) -> tuple[object, ...]:
    is_over = request.state != "held"
    ends = -request.opened_at.timestamp() if is_over else request.expires_at.timestamp()
    if order == "risk":
        risk = _RISKS.index(request.risk) if request.risk in _RISKS else len(_RISKS)
        return is_over, risk, ends, request.id
    if order == "who":
        return is_over, request.person.casefold(), ends, request.id
    return is_over, ends, request.id
