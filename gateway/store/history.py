"""What was asked in the past, to be judged once more: entries about operations, and what opened their sessions.

Reads only, in pages that each take a moment, so that a running gateway does not notice.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from gateway.core.ports import Entry
from gateway.store.tables import ENTRIES

_OPENED = "session.opened"


def first_since(connection: Connection, since: datetime) -> int:
    """The number of the first entry at or after this moment. Entries are as good as in the order of their times, so
    it is looked for by halves instead of everywhere."""
    low, high = 0, last(connection) + 1
    while low < high:
        middle = (low + high) // 2
        found = _at_or_after(connection, middle)
        if found is None or found[1] >= since:
            high = middle
        else:
            low = found[0] + 1
    return low


def of_names(
    connection: Connection, after: int, until: int, names: Collection[str], limit: int
) -> list[Entry]:
    """Entries with one of these names and a greater number than `after`, oldest first."""
    query = select(ENTRIES).where(ENTRIES.c.seq > after, ENTRIES.c.seq <= until, ENTRIES.c.name.in_(names))
    return [Entry(**row._mapping) for row in connection.execute(query.order_by(ENTRIES.c.seq).limit(limit))]


def openings(connection: Connection, sessions: Sequence[str]) -> list[Entry]:
    """How these sessions began."""
    query = select(ENTRIES).where(ENTRIES.c.session.in_(sessions), ENTRIES.c.name == _OPENED)
    return [Entry(**row._mapping) for row in connection.execute(query)]


def last(connection: Connection) -> int:
    """The number of the newest entry; 0 where there is none."""
    found = connection.execute(select(ENTRIES.c.seq).order_by(ENTRIES.c.seq.desc()).limit(1))
    return int(found.scalar_one_or_none() or 0)


def _at_or_after(connection: Connection, seq: int) -> tuple[int, datetime] | None:
    query = select(ENTRIES.c.seq, ENTRIES.c.at).where(ENTRIES.c.seq >= seq).order_by(ENTRIES.c.seq).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.seq, row.at)
