"""Reading entries, sessions and tokens. Everything here runs inside a transaction that somebody else opened."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from gateway.core.ports import Entry, SessionRow
from gateway.store.tables import ENTRIES, SESSIONS

FOUND_AT_MOST = 10
_AFTER_EVERY_LETTER = "\U0010ffff"


def entries(connection: Connection, after: int, session: str, limit: int) -> list[Entry]:
    """Entries with a greater number than `after`, oldest first."""
    query = select(ENTRIES).where(ENTRIES.c.seq > after).order_by(ENTRIES.c.seq).limit(limit)
    if session:
        query = query.where(ENTRIES.c.session == session)
    return [Entry(**row._mapping) for row in connection.execute(query)]


def session(connection: Connection, id: str) -> SessionRow | None:
    """The session with exactly this id."""
    row = connection.execute(select(SESSIONS).where(SESSIONS.c.id == id)).one_or_none()
    return None if row is None else _session(row)


def sessions(
    connection: Connection, live: bool | None, person: str, target: str, limit: int, or_called: bool = False
) -> list[SessionRow]:
    """The sessions that fit, newest first."""
    query = select(SESSIONS)
    if live is not None:
        query = query.where(SESSIONS.c.ended_at.is_(None) if live else SESSIONS.c.ended_at.is_not(None))
    if person:
        called = SESSIONS.c.person.startswith(f"{person}@", autoescape=True) if or_called else False
        query = query.where((SESSIONS.c.person == person) | called)
    if target:
        query = query.where(SESSIONS.c.target == target)
    return _sessions(connection, query, limit)


def find_sessions(connection: Connection, prefix: str) -> Sequence[SessionRow]:
    """The sessions whose id starts with `prefix`, newest first, at most ten."""
    query = select(SESSIONS).where(SESSIONS.c.id >= prefix, SESSIONS.c.id < prefix + _AFTER_EVERY_LETTER)
    return _sessions(connection, query, FOUND_AT_MOST)


def abandoned(
    connection: Connection,
    gateway: str,
    home: str | None,
    unseen_since: datetime,
    living: Collection[str] = (),
) -> list[SessionRow]:
    """The sessions of this gateway that have not ended and can not be alive, oldest first: those that nobody has
    seen since, and where a `home` is given all that were open in it. None of those that are known to be `living`."""
    gone = SESSIONS.c.seen_at.is_(None) | (SESSIONS.c.seen_at < unseen_since)
    if home is not None:
        gone = gone | (SESSIONS.c.home == home)
    query = select(SESSIONS).where(SESSIONS.c.ended_at.is_(None), SESSIONS.c.gateway == gateway, gone)
    rows = connection.execute(query.order_by(SESSIONS.c.opened))
    return [_session(row) for row in rows if row.id not in living]


def clock(connection: Connection) -> datetime | None:
    """The database's own time; None where that would be ours."""
    if connection.dialect.name != "postgresql":
        return None
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return now


def _sessions(connection: Connection, query: Select[Any], limit: int) -> list[SessionRow]:
    newest_first = query.order_by(SESSIONS.c.opened.desc()).limit(limit)
    return [_session(row) for row in connection.execute(newest_first)]


def _session(row: Row[Any]) -> SessionRow:
    kept = dict(row._mapping)
    del kept["opened"], kept["home"]
    return SessionRow(**kept)
