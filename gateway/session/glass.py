"""What happens to requests beside decisions: the glass is broken, a review is signed, an approval is revoked.

Breaking the glass is never a decision: it takes another way into the ledger, is written down as what it is, and
alerts. Its review stays open until somebody else who was asked has signed it; nothing closes it but that.
"""

import logging
from collections.abc import Sequence

from gateway.core.approval_events import ApprovalRevoked, GlassBroken, ReviewSigned
from gateway.core.events import Event, OperationNoted
from gateway.core.people import Principal
from gateway.core.plain import plain
from gateway.core.ports import Approval, Clock, Ledger
from gateway.core.reviews import NOT_OK, VERDICTS, Review, Revocation, Signature
from gateway.core.verdict import Glass
from gateway.session.objections import Objection
from gateway.session.remarks import must_say
from gateway.session.who_decides import WhoDecides

BROKEN, WRONGLY_BROKEN = "break-glass", "break-glass-not-ok"
"""What the alerts are called, among the ids of rules that alert."""
CRITICAL = "critical"
log = logging.getLogger("hoop")


class BreakGlass:
    """Takes what people do. Every method raises `Objection` where it does not count."""

    def __init__(self, ledger: Ledger, clock: Clock, who: WhoDecides) -> None:
        self._ledger = ledger
        self._clock = clock
        self._who = who

    async def smash(self, approval: Approval, by: Principal, sha256: str, version: int, reason: str) -> bool:
        """Let it through. False: something has become of it meanwhile."""
        id = approval.id
        if why := self._who.why_not_break(approval, by):
            raise Objection("not_yours", f"you can not break the glass of {id}: {why}")
        if sha256 != approval.sha256 or version != approval.version:
            raise Objection("changed", f"{id} is not what you were shown: look again")
        must_say(reason)
        glass = approval.break_glass or Glass(frozenset())
        now = self._clock.now()
        review = Review(by.id, reason, now, now + glass.review, by.name)
        if not await self._ledger.break_glass(id, review, version, _broken(approval, review)):
            return False
        log.critical("%s broke the glass of %s on %s: a review is open", plain(by.name), id, approval.target)
        return True

    async def sign(self, approval: Approval, by: Principal, verdict: str, reason: str) -> None:
        """Say whether it was right."""
        id, review = approval.id, approval.review
        if why := self._who.why_not_sign(approval, by):
            raise Objection("not_yours", f"you can not sign {id}: {why}")
        if review is None:
            raise Objection("decided", f"{id} has no review: nobody broke its glass")
        if verdict not in VERDICTS:
            raise Objection("missing", f"say {' or '.join(VERDICTS)}")
        must_say(reason)
        signature = Signature(by.id, verdict, reason, self._clock.now(), by.name)
        events: list[Event] = [
            ReviewSigned(session=approval.session, actor=by.id, request=id, verdict=verdict, reason=reason)
        ]
        if verdict == NOT_OK:
            events.append(_alert(approval, by.id, WRONGLY_BROKEN))
        if not await self._ledger.sign_review(id, signature, events):
            now = await self._ledger.approval(id)
            signed = now.review if now and now.review else review
            name = signed.signed_name or signed.signed_by
            raise Objection("decided", f"{id} is signed already: {signed.verdict} by {name}")
        if verdict == NOT_OK:
            log.critical("%s says that the glass of %s should not have been broken", plain(by.name), id)

    async def revoke(self, approval: Approval, by: Principal, reason: str) -> None:
        """Let nothing more through by it."""
        id = approval.id
        if not self._who.is_requester(approval, by) and (why := self._who.why_not_sign(approval, by)):
            raise Objection("not_yours", f"you can not revoke {id}: {why}")
        must_say(reason)
        revocation = Revocation(by.id, reason, self._clock.now(), by.name)
        event = ApprovalRevoked(session=approval.session, actor=by.id, request=id, reason=reason)
        if not await self._ledger.revoke_approval(id, revocation, event):
            raise _not_revoked(await self._ledger.approval(id) or approval)


def _broken(approval: Approval, review: Review) -> Sequence[Event]:
    broken = GlassBroken(
        session=approval.session,
        actor=review.by,
        request=approval.id,
        reason=review.reason,
        sha256=approval.sha256,
        version=approval.version,
        rule=approval.rule,
        due_at=review.due_at.isoformat(),
    )
    return [broken, _alert(approval, review.by, BROKEN)]


def _alert(approval: Approval, actor: str, name: str) -> OperationNoted:
    return OperationNoted(
        session=approval.session,
        actor=actor,
        verb=approval.verb,
        text=approval.text,
        sha256=approval.sha256,
        revision=approval.revision,
        alerts=[name],
        severity=CRITICAL,
    )


def _not_revoked(approval: Approval) -> Objection:
    if approval.revoked is not None:
        name = approval.revoked.name or approval.revoked.by
        return Objection("decided", f"{approval.id} is revoked already, by {name}")
    if approval.state == "held":
        return Objection("decided", f"{approval.id} is held: there is nothing to revoke yet")
    return Objection("decided", f"{approval.id} is {approval.state}: it covers nothing")
