"""Grants in the database: what approvals let through beside the operation that they were about.

Everything here runs inside a transaction whose `head` row is locked. Whether an operation is what a grant is for is
not known here.
"""

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from gateway.core.ports import Grant
from gateway.store import entries
from gateway.store.entries import NewEntry
from gateway.store.tables import APPROVALS, GRANTS

USED_UP = "used up"
TIMED = ("target", "shape")
"""Kinds of grants that are for a time."""
AT_ONCE = 5000
"""Ids in one statement: databases take some ten thousands."""


def open_grant(connection: Connection, grant: Grant, entry: NewEntry) -> bool:
    """Keep it. False: its approval is not approved, is revoked, or has one already."""
    good = APPROVALS.c.state == "approved", APPROVALS.c.revoked.is_(None)
    approved = select(APPROVALS.c.id).where(APPROVALS.c.id == grant.id, *good)
    if connection.execute(approved).one_or_none() is None or find(connection, grant.id) is not None:
        return False
    connection.execute(insert(GRANTS), asdict(grant))
    entries.add(connection, [entry])
    return True


def find(connection: Connection, id: str) -> Grant | None:
    """The grant of the approval with this id."""
    row = connection.execute(select(GRANTS).where(GRANTS.c.id == id)).one_or_none()
    return None if row is None else Grant(**row._mapping)


def of(connection: Connection, person: str, target: str) -> list[Grant]:
    """Those that have not ended, newest first."""
    query = select(GRANTS).where(GRANTS.c.person == person, GRANTS.c.target == target, GRANTS.c.ended == "")
    query = query.order_by(GRANTS.c.opened_at.desc(), GRANTS.c.id)
    return [Grant(**row._mapping) for row in connection.execute(query)]


def fallen(connection: Connection, ids: Collection[str]) -> dict[str, str]:
    """Which of these approvals are not approved any more, were revoked, or had a grant for a time that was ended; and
    why."""
    found: dict[str, str] = {}
    every = sorted(ids)
    for first in range(0, len(every), AT_ONCE):
        some = every[first : first + AT_ONCE]
        settled = select(APPROVALS.c.id, APPROVALS.c.state, APPROVALS.c.revoked)
        for row in connection.execute(settled.where(APPROVALS.c.id.in_(some))):
            if row.state != "approved":
                found[row.id] = f"it is {row.state}"
            elif row.revoked:
                found[row.id] = "it was revoked"
        timed = select(GRANTS.c.id, GRANTS.c.ended).where(GRANTS.c.id.in_(some), GRANTS.c.kind.in_(TIMED))
        over = timed.where(GRANTS.c.ended.not_in(("", USED_UP)))
        found |= {row.id: row.ended for row in connection.execute(over)}
    return found


def use(connection: Connection, id: str, at: datetime, entry: NewEntry) -> bool:
    """Take one run. False: there is none."""
    good = (GRANTS.c.id == id) & (GRANTS.c.ended == "") & (GRANTS.c.expires_at > at)
    left = GRANTS.c.runs_left.is_(None) | (GRANTS.c.runs_left > 0)
    taken = update(GRANTS).where(good, left).values(runs_left=GRANTS.c.runs_left - 1)
    if connection.execute(taken).rowcount != 1:
        return False
    used_up = update(GRANTS).where(GRANTS.c.id == id, GRANTS.c.runs_left == 0)
    connection.execute(used_up.values(ended=USED_UP))
    entries.add(connection, [entry])
    return True


def end(connection: Connection, id: str, why: str, entry: NewEntry) -> bool:
    """It lets nothing through any more. False: it did not before."""
    ended = update(GRANTS).where(GRANTS.c.id == id, GRANTS.c.ended == "").values(ended=why)
    if connection.execute(ended).rowcount != 1:
        return False
    entries.add(connection, [entry])
    return True
