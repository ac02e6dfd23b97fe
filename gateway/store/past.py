"""Short questions about requests, counted by the database: what became of earlier ones, and whether anything has
happened to one. They are asked often, and whole requests are long.

Everything here runs inside a transaction that somebody else opened.
"""

from sqlalchemy import BindParameter, Connection, bindparam, func, select

from gateway.core.approval import Past
from gateway.store.tables import APPROVALS, DECISIONS, REMARKS

_ID: BindParameter[str] = bindparam("id")
_MARK = select(
    APPROVALS.c.state,
    APPROVALS.c.version,
    select(func.count()).select_from(DECISIONS).where(DECISIONS.c.approval == _ID).scalar_subquery(),
    select(func.count()).select_from(REMARKS).where(REMARKS.c.approval == _ID).scalar_subquery(),
).where(APPROVALS.c.id == _ID)


def mark(connection: Connection, id: str) -> tuple[str, int, int, int] | None:
    """Another one with everything that happens to the request."""
    row = connection.execute(_MARK, {"id": id}).one_or_none()
    return None if row is None else (row[0], row[1], row[2], row[3])


def past(connection: Connection, requester: str, shape: str, but: str, limit: int) -> Past:
    """Of the newest `limit` requests, of `requester` or of anybody, those that were decided; but for one."""
    columns = (APPROVALS.c.id, APPROVALS.c.state, APPROVALS.c.shape, APPROVALS.c.opened_at)
    query = select(*columns).order_by(APPROVALS.c.opened_at.desc(), APPROVALS.c.id).limit(limit)
    if requester:
        query = query.where(APPROVALS.c.requester == requester)
    newest = query.subquery()
    settled = select(newest.c.id, newest.c.state).where(newest.c.state.in_(("approved", "denied")))
    if shape:
        settled = settled.where(newest.c.shape == shape)
    settled = settled.where(newest.c.id != but).order_by(newest.c.opened_at.desc(), newest.c.id)
    rows = connection.execute(settled).all()
    approved = sum(row.state == "approved" for row in rows)
    if not rows:
        return Past()
    words = select(DECISIONS.c.by, DECISIONS.c.name, DECISIONS.c.at).where(DECISIONS.c.approval == rows[0].id)
    last = connection.execute(words.order_by(DECISIONS.c.at.desc()).limit(1)).one_or_none()
    if last is None:
        return Past(approved, len(rows) - approved)
    return Past(approved, len(rows) - approved, last.name or last.by, last.at)
