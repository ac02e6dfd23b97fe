"""What a held operation looks like to those who are asked about it: the request, and its entry in the ledger.

A picture of the moment: the card of a request is made of nothing else, however long it waits.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from gateway.core.events import OperationHeld
from gateway.core.ids import new_request_id
from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.ports import Approval
from gateway.core.sql import SqlFacts
from gateway.core.verdict import Hold
from gateway.session import words

MOST_NAMES = 50
"""Of tables and the like: a statement may name a hundred thousand."""


def request(
    session: Session,
    operation: Operation,
    hold: Hold,
    revision: str,
    now: datetime,
    answers: Mapping[str, str] = MappingProxyType({}),
) -> Approval:
    """A request that is not in the ledger yet. `answers` come along with it."""
    return Approval(
        id=new_request_id(),
        session=session.id,
        requester=session.principal.id,
        target=session.target.name,
        verb=operation.verb,
        text=operation.text,
        sha256=operation.sha256,
        rule=hold.rule,
        reason=hold.reason,
        approvers=hold.approvers,
        count=hold.count,
        opened_at=now,
        expires_at=now + hold.timeout,
        mode=hold.mode,
        also=hold.also,
        then=hold.then,
        scopes=tuple(hold.scopes),
        requires=hold.requires,
        shape=shape(operation),
        revision=revision,
        risk=hold.risk,
        facts={
            **facts(session, operation),
            **({"author": "another has to run it"} if hold.author else {}),
            **({"matched": [list(span) for span in hold.matched]} if hold.matched else {}),
        },
        answers=answers,
        break_glass=hold.break_glass,
    )


def as_asked(hold: Hold, operation: Operation) -> Hold:
    """The same, where the client that sent it can not wait."""
    return replace(hold, mode="fail") if operation.details.get("waits") is False else hold


def is_same(one: Approval, other: Approval) -> bool:
    """Whether both were asked for in advance, and ask for the same."""
    return _asked(one) == _asked(other)


def has_same_key(one: Approval, other: Approval) -> bool:
    """Whether one is the other, sent again."""
    key = other.facts.get("key", "")
    return bool(key) and one.facts.get("key", "") == key


def _asked(approval: Approval) -> tuple[object, ...]:
    asked = approval.kind, approval.target, approval.rule, approval.verb, approval.sha256, approval.scopes
    return (*asked, approval.facts.get("login", ""))


def shape(operation: Operation) -> str:
    """A digest that is the same for operations that differ in constants only; where nothing is known of that, for the
    same text only."""
    known = operation.details.get("sql")
    if isinstance(known, SqlFacts) and known.certain and known.shape:
        return sha256(f"sql {operation.verb} {known.shape}".encode("utf-8", "surrogateescape")).hexdigest()
    return sha256(f"text {operation.verb} {operation.sha256}".encode()).hexdigest()


def facts(session: Session, operation: Operation) -> Mapping[str, Any]:
    """What was known when it was held."""
    principal, peer, target = session.principal, session.peer, session.target
    known, rows = operation.details.get("sql"), operation.details.get("rows")
    return {
        "person": principal.name,
        "groups": sorted(principal.groups),
        "method": principal.method,
        "address": peer.address,
        "client": peer.client,
        "login": session.login,
        "kind": target.kind,
        "labels": dict(target.labels),
        "effects": sorted(operation.effects),
        "resources": list(dict.fromkeys(operation.resources))[:MOST_NAMES],
        **(_sql(known) if isinstance(known, SqlFacts) else {}),
        **({"rows": rows} if isinstance(rows, int) else {}),
    }


def held_event(approval: Approval) -> OperationHeld:
    """It waits for people."""
    return OperationHeld(
        session=approval.session,
        actor=approval.requester,
        request=approval.id,
        verb=approval.verb,
        text=approval.text,
        sha256=approval.sha256,
        rule=approval.rule,
        revision=approval.revision,
        approvers=sorted(approval.approvers),
        count=approval.count,
        expires_at=approval.expires_at.isoformat(),
        mode=approval.mode,
        also=[words.asked(each) for each in approval.also],
        requires=sorted(approval.requires),
        scopes=list(approval.scopes),
        risk=approval.risk,
        kind=approval.kind,
        answers=dict(approval.answers),
    )


def _sql(known: SqlFacts) -> dict[str, Any]:
    return {
        "tables": list(dict.fromkeys(str(name) for name in (*known.writes, *known.reads)))[:MOST_NAMES],
        "writes": [str(name) for name in known.writes[:MOST_NAMES]],
        "functions": [str(name) for name in known.functions[:MOST_NAMES]],
        "has_where": known.has_where,
        "has_limit": known.has_limit,
        "certain": known.certain,
        "why": known.why,
    }
