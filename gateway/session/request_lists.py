"""Which requests somebody is shown in lists, a page at a time."""

from collections.abc import Sequence
from dataclasses import replace

from gateway.core.people import Principal
from gateway.core.ports import Approval, Clock, Ledger
from gateway.core.request_lists import DECIDED, Place, Wanted
from gateway.session.who_decides import STAFF, WhoDecides

LIST_TEXT = 4000
"""Lists hold as many letters of each text; the card has all of it."""
AT_ONCE = 100
"""At least: of what asks somebody's groups, not all may be theirs to decide now."""


class RequestLists:
    """Answers from the ledger and what people are now."""

    def __init__(self, ledger: Ledger, clock: Clock, who: WhoDecides) -> None:
        self._ledger = ledger
        self._clock = clock
        self._who = who

    async def page(
        self, who: Principal, which: str, state: str, limit: int, after: Place | None
    ) -> Sequence[Approval]:
        """`asked`: what they may decide now, what expires first at the top. All else newest first. `mine`: what they
        have asked for; `all`: whatever they may see; `decided`: of that, what was approved or denied; `reviews`: of
        that, what nobody has signed."""
        states = frozenset({state} - {""}) or (DECIDED if which == "decided" else frozenset())
        wanted = Wanted(
            states, limit=limit, text_limit=LIST_TEXT, after=after, review_open=which == "reviews"
        )
        if which == "asked":
            return await self._asked(who, wanted)
        if which == "mine":
            return await self._ledger.listed(replace(wanted, requester=who.id))
        if who.roles & STAFF:
            return await self._ledger.listed(wanted)
        theirs = replace(wanted, requester=who.id, asked=self._who.groups(who), or_theirs=True)
        return await self._ledger.listed(theirs)

    async def _asked(self, who: Principal, wanted: Wanted) -> Sequence[Approval]:
        found: list[Approval] = []
        at_once = max(AT_ONCE, wanted.limit)
        page = replace(wanted, asked=self._who.groups(who), but=who.id, by_end=True, limit=at_once)
        now = self._clock.now()
        while True:
            some = await self._ledger.listed(page)
            found += [each for each in some if not self._who.may_not(each, who, now)]
            if len(some) < at_once or len(found) >= wanted.limit:
                return found[: wanted.limit]
            page = replace(page, after=Place(some[-1].expires_at, some[-1].id))
