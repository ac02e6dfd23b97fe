"""Who may decide on a request: people of the groups that it asks, at that moment, and never who asked for it.

Nobody counts for two: a machine is who answers for it, and somebody with several identities is one person. What
somebody has granted is looked at again before it lets anything through: they may be in no group any more by then.
"""

from dataclasses import replace
from datetime import datetime
from typing import Protocol

from gateway.core import quorum
from gateway.core.people import Principal
from gateway.core.ports import Approval, Decision
from gateway.core.reviews import Review
from gateway.core.verdict import Hold

STAFF = frozenset({"approver", "auditor", "operator", "admin"})
"""Roles that see every request."""
MACHINES = frozenset({"machine", "secret"})
"""Kinds of tokens that no person holds."""


class People(Protocol):
    """Who there is now. None of it waits."""

    def find(self, id: str) -> Principal | None:
        """The person with this id as they are now; None: locked, gone or unknown."""
        ...

    def behind(self, id: str) -> str:
        """The id of the person who this is, or who answers for it."""
        ...


class WhoDecides:
    """Answers from what people are now."""

    def __init__(self, people: People | None) -> None:
        """Without `people`, everybody counts for what they came with."""
        self._people = people

    def behind(self, id: str) -> str:
        """The id of the person who this is, or who answers for it."""
        return self._people.behind(id) if self._people else id

    def groups(self, who: Principal) -> frozenset[str]:
        """Those that they are in now: none, where they may not come in any more."""
        if self._people is None:
            return who.groups
        now = self._people.find(who.id)
        return now.groups if now else frozenset()

    def is_requester(self, approval: Approval, who: Principal) -> bool:
        """By any identity of theirs."""
        return self.behind(who.id) == self.behind(approval.requester)

    def sees(self, approval: Approval, who: Principal) -> bool:
        """Whether they may know of it at all."""
        asked = self.groups(who) & quorum.ever_asked(approval)
        return bool(asked or who.roles & STAFF) or self.is_requester(approval, who)

    def may_not(self, approval: Approval, who: Principal, at: datetime) -> str:
        """Why they may not decide on it as it is now: one clause, or nothing."""
        if approval.state != "held":
            return f"it is {approval.state} already"
        if at >= approval.expires_at:
            return "its time is over"
        return self.why_not(approval, who, at)

    def why_not(self, approval: Approval, who: Principal, at: datetime) -> str:
        """Why they may not decide on it, whatever has become of it: one clause, or nothing."""
        if self.is_requester(approval, who):
            return "you are the requester"
        if who.token_kind in MACHINES or self.behind(who.id) != who.id:
            return "a machine decides nothing"
        groups = self.groups(who)
        if not groups & quorum.asked(approval, at):
            later = [after for after, stand_ins in approval.then if groups & stand_ins]
            asks = f"it asks {', '.join(sorted(quorum.asked(approval, at))) or 'nobody'}"
            minutes = round(min(later).total_seconds() / 60) if later else 0
            return f"{asks}, and you after {minutes} min" if later else asks
        if any(self.behind(word.by) == who.id for word in approval.decisions):
            return "you have decided already"
        return ""

    def why_not_break(self, approval: Approval, who: Principal) -> str:
        """Why they may not let it through themselves: one clause, or nothing. Only exactly who asked for it may: not
        whoever answers for a machine that did."""
        if who.id != approval.requester:
            return "only who asked for it may"
        if who.token_kind in MACHINES or self.behind(who.id) != who.id:
            return "a machine breaks no glass"
        if approval.break_glass is None:
            return f"{approval.rule} has no glass to break"
        if not self.groups(who) & approval.break_glass.groups:
            return f"it takes somebody of {', '.join(sorted(approval.break_glass.groups))}"
        return ""

    def why_not_sign(self, approval: Approval, who: Principal) -> str:
        """Why they may not say what they think of a broken glass, or revoke what others asked for: one clause, or
        nothing."""
        if self.is_requester(approval, who):
            return "you are the requester"
        if who.token_kind in MACHINES or self.behind(who.id) != who.id:
            return "a machine decides nothing"
        asked = quorum.ever_asked(approval)
        return "" if self.groups(who) & asked else f"it asks {', '.join(sorted(asked)) or 'nobody'}"

    def still(self, approval: Approval, hold: Hold | None = None) -> str:
        """Whether those who granted it are enough now, for what is held by `hold` now: nothing, or why not."""
        if approval.revoked is not None:
            return f"{approval.revoked.name or approval.revoked.by} revoked it"
        if approval.review is not None:
            return self._still_broken(approval, approval.review, hold)
        words = tuple(self._now(approval, word) for word in approval.decisions if word.granted)
        now = replace(approval, decisions=words)
        if hold is not None:
            now = replace(now, approvers=hold.approvers, count=hold.count, also=hold.also, then=hold.then)
        if quorum.met(now):
            return ""
        lost = [word.name or word.by for word in words if word.groups is not None and not word.groups]
        if lost:
            return f"{', '.join(lost)} may not decide it any more"
        return "it asks others by now"

    def _still_broken(self, approval: Approval, review: Review, hold: Hold | None) -> str:
        """It was let through by its requester, who may have lost what they did so with."""
        glass = approval.break_glass if hold is None else hold.break_glass
        if glass is None:
            return f"{approval.rule} has no glass to break any more"
        if self._people is None:
            return ""
        person = self._people.find(review.by)
        if person is None or not person.groups & glass.groups:
            return f"{review.name or review.by} may not break the glass any more"
        return ""

    def _now(self, approval: Approval, word: Decision) -> Decision:
        if self._people is None:
            return word
        person = self._people.find(word.by)
        groups = person.groups if person else frozenset[str]()
        counted = quorum.asked(approval, word.at) if word.groups is None else word.groups
        return replace(word, groups=groups & counted)
