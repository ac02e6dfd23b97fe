"""What a gateway that stopped without a word left behind, put in order at its next start."""

from datetime import datetime

from sqlalchemy import Connection, select

from gateway.core.events import Event, OperationDenied, SessionEnded
from gateway.store import approvals, entries, reading
from gateway.store.entries import NewEntry
from gateway.store.tables import APPROVALS, SESSIONS

WHILE_HELD = "the gateway stopped while this was held"


def end_open_sessions(connection: Connection, outcome: str, gateway: str, at: datetime) -> list[str]:
    """End the sessions of this gateway that are open, expire what nobody waits for any longer, and return their ids.
    Another gateway on the same database keeps its own."""
    ended = reading.open_sessions(connection, gateway)
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
    orphans = select(APPROVALS).where(APPROVALS.c.state == "held", APPROVALS.c.session.not_in(still_open))
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
