"""Approvals in the database: opened, decided on, closed. Each change and its entry are one transaction.

Everything here runs inside a transaction whose `head` row is locked (`entries.lock`), so no two decisions, of this
gateway or another, look at the same approval at once. The conditions are in the statements all the same.
Whether a person may decide at all (their groups) is not known here. What else is said of approvals is in
`remarks.py`, what becomes of them once they are granted in `reviews.py`, what they let through in `grants.py`; lists
of them are in `request_lists.py`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from gateway.core import attachments, quorum, scopes
from gateway.core.approval import Amendment
from gateway.core.approval_events import ApprovalClosed
from gateway.core.events import ApprovalGiven, Event
from gateway.core.ports import Approval, Decision, Remark
from gateway.core.reviews import Review, Revocation
from gateway.core.verdict import Glass, Quorum
from gateway.store import entries
from gateway.store.entries import NewEntry
from gateway.store.tables import APPROVALS, ASKS, DECISIONS, REMARKS, REVIEWS

Note = Callable[[Event], NewEntry]
NOBODY_DECIDED = "nobody decided in time"
WAITED_FOR = timedelta(minutes=1)
AT_ONCE = 5000
"""Ids in one statement: databases take some ten thousands."""
_NAMES = [column.name for column in APPROVALS.c]


def open_approval(connection: Connection, approval: Approval, entry: NewEntry) -> None:
    """Keep a new approval, whom it asks, and its event."""
    connection.execute(insert(APPROVALS), _row(approval))
    asks = [
        {"approval": approval.id, "asked": group, "expires_at": approval.expires_at}
        for group in sorted(quorum.ever_asked(approval))
    ]
    if asks:
        connection.execute(insert(ASKS), asks)
    entries.add(connection, [entry])


def settle(connection: Connection, id: str, word: Decision, version: int, note: Note) -> bool:
    """Take one person's word. False, with nothing written: it does not count (any more)."""
    approval = find(connection, id)
    if approval is None or approval.state != "held" or word.at >= approval.expires_at:
        return False
    if word.by == approval.requester or any(before.by == word.by for before in approval.decisions):
        return False
    if version != approval.version or (word.granted and quorum.missing(approval)):
        return False
    _keep(connection, id, word)
    decided = replace(approval, decisions=(*approval.decisions, word))
    if not word.granted:
        close(connection, id, "denied")
    elif quorum.met(decided):
        close(connection, id, "approved", _scope(decided.decisions))
    given = ApprovalGiven(
        session=approval.session,
        actor=word.by,
        request=id,
        granted=word.granted,
        reason=word.reason,
        sha256=approval.sha256,
        scope=word.scope,
        version=version,
    )
    entries.add(connection, [note(given)])
    return True


def _keep(connection: Connection, id: str, word: Decision) -> None:
    groups = None if word.groups is None else sorted(word.groups)
    said = {"by": word.by, "granted": word.granted, "reason": word.reason, "at": word.at}
    row = {"approval": id, **said, "name": word.name, "groups": groups, "scope": word.scope}
    connection.execute(insert(DECISIONS), row)


def close(connection: Connection, id: str, state: str, scope: str = "") -> bool:
    """Give a held approval its last state. False: it had one already."""
    held = (APPROVALS.c.id == id) & (APPROVALS.c.state == "held")
    changed = connection.execute(update(APPROVALS).where(held).values(state=state, granted_scope=scope))
    connection.execute(delete(ASKS).where(ASKS.c.approval == id))
    return changed.rowcount == 1


def close_noted(connection: Connection, id: str, state: str, entry: NewEntry | None) -> bool:
    """The same, with its event if there is one."""
    if not close(connection, id, state):
        return False
    entries.add(connection, [] if entry is None else [entry])
    return True


def void(connection: Connection, id: str, why: Decision, entry: NewEntry) -> bool:
    """Deny what was approved, with a word that is nobody's. False: it is not approved."""
    approved = (APPROVALS.c.id == id) & (APPROVALS.c.state == "approved")
    changed = connection.execute(update(APPROVALS).where(approved).values(state="denied", granted_scope=""))
    if changed.rowcount != 1:
        return False
    _keep(connection, id, why)
    entries.add(connection, [entry])
    return True


def find(connection: Connection, id: str) -> Approval | None:
    """The approval with this id."""
    row = connection.execute(select(APPROVALS).where(APPROVALS.c.id == id)).one_or_none()
    return None if row is None else read(connection, [row])[0]


def _scope(words: Sequence[Decision]) -> str:
    narrowest, *others = [scopes.parse(word.scope) for word in words if word.granted]
    for other in others:
        narrowest = scopes.narrower(narrowest, other)
    return str(narrowest)


def _row(approval: Approval) -> dict[str, Any]:
    kept = {name: getattr(approval, name) for name in _NAMES}
    for name in ("approvers", "requires"):
        kept[name] = sorted(kept[name])
    for name in ("facts", "answers"):
        kept[name] = dict(kept[name])
    kept["scopes"] = list(approval.scopes)
    kept["also"] = [[sorted(each.groups), each.count] for each in approval.also]
    kept["then"] = [[after.total_seconds(), sorted(groups)] for after, groups in approval.then]
    glass = approval.break_glass
    kept["break_glass"] = glass and [sorted(glass.groups), glass.review.total_seconds()]
    kept["revoked"] = kept["amendment"] = None
    kept["attachments"] = [each.as_kept() for each in approval.attachments] or None
    return {**kept, "state": "held"}


def read(connection: Connection, rows: Sequence[Row[Any]]) -> list[Approval]:
    """The approvals of these rows, with all that was said about them."""
    decisions: dict[str, list[Decision]] = {row.id: [] for row in rows}
    remarks: dict[str, list[Remark]] = {row.id: [] for row in rows}
    reviews: dict[str, Review] = {}
    for ids in _pieces(list(decisions)):
        query = select(DECISIONS).where(DECISIONS.c.approval.in_(ids)).order_by(DECISIONS.c.at)
        for row in connection.execute(query):
            groups = None if row.groups is None else frozenset(row.groups)
            word = Decision(row.by, row.granted, row.reason, row.at, row.name, groups, row.scope)
            decisions[row.approval].append(word)
        said = select(REMARKS).where(REMARKS.c.approval.in_(ids)).order_by(REMARKS.c.approval, REMARKS.c.n)
        for row in connection.execute(said):
            remarks[row.approval].append(Remark(row.by, row.kind, row.text, row.at, row.name))
        for row in connection.execute(select(REVIEWS).where(REVIEWS.c.approval.in_(ids))):
            reviews[row.approval] = _review(row)
    return [
        replace(
            _approval(row),
            decisions=tuple(decisions[row.id]),
            remarks=tuple(remarks[row.id]),
            review=reviews.get(row.id),
        )
        for row in rows
    ]


def _review(row: Row[Any]) -> Review:
    return Review(**{name: value for name, value in row._mapping.items() if name != "approval"})


def _pieces(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(ids), AT_ONCE):
        yield ids[first : first + AT_ONCE]


def _approval(row: Row[Any]) -> Approval:
    # `count` is also a method of every row, so this one goes by its mapping.
    kept = dict(row._mapping)
    for name in ("approvers", "requires"):
        kept[name] = frozenset(kept[name])
    kept["scopes"] = tuple(kept["scopes"])
    kept["also"] = tuple(Quorum(frozenset(groups), count) for groups, count in kept["also"])
    kept["then"] = tuple((timedelta(seconds=after), frozenset(groups)) for after, groups in kept["then"])
    if kept["break_glass"] is not None:
        groups, seconds = kept["break_glass"]
        kept["break_glass"] = Glass(frozenset(groups), timedelta(seconds=seconds))
    if (revoked := kept["revoked"]) is not None:
        kept["revoked"] = Revocation(**{**revoked, "at": datetime.fromisoformat(revoked["at"])})
    kept["attachments"] = tuple(map(attachments.kept, kept["attachments"] or ()))
    if (said := kept["amendment"]) is not None:
        at, groups = datetime.fromisoformat(said["at"]), tuple(said["groups"])
        kept["amendment"] = Amendment(**{**said, "at": at, "groups": groups})
    return Approval(**kept)


def are_overdue(connection: Connection, at: datetime) -> bool:
    """Whether `expire` would find any."""
    return connection.execute(_overdue(at).limit(1)).first() is not None


def expire(connection: Connection, at: datetime, note: Note) -> list[str]:
    """Close what is still held although its time is over, and return the ids."""
    rows = connection.execute(_overdue(at).order_by(APPROVALS.c.expires_at).limit(AT_ONCE)).all()
    for row in rows:
        why = ApprovalClosed(session=row.session, request=row.id, state="expired", why=NOBODY_DECIDED)
        close_noted(connection, row.id, "expired", note(why))
    return [row.id for row in rows]


def _overdue(at: datetime) -> Select[Any]:
    """Where somebody's client waits, its gateway says so itself, unless it is gone for good."""
    over = (APPROVALS.c.state == "held") & (APPROVALS.c.expires_at <= at)
    left_alone = (APPROVALS.c.mode == "fail") | (APPROVALS.c.expires_at <= at - WAITED_FOR)
    return select(APPROVALS.c.id, APPROVALS.c.session).where(over, left_alone)
