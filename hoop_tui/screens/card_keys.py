"""Keys on a card that only look: bytes, why, what changed, the ticket, the session, what its person did.

Each says why, where it has nothing to show. Deciding is in `approvals.py`.
"""

import os

from textual import work

from gateway.api.schema import RequestCard
from hoop_tui.errors import GatewayTrouble, NotFound
from hoop_tui.login.browser import has_browser, open_page
from hoop_tui.request_words import settled_by
from hoop_tui.safe_text import safe
from hoop_tui.screens.base import HoopScreen
from hoop_tui.screens.diff import DiffScreen
from hoop_tui.screens.why import WhyScreen

NOTHING = "There is no request under the cursor."


class CardKeys(HoopScreen):
    """Of a screen that shows a card."""

    @property
    def card(self) -> RequestCard | None:
        """Of the request under the cursor; None while it is on its way."""
        raise NotImplementedError

    def refuse(self, why: str) -> None:
        """Say why a key does nothing."""
        self.hoop.say(safe(why), wrong=True)

    def action_why(self) -> None:
        if (card := self.card) is None:
            self.refuse(NOTHING)
        else:
            self.hoop.push_screen(WhyScreen(card))

    def action_watch(self) -> None:
        card = self.card
        if card is None or not card.where.session:
            self.refuse(
                NOTHING if card is None else "It was asked for in advance: there is no session to watch."
            )
        else:
            self.hoop.open_replay(card.where.session)

    def action_timeline(self) -> None:
        if (card := self.card) is None:
            self.refuse(NOTHING)
        else:
            self.hoop.show_person(card.who.person)

    def action_ticket(self) -> None:
        card = self.card
        if card is None:
            self.refuse(NOTHING)
        elif not card.why.ticket:
            self.refuse(f"{card.who.person} has given no ticket: ask with c.")
        elif not card.why.ticket_url.startswith("https://"):
            self.refuse("The gateway does not know where tickets are: approvals.ticket_url says so.")
        else:
            self.hoop.copy(card.why.ticket_url)
            if has_browser(os.environ):
                open_page(card.why.ticket_url)

    @work(group="diff", exclusive=True)
    async def action_diff(self) -> None:
        """Against the last one of the same shape that was approved."""
        card = self.card
        if card is None:
            self.refuse(NOTHING)
            return
        shape = card.past.shape
        if shape is None:
            self.refuse(
                "What others have asked for is not shown to you here, so there is nothing to compare with."
            )
            return
        if not shape.last_approved:
            self.refuse("Nothing of the same shape was ever approved: there is nothing to compare with.")
            return
        try:
            before = await self.hoop.client.requests.card(shape.last_approved)
        except NotFound:
            self.refuse(f"The last one of the same shape, {shape.last_approved}, is not for you to see.")
        except GatewayTrouble as trouble:
            self.refuse(trouble.sentence)
        else:
            about = [
                f"- {before.id}  {before.who.person}  {settled_by(before)}",
                f"+ {card.id}  {card.who.person}",
            ]
            heading = f"{card.id} and the last that was approved"
            self.hoop.push_screen(DiffScreen(heading, about, before.statement.text, card.statement.text))
