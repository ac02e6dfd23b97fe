"""Whether anything has happened to a request: asked often, by everybody who waits, so it reads no request.

Everything here runs inside a transaction that somebody else opened.
"""

from sqlalchemy import BindParameter, Connection, bindparam, func, select

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
