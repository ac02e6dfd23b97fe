"""Approvals in the database: opened, decided on, closed. Each change and its entry are one transaction.

Everything here runs inside a transaction whose `head` row is locked (`entries.lock`), so no two decisions, of this
gateway or another, look at the same approval at once. The conditions are in the statements all the same.
Whether a person may decide at all (their groups) is not known here.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from gateway.core.events import ApprovalGiven, Event
from gateway.core.ports import Approval, Decision
from gateway.store import entries
from gateway.store.entries import NewEntry
from gateway.store.tables import APPROVALS, DECISIONS

AT_MOST = 1000
Note = Callable[[Event], NewEntry]


def open_approval(connection: Connection, approval: Approval, entry: NewEntry) -> None:
    """Keep a new approval and its event."""
    connection.execute(
        insert(APPROVALS),
        {
            "id": approval.id,
            "session": approval.session,
            "requester": approval.requester,
            "target": approval.target,
            "verb": approval.verb,
            "text": approval.text,
            "sha256": approval.sha256,
            "rule": approval.rule,
            "reason": approval.reason,
            "approvers": sorted(approval.approvers),
            "count": approval.count,
            "opened_at": approval.opened_at,
            "expires_at": approval.expires_at,
            "state": "held",
        },
    )
    entries.add(connection, [entry])


def settle(
    connection: Connection, id: str, by: str, granted: bool, reason: str, at: datetime, note: Note
) -> bool:
    """Take one person's word. False, with nothing written: it does not count (any more)."""
    approval = find(connection, id)
    if approval is None or approval.state != "held" or at >= approval.expires_at:
        return False
    if by == approval.requester or any(decision.by == by for decision in approval.decisions):
        return False
    word = {"approval": id, "by": by, "granted": granted, "reason": reason, "at": at}
    connection.execute(insert(DECISIONS), word)
    grants = sum(decision.granted for decision in approval.decisions) + granted
    if not granted:
        close(connection, id, "denied")
    elif grants >= approval.count:
        close(connection, id, "approved")
    given = ApprovalGiven(
        session=approval.session,
        actor=by,
        request=id,
        granted=granted,
        reason=reason,
        sha256=approval.sha256,
    )
    entries.add(connection, [note(given)])
    return True


def close(connection: Connection, id: str, state: str) -> bool:
    """Give a held approval its last state. False: it had one already."""
    held = (APPROVALS.c.id == id) & (APPROVALS.c.state == "held")
    return connection.execute(update(APPROVALS).where(held).values(state=state)).rowcount == 1


def find(connection: Connection, id: str) -> Approval | None:
    """The approval with this id."""
    row = connection.execute(select(APPROVALS).where(APPROVALS.c.id == id)).one_or_none()
    return None if row is None else _approvals(connection, [row])[0]


def newest(connection: Connection, state: str) -> list[Approval]:
    """The approvals in `state`, in any when it is empty. Newest first, at most a thousand."""
    query = select(APPROVALS).order_by(APPROVALS.c.opened_at.desc(), APPROVALS.c.id).limit(AT_MOST)
    if state:
        query = query.where(APPROVALS.c.state == state)
    return _approvals(connection, connection.execute(query).all())


def _approvals(connection: Connection, rows: Sequence[Row[Any]]) -> list[Approval]:
    decisions: dict[str, list[Decision]] = {row.id: [] for row in rows}
    query = select(DECISIONS).where(DECISIONS.c.approval.in_(decisions)).order_by(DECISIONS.c.at)
    for word in connection.execute(query) if rows else ():
        decisions[word.approval].append(Decision(word.by, word.granted, word.reason, word.at))
    return [_approval(row, tuple(decisions[row.id])) for row in rows]


def _approval(row: Row[Any], decisions: tuple[Decision, ...]) -> Approval:
    # `count` is also a method of every row, so this one goes by its mapping.
    kept = dict(row._mapping)
    kept["approvers"] = frozenset(kept["approvers"])
    return Approval(**kept, decisions=decisions)
