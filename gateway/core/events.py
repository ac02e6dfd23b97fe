"""Audit events: what happened, in the past tense, one frozen class each.

The ledger stores an event's `name` and its fields; sessions and approvals that staff see are derived from
them. Statement text is kept here (the ledger is access-controlled); logs only ever carry its hash.
Every event is documented in docs/events.md, which a test keeps true. What is found out in the course of a session,
beside its operations, is in findings.py.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

REGISTRY: "dict[str, type[Event]]" = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events. `session` is empty for what belongs to no session; `actor` is a principal's id."""

    name: ClassVar[str] = ""
    session: str = ""
    actor: str = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # dataclass(slots=True) makes each class twice; the second, final one wins here.
        if cls.name:
            REGISTRY[cls.name] = cls

    def body(self) -> dict[str, Any]:
        """The fields of this event that are its own, ready for JSON."""
        own = asdict(self)
        own.pop("session")
        own.pop("actor")
        return own


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayStarted(Event):
    """The gateway opened its doors, with this configuration."""

    name: ClassVar[str] = "gateway.started"
    version: str
    config_sha256: str
    recovered: int = 0
    """Sessions found open from before: ended as `crash`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayStopped(Event):
    """The gateway closed its doors in order."""

    name: ClassVar[str] = "gateway.stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigReloaded(Event):
    """A new configuration took effect, or was refused and the old one kept."""

    name: ClassVar[str] = "config.reloaded"
    ok: bool
    config_sha256: str
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn(Event):
    """A person proved who they are."""

    name: ClassVar[str] = "identity.accepted"
    person: str
    method: str
    address: str
    client: str = ""
    browser: str = ""
    """The address of the browser in which they confirmed it, where there was one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInRefused(Event):
    """Somebody did not prove who they are, or may not enter."""

    name: ClassVar[str] = "identity.refused"
    reason: str
    address: str
    login: str = ""
    client: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened(Event):
    """A person entered a session with a target. Durable before the target hears of them."""

    name: ClassVar[str] = "session.opened"
    person: str
    groups: list[str]
    target: str
    kind: str
    login: str
    address: str
    client: str
    labels: dict[str, str] = field(default_factory=dict)
    recording: str = ""
    """Key of the recording among the blobs."""
    imported_from: str = ""
    """Set where a recording was brought in from elsewhere: it was not made by this gateway."""
    started_at: str = ""
    """Set for what was brought in only: ISO time of its beginning. Otherwise it is the time of this entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded(Event):
    """A session is over; nothing of it follows."""

    name: ClassVar[str] = "session.ended"
    outcome: str
    """`exit N`, `exit unknown`, `signal NAME`, `blocked`, `denied`, `expired`, `withdrawn`, `ended`,
    `disconnected`, `unreachable`, `fault` or `crash`."""
    bytes_shown: int = 0
    bytes_sent: int = 0
    masked: dict[str, int] = field(default_factory=dict)
    commands: int = 0
    blocked: int = 0
    ended_at: str = ""
    """Set for what was brought in only: ISO time of its end. Otherwise it is the time of this entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationAdmitted(Event):
    """An operation was let through. Durable before the target sees a byte of it."""

    name: ClassVar[str] = "operation.admitted"
    verb: str
    text: str
    sha256: str
    rule: str
    revision: str
    masks: list[str] = field(default_factory=list)
    request: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationDenied(Event):
    """An operation was stopped: blocked by policy, denied, expired, withdrawn, or failed closed."""

    name: ClassVar[str] = "operation.denied"
    verb: str
    text: str
    sha256: str
    rule: str
    revision: str
    state: str
    reason: str
    request: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRepeated(Event):
    """What was admitted before, and only reads, was done again: each time is in the recording."""

    name: ClassVar[str] = "operation.repeated"
    sha256: str
    """Of the operation that was admitted."""
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationNoted(Event):
    """Rules that alert, or only observe, spoke about an operation. What became of it is in a later entry."""

    name: ClassVar[str] = "operation.noted"
    verb: str
    text: str
    sha256: str
    revision: str
    alerts: list[str] = field(default_factory=list)
    """The ids of rules that alert."""
    observed: list[str] = field(default_factory=list)
    """What rules that observe would have done: "no-restarts would have blocked"."""
    severity: str = ""
    """How bad it is, where the gateway alerts by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationHeld(Event):
    """An operation waits for a human."""

    name: ClassVar[str] = "operation.held"
    request: str
    verb: str
    text: str
    sha256: str
    rule: str
    revision: str
    approvers: list[str]
    count: int
    expires_at: str
    mode: str = "wait"
    """`wait`, or `fail`: it was refused at first, and passes once after it was granted."""
    also: list[str] = field(default_factory=list)
    """What else has to be met: "2 of dba, sre"."""
    requires: list[str] = field(default_factory=list)
    scopes: list[str] = field(default_factory=list)
    risk: str = ""
    kind: str = "operation"
    """`operation`; or what was asked for before there was a session: `text` or `access`."""
    answers: dict[str, str] = field(default_factory=dict)
    """What the person has given with it of `reason` and `ticket`."""
    attachments: list[dict[str, Any]] = field(default_factory=list)
    """Files that it runs and that people are shown: name, path, size and sha256 of each, or why it is not shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalGiven(Event):
    """One person granted or denied a held operation."""

    name: ClassVar[str] = "approval.given"
    request: str
    granted: bool
    reason: str = ""
    sha256: str = ""
    scope: str = "once"
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSteered(Event):
    """Staff did something to a live session. `actor` is who."""

    name: ClassVar[str] = "session.steered"
    person: str
    """The staff member's name; empty where a forgotten pause ended by itself."""
    action: str
    """`pause`, `resume`, `message` or `end`."""
    text: str = ""
    """The message, or the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingViewed(Event):
    """Somebody opened a recording: looking is logged too."""

    name: ClassVar[str] = "recording.viewed"
    person: str
    how: str
    """`replay` or `export <format>`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInAsked(Event):
    """Somebody was given a code to sign in with, in a browser. The code itself is not kept."""

    name: ClassVar[str] = "identity.asked"
    code_sha256: str
    what: str
    address: str
    client: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSignIn(Event):
    """Somebody signed in with a password of the gateway's own, past every identity provider."""

    name: ClassVar[str] = "identity.local"
    person: str
    address: str
    client: str = ""
    break_glass: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineExchanged(Event):
    """A machine showed what it signs in with, and was given a short token."""

    name: ClassVar[str] = "machine.exchanged"
    person: str
    how: str
    owner: str
    token: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonKept(Event):
    """An identity provider vouched for somebody: they are new here, or their name or groups have changed."""

    name: ClassVar[str] = "person.kept"
    person: str
    issuer: str
    subject: str
    groups: list[str]
    gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLocked(Event):
    """Somebody may not come in any more; their sessions, tokens and certificates ended."""

    name: ClassVar[str] = "person.locked"
    person: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonUnlocked(Event):
    """Somebody may sign in again. What was revoked stays so."""

    name: ClassVar[str] = "person.unlocked"
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonForgotten(Event):
    """Somebody of a provider is known no more: others may have their names, and all that they held is over."""

    name: ClassVar[str] = "person.forgotten"
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordSet(Event):
    """Somebody was given another password, or another way to make codes, or has neither any more."""

    name: ClassVar[str] = "password.set"
    person: str
    totp: bool
    removed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateIssued(Event):
    """A certificate for a person was signed: one for SSH, or one for databases."""

    name: ClassVar[str] = "certificate.issued"
    serial: str
    person: str
    fingerprint: str
    expires_at: str
    address: str = ""
    """The only address that it can be used from, if any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRevoked(Event):
    """A certificate was ended before its time."""

    name: ClassVar[str] = "certificate.revoked"
    serial: str
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityRotated(Event):
    """One of the gateway's certificate authorities has a new key, or an old one is trusted no longer."""

    name: ClassVar[str] = "authority.rotated"
    authority: str
    """`user`, `host` or `target`."""
    fingerprint: str
    retired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCreated(Event):
    """A token was made. Only its hash is kept."""

    name: ClassVar[str] = "token.created"
    token: str
    person: str
    roles: list[str]
    expires_at: str = ""
    kind: str = "api"
    """`api`, `login`, `database`, `machine` or `secret`."""
    target: str = ""
    label: str = ""
    parent: str = ""
    """The token that it was made with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRevoked(Event):
    """A token was ended before its time, and with it what was made with it."""

    name: ClassVar[str] = "token.revoked"
    token: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRenewed(Event):
    """A sign-in goes on: its token has another secret and a later end."""

    name: ClassVar[str] = "token.renewed"
    token: str
    expires_at: str
