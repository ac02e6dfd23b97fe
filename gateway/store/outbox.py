"""The queue of notices: each is one row for each receiver, taken by whoever sets its claim first.

Everything here runs inside a transaction that somebody else opened.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from gateway.core.notices import Claimed, Notice, Posted, Waiting
from gateway.store import entries
from gateway.store.entries import NewEntry
from gateway.store.tables import HEAD, OUTBOX

WAITING, SENT, FAILED = "waiting", "sent", "failed"
_EARLIER = OUTBOX.alias("earlier")


def noticed(connection: Connection) -> int | None:
    """The number of the last entry that was looked at for notices."""
    found: int | None = connection.execute(select(HEAD.c.noticed)).scalar_one()
    return found


def post(
    connection: Connection, after: int | None, until: int, posted: Sequence[Posted], now: datetime
) -> bool:
    """Queue these, if nobody has looked at their entries before."""
    same = HEAD.c.noticed.is_(None) if after is None else HEAD.c.noticed == after
    if connection.execute(update(HEAD).where(same).values(noticed=until)).rowcount != 1:
        return False
    seen: set[tuple[str, str]] = set()
    for each in posted:
        key = (each.receiver, each.notice.id)
        if key not in seen and not _is_there(connection, *key):
            connection.execute(insert(OUTBOX), _row(each, now))
        seen.add(key)
    return True


def _is_there(connection: Connection, receiver: str, notice: str) -> bool:
    query = select(OUTBOX.c.entry).where(OUTBOX.c.receiver == receiver, OUTBOX.c.notice == notice)
    return connection.execute(query).first() is not None


def _row(posted: Posted, now: datetime) -> dict[str, object]:
    return {
        "receiver": posted.receiver,
        "notice": posted.notice.id,
        "entry": posted.entry,
        "thread": posted.notice.thread,
        "body": posted.notice.as_mapping(),
        "state": WAITING,
        "attempts": 0,
        "posted_at": now,
        "due_at": now,
        "claim": "",
        "claimed_until": None,
        "done_at": None,
        "problem": "",
    }


def due(connection: Connection, receiver: str, now: datetime) -> str:
    """The oldest that may be sent now; empty where there is none."""
    earlier = select(_EARLIER.c.entry).where(
        _EARLIER.c.state == WAITING,
        _EARLIER.c.receiver == receiver,
        _EARLIER.c.thread == OUTBOX.c.thread,
        _EARLIER.c.entry < OUTBOX.c.entry,
    )
    query = select(OUTBOX.c.notice).where(_free(receiver, now), ~earlier.exists())
    found = connection.execute(query.order_by(OUTBOX.c.entry, OUTBOX.c.notice).limit(1)).scalar_one_or_none()
    return str(found or "")


def claim(connection: Connection, receiver: str, claim: str, now: datetime, lease: float) -> Claimed | None:
    """Take what is due, unless somebody else was quicker."""
    id = due(connection, receiver, now)
    taken = (
        update(OUTBOX)
        .where(_free(receiver, now), OUTBOX.c.notice == id)
        .values(claim=claim, claimed_until=now + timedelta(seconds=lease), attempts=OUTBOX.c.attempts + 1)
    )
    if not id or connection.execute(taken).rowcount != 1:
        return None
    row = connection.execute(select(OUTBOX).where(OUTBOX.c.receiver == receiver, OUTBOX.c.notice == id)).one()
    return Claimed(receiver, Notice.of(row.body), row.posted_at, row.attempts, claim)


def _free(receiver: str, now: datetime) -> ColumnElement[bool]:
    unclaimed = OUTBOX.c.claimed_until.is_(None) | (OUTBOX.c.claimed_until <= now)
    mine = (OUTBOX.c.state == WAITING) & (OUTBOX.c.receiver == receiver)
    return mine & (OUTBOX.c.due_at <= now) & unclaimed


def _held_by(claimed: Claimed) -> ColumnElement[bool]:
    own = (OUTBOX.c.receiver == claimed.receiver) & (OUTBOX.c.notice == claimed.notice.id)
    return own & (OUTBOX.c.state == WAITING) & (OUTBOX.c.claim == claimed.claim)


def put_back(connection: Connection, claimed: Claimed, due_at: datetime, problem: str) -> bool:
    """Let it be tried again."""
    freed = {"claim": "", "claimed_until": None, "due_at": due_at, "problem": problem}
    return connection.execute(update(OUTBOX).where(_held_by(claimed)).values(freed)).rowcount == 1


def finish(connection: Connection, claimed: Claimed, now: datetime, problem: str, entry: NewEntry) -> bool:
    """It is over, and the ledger says so. What was sent keeps nothing of its text."""
    state = FAILED if problem else SENT
    done: dict[str, object] = {
        "state": state,
        "claim": "",
        "claimed_until": None,
        "done_at": now,
        "problem": problem,
        "body": {},
    }
    if connection.execute(update(OUTBOX).where(_held_by(claimed)).values(done)).rowcount != 1:
        return False
    entries.add(connection, [entry])
    return True


def release(connection: Connection, owner: str) -> int:
    """Let others send what this one had claimed."""
    own = OUTBOX.c.claim.startswith(f"{owner}:", autoescape=True) & (OUTBOX.c.state == WAITING)
    return connection.execute(update(OUTBOX).where(own).values(claim="", claimed_until=None)).rowcount


def counts(connection: Connection) -> Waiting:
    """How many wait, and how many have failed."""
    query = select(OUTBOX.c.state, OUTBOX.c.receiver, func.count()).where(OUTBOX.c.state != SENT)
    found = connection.execute(query.group_by(OUTBOX.c.state, OUTBOX.c.receiver)).all()
    by_state = {state: {row[1]: row[2] for row in found if row[0] == state} for state in (WAITING, FAILED)}
    return Waiting(by_state[WAITING], by_state[FAILED])


def forget(connection: Connection, before: datetime) -> None:
    """What was finished or posted before then is of no use any more."""
    connection.execute(delete(OUTBOX).where(OUTBOX.c.done_at < before))
    connection.execute(delete(OUTBOX).where(OUTBOX.c.posted_at < before, OUTBOX.c.claimed_until.is_(None)))
