"""What has been done already, as the ledger knows it: so that whoever asks twice does nothing twice.

Asked with or without a key, by another gateway or after a restart, the answer is the same.
"""

from datetime import datetime, timedelta

from gateway.api.schema_requests import (
    RequestAcceptance,
    RequestAmendment,
    RequestAnswer,
    RequestApproval,
    RequestDenial,
)
from gateway.api.schema_reviews import GlassBreaking, RequestRevoking, ReviewSigning
from gateway.core import scopes
from gateway.core.approval import ACCESS, Approval
from gateway.core.people import Principal

ASKED_AGAIN_WITHIN = timedelta(minutes=2)


def decided(approval: Approval, who: Principal, said: RequestApproval | RequestDenial) -> bool:
    """They have said just this, of just this."""
    if (said.sha256, said.version) != (approval.sha256, approval.version):
        return False
    granted = isinstance(said, RequestApproval)
    scope: object = scopes.ONCE
    if isinstance(said, RequestApproval):
        scope = scopes.chosen(said.scope, approval.scopes, once=approval.kind != ACCESS)
    return any(
        (each.by, each.granted, each.reason) == (who.id, granted, said.reason)
        and (not granted or each.scope == str(scope))
        for each in approval.decisions
    )


def amended(approval: Approval, who: Principal, said: RequestAmendment) -> bool:
    """They have proposed just this."""
    done = approval.amendment
    wanted = who.id, said.text.strip(), said.reason
    return done is not None and (done.by, done.text.strip(), done.reason) == wanted


def accepted(approval: Approval, said: RequestAcceptance) -> bool:
    """Just this was accepted."""
    done = approval.amendment
    return done is not None and done.accepted and done.sha256 == said.sha256


def broken(approval: Approval, who: Principal, said: GlassBreaking) -> bool:
    """They have broken the glass, for just this reason."""
    review = approval.review
    same = (said.sha256, said.version) == (approval.sha256, approval.version)
    return review is not None and same and (review.by, review.reason) == (who.id, said.reason)


def signed(approval: Approval, who: Principal, said: ReviewSigning) -> bool:
    """They have signed just this."""
    review = approval.review
    wanted = who.id, said.verdict, said.reason
    return review is not None and (review.signed_by, review.verdict, review.signed_reason) == wanted


def revoked(approval: Approval, who: Principal, said: RequestRevoking) -> bool:
    """They have revoked it, for just this reason."""
    done = approval.revoked
    return done is not None and (done.by, done.reason) == (who.id, said.reason)


def remarked(approval: Approval, who: Principal, kind: str, text: str, now: datetime) -> bool:
    """They have said these words just now. Somebody may mean to say them twice: it counts where a key came with
    them, and for as long as a question is asked again that had no answer."""
    return any(
        (each.by, each.kind, each.text) == (who.id, kind, text) and now - each.at <= ASKED_AGAIN_WITHIN
        for each in approval.remarks
    )


def unclaimed(approval: Approval, who: Principal) -> bool:
    """They have claimed it before, and nobody does any more."""
    claims = [each for each in approval.remarks if each.by == who.id and each.kind in ("claim", "unclaim")]
    return bool(claims) and claims[-1].kind == "unclaim" and approval.claimed_by != who.id


def unsaid(
    approval: Approval, who: Principal, said: RequestAnswer, now: datetime, *, keyed: bool
) -> dict[str, str]:
    """What of an answer is not there yet. `keyed`: it came with a key, so that the same words are the same."""
    given = {"reason": said.reason, "ticket": said.ticket}
    left = {name: text for name, text in given.items() if text and approval.answers.get(name) != text}
    if said.text and not (keyed and remarked(approval, who, "reply", said.text, now)):
        left["text"] = said.text
    return left
