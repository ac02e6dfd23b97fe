"""What a gateway that stopped without a word left behind, put in order by its next start or by its next beat."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from sqlalchemy import Connection, select, update

from gateway.core.events import Event, OperationDenied, SessionEnded
from gateway.core.ports import SessionRow
from gateway.store import approvals, entries
from gateway.store.entries import NewEntry
from gateway.store.tables import APPROVALS, SESSIONS

WHILE_HELD = "the gateway stopped while this was held"
AT_ONCE = 5000
"""Ids in one statement: databases take some ten thousands."""


def keep_alive(connection: Connection, ids: Collection[str], at: datetime) -> set[str]:
    """Note that these sessions are alive now, and return those that have been ended in the ledger meanwhile."""
    over: set[str] = set()
    for some in _in_pieces(list(ids)):
        alive = SESSIONS.c.id.in_(some) & SESSIONS.c.ended_at.is_(None)
        if connection.execute(update(SESSIONS).where(alive).values(seen_at=at)).rowcount != len(some):
            ended = select(SESSIONS.c.id).where(SESSIONS.c.id.in_(some), SESSIONS.c.ended_at.is_not(None))
            over |= set(connection.execute(ended).scalars())
    return over


def _in_pieces(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(ids), AT_ONCE):
        yield ids[first : first + AT_ONCE]


def end_sessions(
    connection: Connection, ended: Sequence[SessionRow], outcome: str, gateway: str, at: datetime
) -> list[str]:
    """End these sessions (`reading.abandoned`), expire what nobody waits for any longer, and return their ids.
    Another gateway on the same database keeps its own."""
    found: list[Event] = [*_expire(connection, {session.id for session in ended})]
    for session in ended:
        found.append(
            SessionEnded(
                session=session.id,
                outcome=outcome,
                bytes_shown=session.bytes_shown,
                masked=dict(session.masked or {}),
                commands=session.commands,
            )
        )
    entries.add(connection, [NewEntry.of(event, at, gateway) for event in found])
    return [session.id for session in ended]


def _expire(connection: Connection, ending: set[str]) -> list[OperationDenied]:
    still_open = select(SESSIONS.c.id).where(SESSIONS.c.ended_at.is_(None), SESSIONS.c.id.not_in(ending))
    held = (APPROVALS.c.state == "held") & (APPROVALS.c.mode == "wait")
    orphans = select(APPROVALS).where(held, APPROVALS.c.session.not_in(still_open))
    denied = []
    for approval in connection.execute(orphans.order_by(APPROVALS.c.opened_at)).all():
        approvals.close(connection, approval.id, "expired")
        denied.append(
            OperationDenied(
                session=approval.session,
                actor=approval.requester,
                verb=approval.verb,
                text=approval.text,
                sha256=approval.sha256,
                rule=approval.rule,
                revision="",
                state="expired",
                reason=WHILE_HELD,
                request=approval.id,
            )
        )
    return denied
