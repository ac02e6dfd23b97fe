"""Policies in the database: each text once, numbered in the order in which they first came into force.

Writing runs inside a transaction whose `head` row is locked, so that no number is given twice.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from gateway.core.policy_revisions import PolicyRevision
from gateway.store import entries
from gateway.store.entries import NewEntry
from gateway.store.tables import POLICIES


def keep(connection: Connection, policy: PolicyRevision, entry: Callable[[int], NewEntry]) -> int:
    """Keep it, unless it is there, and that it is in force now. Its own number is not looked at."""
    found = select(POLICIES.c.number).where(POLICIES.c.sha256 == policy.sha256)
    number = connection.execute(found).scalar_one_or_none()
    if number is None:
        number = (connection.execute(select(func.max(POLICIES.c.number))).scalar_one() or 0) + 1
        connection.execute(insert(POLICIES), _kept(policy) | {"number": number})
    else:
        here = update(POLICIES).where(POLICIES.c.number == number)
        connection.execute(here.values(loaded_at=policy.loaded_at))
    entries.add(connection, [entry(number)])
    return int(number)


def newest(connection: Connection) -> list[PolicyRevision]:
    """All, without their texts."""
    columns = [column for column in POLICIES.c if column is not POLICIES.c.documents]
    query = select(*columns).order_by(POLICIES.c.number.desc())
    return [PolicyRevision(**row._mapping, documents=()) for row in connection.execute(query)]


def find(connection: Connection, number: int) -> PolicyRevision | None:
    """The one with this number."""
    row = connection.execute(select(POLICIES).where(POLICIES.c.number == number)).one_or_none()
    return None if row is None else _read(row)


def number_of(connection: Connection, revision: str) -> int:
    """Of the newest that is called so; 0: there is none."""
    query = select(func.max(POLICIES.c.number)).where(POLICIES.c.revision == revision)
    return connection.execute(query).scalar_one() or 0


def _kept(policy: PolicyRevision) -> dict[str, Any]:
    names = ("revision", "sha256", "rules", "since", "gateway", "loaded_at")
    documents = [list(document) for document in policy.documents]
    return {name: getattr(policy, name) for name in names} | {"documents": documents}


def _read(row: Row[Any]) -> PolicyRevision:
    kept = dict(row._mapping)
    documents = tuple((name, text) for name, text in kept.pop("documents"))
    return PolicyRevision(**kept, documents=documents)
