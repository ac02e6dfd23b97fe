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

    def still(self, approval: Approval, hold: Hold | None = None) -> str:
        """Whether those who granted it are enough now, for what is held by `hold` now: nothing, or why not."""
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

    def _now(self, approval: Approval, word: Decision) -> Decision:
        if self._people is None:
            return word
        person = self._people.find(word.by)
        groups = person.groups if person else frozenset[str]()
        counted = quorum.asked(approval, word.at) if word.groups is None else word.groups
        return replace(word, groups=groups & counted)
