"""Writing entries: numbers in commit order, and the sessions that staff see kept in step with them.

Everything here runs inside a transaction that somebody else opened.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, insert, update

from gateway.core.errors import Fault
from gateway.core.events import (
    Event,
    OperationAdmitted,
    OperationDenied,
    OperationHeld,
    SessionEnded,
    SessionOpened,
)
from gateway.core.findings import CommandRead
from gateway.store.columns import Packed, packed
from gateway.store.tables import ENTRIES, HEAD, SESSIONS


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An event on its way into the ledger, already known to be writable as JSON."""

    at: datetime
    gateway: str
    event: Event
    body: Packed
    home: str = ""

    @classmethod
    def of(cls, event: Event, at: datetime, gateway: str, home: str = "") -> "NewEntry":
        """Raises `Fault` for an event that JSON can not hold."""
        try:
            return cls(at, gateway, event, packed(event.body()), home)
        except (TypeError, ValueError, RecursionError) as problem:
            raise Fault("the ledger can not hold this entry") from problem


_RESERVE = update(HEAD).values(seq=HEAD.c.seq + bindparam("entries")).returning(HEAD.c.seq)

_COUNT = (
    update(SESSIONS)
    .where(SESSIONS.c.id == bindparam("session"))
    .values({name: SESSIONS.c[name] + bindparam(f"more_{name}") for name in ("commands", "blocked", "held")})
)

_END = (
    update(SESSIONS)
    .where(SESSIONS.c.id == bindparam("session"), SESSIONS.c.ended_at.is_(None))
    .values(
        ended_at=bindparam("at"),
        outcome=bindparam("why"),
        bytes_shown=bindparam("shown"),
        masked=bindparam("mask_counts"),
        commands=case(
            (SESSIONS.c.commands < bindparam("said"), bindparam("said")), else_=SESSIONS.c.commands
        ),
        blocked=case(
            (SESSIONS.c.blocked < bindparam("said_blocked"), bindparam("said_blocked")),
            else_=SESSIONS.c.blocked,
        ),
    )
)


def lock(connection: Connection) -> None:
    """Make every other writer, of this gateway or another, wait until this transaction is over."""
    connection.execute(_RESERVE, {"entries": 0})


def add(connection: Connection, entries: Sequence[NewEntry]) -> list[int]:
    """Keep `entries` and return their numbers.

    The one row of `head` is locked by the first of these statements until the commit, so a reader that has seen a
    number has seen, or can never see, every smaller one.
    """
    if not entries:
        return []
    last: int = connection.execute(_RESERVE, {"entries": len(entries)}).scalar_one()
    numbers = list(range(last - len(entries) + 1, last + 1))
    rows = [_row(number, entry) for number, entry in zip(numbers, entries, strict=True)]
    connection.execute(insert(ENTRIES), rows)
    _open_sessions(connection, numbers, entries)
    _count(connection, entries)
    _end_sessions(connection, entries)
    return numbers


def _row(number: int, entry: NewEntry) -> dict[str, Any]:
    event = entry.event
    return {
        "seq": number,
        "at": entry.at,
        "name": event.name,
        "session": event.session,
        "actor": event.actor,
        "body": entry.body,
    }


def _open_sessions(connection: Connection, numbers: Sequence[int], entries: Sequence[NewEntry]) -> None:
    opened = [
        {
            "id": event.session,
            "opened": number,
            "gateway": entry.gateway,
            "person": event.person,
            "target": event.target,
            "kind": event.kind,
            "login": event.login,
            "address": event.address,
            "client": event.client,
            "labels": event.labels,
            "recording": event.recording,
            "imported_from": event.imported_from,
            "started_at": _when(event.started_at, entry),
            "ended_at": None,
            "outcome": "",
            "commands": 0,
            "blocked": 0,
            "held": 0,
            "bytes_shown": 0,
            "masked": None,
            "seen_at": entry.at,
            "home": entry.home,
        }
        for number, entry in zip(numbers, entries, strict=True)
        if isinstance(event := entry.event, SessionOpened)
    ]
    if opened:
        connection.execute(insert(SESSIONS), opened)


def _when(told: str, entry: NewEntry) -> datetime:
    """The time of the entry, unless the event tells of something brought in from elsewhere."""
    return datetime.fromisoformat(told) if told else entry.at


def _count(connection: Connection, entries: Sequence[NewEntry]) -> None:
    counts: dict[str, Counter[str]] = {}
    for entry in entries:
        column = _counted_as(entry.event)
        if column and entry.event.session:
            counts.setdefault(entry.event.session, Counter())[column] += 1
    if counts:
        connection.execute(
            _COUNT,
            [
                {"session": session, **{f"more_{name}": of[name] for name in ("commands", "blocked", "held")}}
                for session, of in counts.items()
            ],
        )


def _counted_as(event: Event) -> str:
    match event:
        case OperationAdmitted(verb="typed"):
            return ""  # it counts once it has been read as run, like those that no rule asked about
        case OperationAdmitted() | CommandRead():
            return "commands"
        case OperationDenied(state="blocked"):
            return "blocked"
        case OperationHeld():
            return "held"
        case _:
            return ""


def _end_sessions(connection: Connection, entries: Sequence[NewEntry]) -> None:
    ended = [
        {
            "session": event.session,
            "at": _when(event.ended_at, entry),
            "why": event.outcome,
            "shown": event.bytes_shown,
            "mask_counts": event.masked,
            "said": event.commands,
            "said_blocked": event.blocked,
        }
        for entry in entries
        if isinstance(event := entry.event, SessionEnded)
    ]
    if ended:
        connection.execute(_END, ended)
