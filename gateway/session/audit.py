"""What a Gate writes down about operations and about its end: events for the ledger, marks for the recording.

When it does is the Gate's business.
"""

import json
from collections.abc import Mapping
from typing import Any

from gateway.core.events import (
    OperationAdmitted,
    OperationDenied,
    OperationNoted,
    SessionEnded,
    SessionSteered,
)
from gateway.core.operation import Operation
from gateway.core.people import Principal, Session
from gateway.core.verdict import Allow, Hold, Verdict

SEEN = ("confidence", "source")
"""Details of a line that was read from a screen: its chapter says how far to trust it."""


def mark(kind: str, operation: Operation, facts: Mapping[str, str]) -> bytes:
    """A chapter. What an adapter wants to have in it, it puts under `mark` in the details."""
    chapter = {
        "kind": kind,
        "text": operation.text or operation.verb,
        "verb": operation.verb,
        **{name: operation.details[name] for name in SEEN if name in operation.details},
        **{name: fact for name, fact in facts.items() if fact},
        **operation.details.get("mark", {}),
    }
    return json.dumps(chapter).encode()


def admitted(
    session: Session, operation: Operation, revision: str, verdict: Allow | Hold, request: str
) -> OperationAdmitted:
    """It may pass."""
    return OperationAdmitted(
        session=session.id,
        actor=session.principal.id,
        verb=operation.verb,
        text=operation.text,
        sha256=operation.sha256,
        rule=verdict.rule,
        revision=revision,
        masks=sorted(verdict.masks),
        request=request,
    )


def noted(operation: Operation, revision: str, verdict: Verdict) -> OperationNoted:
    """Rules spoke about it that change nothing."""
    return OperationNoted(
        verb=operation.verb,
        text=operation.text,
        sha256=operation.sha256,
        revision=revision,
        alerts=sorted(verdict.alerts),
        observed=sorted(verdict.observed),
    )


def denied(
    session: Session,
    operation: Operation,
    revision: str,
    rule: str,
    state: str,
    reason: str,
    request: str,
) -> OperationDenied:
    """It was stopped."""
    return OperationDenied(
        session=session.id,
        actor=session.principal.id,
        verb=operation.verb,
        text=operation.text,
        sha256=operation.sha256,
        rule=rule,
        revision=revision,
        state=state,
        reason=reason,
        request=request,
    )


def ended(session: Session, outcome: str, masked: Mapping[str, int]) -> SessionEnded:
    """Nothing of it follows."""
    return SessionEnded(session=session.id, actor=session.principal.id, outcome=outcome, masked=dict(masked))


def steered(session: Session, by: Principal, action: str, text: str) -> tuple[SessionSteered, bytes]:
    """What staff are about to do: for the ledger, and as a mark."""
    about = ": ".join(part for part in (f"by {by.name}" if by.name else "", text) if part)
    mark = {"kind": action, "text": about, "by": by.name}
    event = SessionSteered(session=session.id, actor=by.id, person=by.name, action=action, text=text)
    return event, json.dumps(mark).encode()


def exit_frame(exit: Mapping[str, Any]) -> bytes:
    """How it ended: the last frame of a recording."""
    return json.dumps(dict(exit)).encode()
