"""Lists of approvals, a page at a time, and what is counted of many: what is alike, and what became of earlier ones.

Each is one statement that an index answers, however many requests the ledger holds.
"""

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Dialect, Select, and_, func, literal, or_, select, union_all

from gateway.core.approval import OPERATION, Approval
from gateway.core.request_lists import COMPARED, DECIDED, Past, Wanted
from gateway.store import approvals
from gateway.store.approvals import AT_ONCE
from gateway.store.columns import ExactText
from gateway.store.tables import APPROVALS, ASKS, DECISIONS, REVIEWS

MOST_FOUND = 200
_CUT_ESCAPE = re.compile("\x1a[0-9a-f]{0,3}\\Z")


class _CutText(ExactText):
    """The beginning of an `ExactText`: what it is cut in the middle of is left out."""

    cache_ok = True

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """From the database."""
        return super().process_result_value(value and _CUT_ESCAPE.sub("", value), dialect)


def listed(connection: Connection, wanted: Wanted) -> list[Approval]:
    """One page of what is wanted."""
    kinds = _kinds(wanted)
    query = _columns(wanted.text_limit)
    if len(kinds) == 1:
        query = _page(query, wanted, kinds[0])
    else:  # a page of each is found by an index; all of them together would have to be sorted first
        pages = [_page(select(APPROVALS.c.id), wanted, kind).subquery() for kind in kinds]
        query = _page(query, wanted, [APPROVALS.c.id.in_(union_all(*(select(page.c.id) for page in pages)))])
    return approvals.read(connection, connection.execute(query).all())


def _page(query: Select[Any], wanted: Wanted, conditions: Sequence[ColumnElement[bool]]) -> Select[Any]:
    moment = APPROVALS.c.expires_at if wanted.by_end else APPROVALS.c.opened_at
    order = moment if wanted.by_end else moment.desc()
    if wanted.after is not None:
        at, id = wanted.after.moment, wanted.after.id
        here_or_behind, behind = (moment >= at, moment > at) if wanted.by_end else (moment <= at, moment < at)
        # The first says nothing new: by it the index begins where the page does.
        query = query.where(here_or_behind, or_(behind, and_(moment == at, APPROVALS.c.id > id)))
    return query.where(*conditions).order_by(order, APPROVALS.c.id).limit(wanted.limit)


def _kinds(wanted: Wanted) -> list[list[ColumnElement[bool]]]:
    """Each of them is a list of conditions that all have to be true; together they are what is wanted."""
    always: list[ColumnElement[bool]] = []
    if wanted.but:
        always.append(APPROVALS.c.requester != wanted.but)
    if wanted.review_open:
        always.append(APPROVALS.c.id.in_(select(REVIEWS.c.approval).where(REVIEWS.c.verdict == "")))
    whose: list[ColumnElement[bool]] = []
    if wanted.requester:
        whose.append(APPROVALS.c.requester == wanted.requester)
    if wanted.asked is not None:
        whose.append(_asks(wanted.asked))
    people = [[each] for each in whose] if wanted.or_theirs else [whose]
    states = [[APPROVALS.c.state == state] for state in sorted(wanted.states)] or [[]]
    return [[*always, *person, *state] for person in people for state in states]


def _asks(groups: AbstractSet[str]) -> ColumnElement[bool]:
    asks = select(ASKS.c.approval).where(ASKS.c.asked.in_(sorted(groups)[:AT_ONCE]))
    return and_(APPROVALS.c.id.in_(asks), APPROVALS.c.state == "held")


def _columns(text_limit: int | None) -> Select[Any]:
    if text_limit is None:
        return select(APPROVALS)
    others = [column for column in APPROVALS.c if column.name not in ("text", "attachments")]
    beginning = func.substr(APPROVALS.c.text, 1, text_limit, type_=_CutText())
    return select(*others, beginning.label("text"), literal(None).label("attachments"))


def alike(connection: Connection, requesters: AbstractSet[str]) -> dict[tuple[str, str], int]:
    """How many held ones there are of each requester and shape."""
    columns = APPROVALS.c.requester, APPROVALS.c.shape
    held = APPROVALS.c.state == "held", APPROVALS.c.requester.in_(sorted(requesters)[:AT_ONCE])
    query = select(*columns, func.count().label("many")).where(*held).group_by(*columns)
    return {(row.requester, row.shape): row.many for row in connection.execute(query)}


def asked_before(
    connection: Connection, target: str, since: datetime, requester: str, sha256: str
) -> list[Approval]:
    """What was asked for without a session and is approved, newest first, without its text."""
    query = _columns(0).where(APPROVALS.c.state == "approved", APPROVALS.c.opened_at >= since)
    query = query.where(APPROVALS.c.kind != OPERATION, APPROVALS.c.target == target)
    if requester:
        query = query.where(APPROVALS.c.requester == requester)
    if sha256:
        query = query.where(APPROVALS.c.sha256 == sha256)
    query = query.order_by(APPROVALS.c.opened_at.desc(), APPROVALS.c.id).limit(MOST_FOUND)
    return approvals.read(connection, connection.execute(query).all())


def past(connection: Connection, but: str, shape: str, requester: str) -> Past:
    """What became of the newest of this shape, or of this requester."""
    about = APPROVALS.c.shape == shape if shape else APPROVALS.c.requester == requester
    columns = APPROVALS.c.id, APPROVALS.c.state, APPROVALS.c.opened_at
    newest = select(*columns).where(about).order_by(APPROVALS.c.opened_at.desc()).limit(COMPARED).subquery()
    settled = newest.c.state.in_(sorted(DECIDED)), newest.c.id != but
    counted = select(newest.c.state, func.count()).where(*settled).group_by(newest.c.state)
    counts = {row[0]: row[1] for row in connection.execute(counted)}
    last = select(newest.c.id).where(*settled).order_by(newest.c.opened_at.desc()).limit(1)
    by, at = _last(connection, connection.execute(last).scalar_one()) if counts else ("", None)
    approved = select(newest.c.id).where(newest.c.state == "approved", newest.c.id != but)
    newest_of_them = approved.order_by(newest.c.opened_at.desc()).limit(1)
    given = connection.execute(newest_of_them).scalar_one() if counts.get("approved") else ""
    return Past(counts.get("approved", 0), counts.get("denied", 0), by, at, given)


def _last(connection: Connection, id: str) -> tuple[str, Any]:
    """Who settled it, and when."""
    broken = select(REVIEWS.c.by, REVIEWS.c.name, REVIEWS.c.opened_at.label("at")).where(
        REVIEWS.c.approval == id
    )
    said = select(DECISIONS.c.by, DECISIONS.c.name, DECISIONS.c.at).where(DECISIONS.c.approval == id)
    last = (
        connection.execute(broken).first() or connection.execute(said.order_by(DECISIONS.c.at.desc())).first()
    )
    return (last.name or last.by, last.at) if last else ("", None)
