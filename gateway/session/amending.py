"""Another text: somebody who may decide proposes it, and whoever asked takes it, or does not.

Neither of them alone makes anything run. What is taken is a request of its own: judged anew, with the word of who
proposed it as one yes, as far as the rule that holds it now asks them. The first is over at that moment. Whose client
waits goes on with the other text as if it had sent that: see `Gate.admit`.
"""

from hashlib import sha256

from gateway.core import quorum
from gateway.core.approval import ACCESS, Acceptance, Amendment
from gateway.core.approval_events import RequestAccepted, RequestAmended
from gateway.core.people import Principal
from gateway.core.ports import Approval, Clock, Decision, Ledger
from gateway.session import asking
from gateway.session.objections import Objection
from gateway.session.remarks import MOST_REMARKS
from gateway.session.who_decides import WhoDecides

NO_TEXT = frozenset({"typed", "shell", "connect", "subsystem"})
"""Verbs of what nobody could run another text for: it is typed already, or is none."""


class Amending:
    """Every method raises `Objection` where it does not count."""

    def __init__(self, ledger: Ledger, clock: Clock, who: WhoDecides) -> None:
        self._ledger = ledger
        self._clock = clock
        self._who = who

    def must_be_amendable(self, approval: Approval, by: Principal, sha: str, version: int) -> None:
        """By somebody who may decide on it as it is, and was shown it."""
        id = approval.id
        if why := self._who.may_not(approval, by, self._clock.now()):
            raise Objection("not_yours", f"you can not amend {id}: {why}")
        if (sha, version) != (approval.sha256, approval.version):
            raise Objection("changed", f"{id} is not what you were shown: look again")
        if approval.kind == ACCESS or approval.verb in NO_TEXT:
            what = "a line that is typed in a shell" if approval.verb == "typed" else "this"
            raise Objection(
                "scope", f"{what} can not be amended ({id}): say in a comment what you would let through"
            )
        if len(approval.remarks) >= MOST_REMARKS:
            raise Objection("missing", f"enough has been said about {id}: decide, or talk to each other")

    async def propose(self, approval: Approval, by: Principal, text: str, reason: str) -> bool:
        """`text` is as its adapter reads it. False: it has changed meanwhile."""
        digest = sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        if digest == approval.sha256:
            raise Objection("missing", f"this is what {approval.id} asks for already: approve it instead")
        now = self._clock.now()
        groups = sorted(self._who.groups(by) & quorum.asked(approval, now))
        said = Amendment(by.id, by.name, text, digest, reason, now, tuple(groups))
        event = RequestAmended(
            session=approval.session,
            actor=by.id,
            request=approval.id,
            text=text,
            sha256=digest,
            before=approval.text,
            before_sha256=approval.sha256,
            version=approval.version + 1,
            reason=reason,
        )
        return await self._ledger.amend_approval(approval.id, said, approval.version, event)

    def proposed(self, approval: Approval, by: Principal, sha: str, version: int) -> Amendment:
        """What they take: exactly what they were shown, of somebody who may decide still."""
        id, said = approval.id, approval.amendment
        if by.id != approval.requester:
            raise Objection("not_yours", f"{id} is not yours: only who asked can accept another text")
        if said is None:
            raise Objection("missing", f"nobody has proposed another text for {id}")
        if (sha, version) != (said.sha256, approval.version):
            raise Objection(
                "changed", f"the text that is proposed for {id} is not what you were shown: look again"
            )
        if not self._groups_now(said) & quorum.asked(approval, self._clock.now()):
            raise Objection(
                "changed", f"{said.name or said.by} may not decide {id} any more: ask somebody else"
            )
        return said

    async def accept(self, approval: Approval, said: Amendment, other: Approval | None) -> bool:
        """`other`: the request that takes its place; None where no rule holds that text. False: it has changed
        meanwhile."""
        now = self._clock.now()
        word = None
        if other is not None:
            groups = self._groups_now(said) & quorum.asked(other, now)
            if groups:
                if missing := sorted(quorum.missing(other)):
                    what = " and a ".join(missing)
                    raise Objection("missing", f"{approval.id} still lacks a {what}: give it first")
                word = Decision(said.by, True, said.reason, now, said.name, groups)
        event = RequestAccepted(
            session=approval.session,
            actor=approval.requester,
            request=approval.id,
            text=said.text,
            sha256=said.sha256,
            before=approval.text,
            before_sha256=approval.sha256,
            proposed_by=said.by,
            replaced_by=other.id if other else "",
        )
        held = asking.held_event(other) if other else None
        taken = Acceptance(approval.requester, said.sha256, approval.version, now, event, other, held, word)
        return await self._ledger.accept_amendment(approval.id, taken)

    def _groups_now(self, said: Amendment) -> frozenset[str]:
        """Those of whoever proposed it, as far as they are in them still."""
        return self._who.groups(Principal(said.by, said.name, frozenset(said.groups)))
