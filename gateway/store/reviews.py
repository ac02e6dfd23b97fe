"""What becomes of approvals beside decisions, in the database: glass that is broken, reviews, and what is revoked.

Everything here runs inside a transaction whose `head` row is locked. Who may do it is not known here.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, case, func, insert, select, update

from gateway.core.approval_events import GrantEnded
from gateway.core.reviews import OpenReviews, Review, Revocation, Signature
from gateway.store import approvals, entries, grants
from gateway.store.approvals import Note
from gateway.store.entries import NewEntry
from gateway.store.tables import APPROVALS, REVIEWS


def break_glass(
    connection: Connection, id: str, review: Review, version: int, written: Sequence[NewEntry]
) -> bool:
    """Approve by no decision, and open the review. False, with nothing written: it can not be any more."""
    approval = approvals.find(connection, id)
    if approval is None or approval.state != "held" or approval.break_glass is None:
        return False
    if review.opened_at >= approval.expires_at or version != approval.version:
        return False
    if review.by != approval.requester:
        return False
    approvals.close(connection, id, "approved")
    connection.execute(insert(REVIEWS), {"approval": id, **asdict(review)})
    entries.add(connection, written)
    return True


def sign(connection: Connection, id: str, signature: Signature, written: Sequence[NewEntry]) -> bool:
    """Close the review. False: there is none, or it is closed."""
    is_open = (REVIEWS.c.approval == id) & (REVIEWS.c.verdict == "")
    signed = (
        update(REVIEWS)
        .where(is_open)
        .values(
            verdict=signature.verdict,
            signed_by=signature.by,
            signed_name=signature.name,
            signed_reason=signature.reason,
            signed_at=signature.at,
        )
    )
    if connection.execute(signed).rowcount != 1:
        return False
    entries.add(connection, written)
    return True


def open_ones(connection: Connection, now: datetime) -> OpenReviews:
    """How many nobody has signed."""
    overdue = func.count(case((REVIEWS.c.due_at <= now, 1)))
    query = select(func.count(), overdue).where(REVIEWS.c.verdict == "")
    count, late = connection.execute(query).one()
    return OpenReviews(count, late)


def revoke(connection: Connection, id: str, revocation: Revocation, entry: NewEntry, note: Note) -> bool:
    """End what it covers. False: it is not approved, or was revoked before."""
    approval = approvals.find(connection, id)
    if approval is None or approval.state != "approved" or approval.revoked is not None:
        return False
    grant = grants.find(connection, id)
    said = {**asdict(revocation), "at": revocation.at.isoformat()}
    values: dict[str, object] = {"revoked": said}
    if approval.mode == "fail" and grant is None:
        values |= {"state": "denied", "granted_scope": ""}
    connection.execute(update(APPROVALS).where(APPROVALS.c.id == id).values(values))
    entries.add(connection, [entry])
    if grant is not None and not grant.ended:
        why = f"revoked by {revocation.name or revocation.by}"
        ended = GrantEnded(session=approval.session, actor=revocation.by, request=id, why=why)
        grants.end(connection, id, why, note(ended))
    return True
