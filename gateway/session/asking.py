"""What a held operation looks like to those who are asked about it: the request, and its entry in the ledger.

A picture of the moment: the card of a request is made of nothing else, however long it waits.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from gateway.core.approval_events import ApprovalClosed
from gateway.core.attachments import Attachment
from gateway.core.events import OperationHeld
from gateway.core.ids import new_request_id
from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.ports import Approval
from gateway.core.sql import SqlFacts
from gateway.core.verdict import Hold
from gateway.masking.text import TextMasker
from gateway.session import words

MOST_KEPT = 20_000
"""Characters of bound values, and of settings."""
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
        attachments=_masked(operation, hold),
    )


def _masked(operation: Operation, hold: Hold) -> tuple[Attachment, ...]:
    """What its files hold that its requester would see masked, nobody sees here."""
    if not operation.attachments:
        return ()
    masker = TextMasker(hold.masks)
    return tuple(replace(each, text=masker.mask_text(each.text)[0]) for each in operation.attachments)


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
    directory = operation.details.get("directory")
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
        **({"directory": directory} if isinstance(directory, str) else {}),
        **_to_look_into(operation),
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
        attachments=[_about(each) for each in approval.attachments],
    )


def left_event(approval: Approval) -> ApprovalClosed:
    """Nobody waits for it any more."""
    return ApprovalClosed(
        session=approval.session,
        actor=approval.requester,
        request=approval.id,
        state="withdrawn",
        why="nobody waits for it any more",
    )


def _about(each: Attachment) -> dict[str, Any]:
    """Which file it was: what is in it stays with the request."""
    said = {"name": each.name, "path": each.path, "size": each.size, "sha256": each.sha256, "why": each.why}
    return {name: value for name, value in said.items() if value}


def _to_look_into(operation: Operation) -> dict[str, Any]:
    """What it takes to look into a statement later: what is bound to it, and what its session began with."""
    bound, began = operation.details.get("values"), operation.details.get("began")
    if not isinstance(began, Mapping) or sum(map(len, (*began, *began.values()))) > MOST_KEPT:
        return {}
    if sum(len(value or "") for value in bound or ()) > MOST_KEPT:
        return {}
    return {"began": dict(began), **({"values": list(bound)} if bound else {})}


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
