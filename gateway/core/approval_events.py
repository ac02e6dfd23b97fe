"""Audit events about approvals, beside those that hold an operation and decide on it (`events.py`)."""

from dataclasses import dataclass, field
from typing import ClassVar

from gateway.core.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRemarked(Event):
    """Somebody said something about a held operation, beside a decision."""

    name: ClassVar[str] = "approval.remarked"
    request: str
    kind: str
    """`claim`, `unclaim`, `comment` or `reply`."""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalAnswered(Event):
    """The requester gave a reason or a ticket."""

    name: ClassVar[str] = "approval.answered"
    request: str
    answers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalClosed(Event):
    """A request for which nobody's client waits expired or was taken back."""

    name: ClassVar[str] = "approval.closed"
    request: str
    state: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalVoided(Event):
    """What was approved is denied after all, before anything was let through."""

    name: ClassVar[str] = "approval.voided"
    request: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GlassBroken(Event):
    """The requester let their own operation through in an emergency. Nobody has decided; a review is open."""

    name: ClassVar[str] = "approval.glass_broken"
    request: str
    reason: str
    sha256: str
    version: int
    rule: str
    due_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewSigned(Event):
    """Somebody has looked at a broken glass and says whether it was right."""

    name: ClassVar[str] = "review.signed"
    request: str
    verdict: str
    """`ok` or `not-ok`."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRevoked(Event):
    """What was approved covers nothing any more, because somebody says so."""

    name: ClassVar[str] = "approval.revoked"
    request: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantOpened(Event):
    """An approval covers more than the one operation from now on."""

    name: ClassVar[str] = "grant.opened"
    request: str
    scope: str
    expires_at: str
    runs: int = 0
    """At most so many; 0: as many as they like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantUsed(Event):
    """An operation passes by an earlier approval. Durable before it is admitted."""

    name: ClassVar[str] = "grant.used"
    request: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantEnded(Event):
    """An approval covers nothing more."""

    name: ClassVar[str] = "grant.ended"
    request: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAmended(Event):
    """Somebody who may decide proposes another text. Nothing runs by it."""

    name: ClassVar[str] = "request.amended"
    request: str
    text: str
    sha256: str
    before: str
    """What was asked for."""
    before_sha256: str
    version: int
    """Of what is shown from now on."""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAccepted(Event):
    """The requester takes the text that was proposed. What they had asked for is over, and was not run."""

    name: ClassVar[str] = "request.accepted"
    request: str
    text: str
    sha256: str
    before: str
    before_sha256: str
    proposed_by: str
    replaced_by: str
    """The request for that text; empty where no rule holds it."""
