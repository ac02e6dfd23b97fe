"""What keeps a decision from landing on the wrong thing: it has to be what was seen, all of it, and not just now.

It knows what is shown and since when; whether the gateway accepts a decision is the gateway's business.
"""

from collections.abc import Mapping

from gateway.api.schema import RequestCard
from hoop_tui.clock import Clock
from hoop_tui.feed import Freshness
from hoop_tui.keymap import DEFAULTS, shown_of

QUIET_US = 700_000
"""A key that was on its way to something else must not decide."""


class Guard:
    """Tell it what is under the cursor each time that it is drawn; ask it before anything is decided."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._shown = ("", "")
        self._since_us = 0

    def showing(self, id: str, mark: str) -> None:
        """This request, as it is, is what somebody looks at."""
        if (id, mark) != self._shown:
            self._shown = (id, mark)
            self._since_us = self._clock.monotonic_us()

    def look_again(self) -> None:
        """The terminal was another program's meanwhile."""
        self._since_us = self._clock.monotonic_us()

    def why_not(self, card: RequestCard | None, freshness: Freshness) -> str:
        """Why nothing can be decided now, in a sentence; empty where it can."""
        if card is None:
            return "There is nothing to decide here."
        if (card.id, card.mark) != self._shown:
            return f"The card of {card.id} is still coming."
        if freshness.standing != "live":
            return f"What you see may be old ({freshness}): wait until it is live again."
        if card.state != "held":
            return f"{card.id} is {card.state} already."
        if card.may_decide:
            return f"You can not decide {card.id}: {card.may_decide}."
        if self._clock.monotonic_us() - self._since_us < QUIET_US:
            return "This changed just now: look at it, then press the key again."
        return ""

    def why_not_yes(
        self, card: RequestCard | None, freshness: Freshness, *, seen: bool, own: Mapping[str, str] = DEFAULTS
    ) -> str:
        """The same for a yes, which takes more. `seen`: all of the statement was on the screen; `own`: the keys that
        the person has chosen."""
        why = self.why_not(card, freshness)
        if why or card is None:
            return why
        if card.why.missing:
            wanted = " and a ".join(card.why.missing)
            ask = shown_of("approvals.comment", own)
            return f"{card.id} still lacks a {wanted}, which only {card.who.person} can give: ask with {ask}."
        if not seen:
            further = shown_of("approvals.scroll_card(1)", own)
            return f"You have not seen all of the statement: {further} goes on."
        return ""
