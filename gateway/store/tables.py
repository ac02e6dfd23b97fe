"""The tables. `entries` is the ledger itself; the others are derived from it, or watched over by it.

A change here needs a new migration (`migrations/versions`) and a new name in `schema.REVISIONS`; a test compares
both.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, MetaData
from sqlmodel import Field, SQLModel

from gateway.store.columns import ExactJson, ExactText, UtcTime

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)
BIG = BigInteger().with_variant(Integer(), "sqlite")


class _Table(SQLModel):
    metadata = METADATA


class HeadRecord(_Table, table=True):
    """One row. Whoever writes to the ledger locks it first, so sequence numbers are given out in commit order."""

    __tablename__ = "head"

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    seq: int = Field(sa_type=BIG)
    people: int = Field(sa_type=BIG, sa_column_kwargs={"server_default": "0"})
    """How often anything has changed about who may come in."""
    noticed: int | None = Field(sa_type=BIG, nullable=True)
    """The number of the last entry that was looked at for notices. None: none ever was."""


class EntryRecord(_Table, table=True):
    """One event. Never changed, never deleted by us."""

    __tablename__ = "entries"

    seq: int = Field(primary_key=True, sa_type=BIG, sa_column_kwargs={"autoincrement": False})
    at: datetime = Field(sa_type=UtcTime)
    name: str = Field(sa_type=ExactText)
    session: str = Field(sa_type=ExactText, index=True)
    actor: str = Field(sa_type=ExactText)
    body: Any = Field(sa_type=ExactJson, nullable=False)


class SessionRecord(_Table, table=True):
    """A session, derived from its entries. `opened` is the number of its first one."""

    __tablename__ = "sessions"

    id: str = Field(primary_key=True, sa_type=ExactText)
    opened: int = Field(sa_type=BIG, index=True)
    gateway: str = Field(sa_type=ExactText)
    person: str = Field(sa_type=ExactText, index=True)
    target: str = Field(sa_type=ExactText, index=True)
    kind: str = Field(sa_type=ExactText)
    login: str = Field(sa_type=ExactText)
    address: str = Field(sa_type=ExactText)
    client: str = Field(sa_type=ExactText)
    labels: Any = Field(sa_type=ExactJson, nullable=False)
    recording: str = Field(sa_type=ExactText)
    imported_from: str = Field(sa_type=ExactText)
    started_at: datetime = Field(sa_type=UtcTime)
    ended_at: datetime | None = Field(sa_type=UtcTime, nullable=True, index=True)
    outcome: str = Field(sa_type=ExactText)
    commands: int = Field(sa_type=BIG)
    blocked: int = Field(sa_type=BIG)
    held: int = Field(sa_type=BIG)
    bytes_shown: int = Field(sa_type=BIG)
    masked: Any = Field(sa_type=ExactJson, nullable=True)
    seen_at: datetime | None = Field(sa_type=UtcTime, nullable=True)
    """When its gateway last said that it is alive."""
    home: str = Field(sa_type=ExactText, sa_column_kwargs={"server_default": ""})
    """The installation that it is, or was, open in."""


class ApprovalRecord(_Table, table=True):
    """A held operation and what became of it."""

    __tablename__ = "approvals"
    __table_args__ = (
        Index("ix_approvals_state_opened_at", "state", "opened_at"),
        Index("ix_approvals_state_expires_at", "state", "expires_at"),
        Index("ix_approvals_requester_opened_at", "requester", "opened_at", "state", "id"),
        Index("ix_approvals_shape_opened_at", "shape", "opened_at", "state", "id"),
        Index("ix_approvals_state_requester_shape", "state", "requester", "shape"),
    )

    id: str = Field(primary_key=True, sa_type=ExactText)
    session: str = Field(sa_type=ExactText, index=True)
    requester: str = Field(sa_type=ExactText)
    target: str = Field(sa_type=ExactText)
    verb: str = Field(sa_type=ExactText)
    text: str = Field(sa_type=ExactText)
    sha256: str = Field(sa_type=ExactText)
    rule: str = Field(sa_type=ExactText)
    reason: str = Field(sa_type=ExactText)
    approvers: Any = Field(sa_type=ExactJson, nullable=False)
    count: int
    opened_at: datetime = Field(sa_type=UtcTime, index=True)
    expires_at: datetime = Field(sa_type=UtcTime)
    state: str = Field(sa_type=ExactText, index=True)
    kind: str = Field(sa_type=ExactText, sa_column_kwargs={"server_default": "operation"})
    mode: str = Field(sa_type=ExactText, sa_column_kwargs={"server_default": "wait"})
    also: Any = Field(sa_type=ExactJson, nullable=False, sa_column_kwargs={"server_default": "[]"})
    then: Any = Field(sa_type=ExactJson, nullable=False, sa_column_kwargs={"server_default": "[]"})
    scopes: Any = Field(sa_type=ExactJson, nullable=False, sa_column_kwargs={"server_default": '["once"]'})
    requires: Any = Field(sa_type=ExactJson, nullable=False, sa_column_kwargs={"server_default": "[]"})
    shape: str = Field(sa_type=ExactText, sa_column_kwargs={"server_default": ""})
    version: int = Field(sa_column_kwargs={"server_default": "1"})
    revision: str = Field(sa_type=ExactText, sa_column_kwargs={"server_default": ""})
    risk: str = Field(sa_type=ExactText, sa_column_kwargs={"server_default": ""})
    facts: Any = Field(sa_type=ExactJson, nullable=False, sa_column_kwargs={"server_default": "{}"})
    answers: Any = Field(sa_type=ExactJson, nullable=False, sa_column_kwargs={"server_default": "{}"})
    claimed_by: str = Field(sa_type=ExactText, sa_column_kwargs={"server_default": ""})
    granted_scope: str = Field(sa_type=ExactText, sa_column_kwargs={"server_default": ""})
    break_glass: Any = Field(sa_type=ExactJson, nullable=True)
    revoked: Any = Field(sa_type=ExactJson, nullable=True)
    attachments: Any = Field(sa_type=ExactJson, nullable=True)
    amendment: Any = Field(sa_type=ExactJson, nullable=True)
    replaced_by: str = Field(sa_type=ExactText, sa_column_kwargs={"server_default": ""})
    replaces: str = Field(sa_type=ExactText, sa_column_kwargs={"server_default": ""})


class AskRecord(_Table, table=True):
    """Whom a held operation asks, now or later: how people find what waits for them. Gone once it is settled."""

    __tablename__ = "asks"
    __table_args__ = (Index("ix_asks_asked_expires_at", "asked", "expires_at"),)

    approval: str = Field(primary_key=True, sa_type=ExactText, foreign_key="approvals.id")
    asked: str = Field(primary_key=True, sa_type=ExactText)
    expires_at: datetime = Field(sa_type=UtcTime)


class RemarkRecord(_Table, table=True):
    """What somebody said of an approval beside a decision. `n` counts them, from 1."""

    __tablename__ = "remarks"

    approval: str = Field(primary_key=True, sa_type=ExactText, foreign_key="approvals.id")
    n: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    by: str = Field(sa_type=ExactText)
    name: str = Field(sa_type=ExactText)
    kind: str = Field(sa_type=ExactText)
    text: str = Field(sa_type=ExactText)
    at: datetime = Field(sa_type=UtcTime)


class ReviewRecord(_Table, table=True):
    """Somebody let their own operation through. Open while `verdict` is empty."""

    __tablename__ = "reviews"
    __table_args__ = (Index("ix_reviews_verdict_due_at", "verdict", "due_at"),)

    approval: str = Field(primary_key=True, sa_type=ExactText, foreign_key="approvals.id")
    by: str = Field(sa_type=ExactText)
    name: str = Field(sa_type=ExactText)
    reason: str = Field(sa_type=ExactText)
    opened_at: datetime = Field(sa_type=UtcTime)
    due_at: datetime = Field(sa_type=UtcTime)
    verdict: str = Field(sa_type=ExactText)
    signed_by: str = Field(sa_type=ExactText)
    signed_name: str = Field(sa_type=ExactText)
    signed_reason: str = Field(sa_type=ExactText)
    signed_at: datetime | None = Field(sa_type=UtcTime, nullable=True)


class GrantRecord(_Table, table=True):
    """What an approval lets through beside the operation that it was about."""

    __tablename__ = "grants"
    __table_args__ = (Index("ix_grants_person_target", "person", "target"),)

    id: str = Field(primary_key=True, sa_type=ExactText, foreign_key="approvals.id")
    person: str = Field(sa_type=ExactText)
    target: str = Field(sa_type=ExactText)
    rule: str = Field(sa_type=ExactText)
    kind: str = Field(sa_type=ExactText)
    key: str = Field(sa_type=ExactText)
    opened_at: datetime = Field(sa_type=UtcTime)
    expires_at: datetime = Field(sa_type=UtcTime)
    runs_left: int | None = Field(sa_type=BIG, nullable=True)
    ended: str = Field(sa_type=ExactText)


class DecisionRecord(_Table, table=True):
    """One person's word on an approval. The key makes it their only one."""

    __tablename__ = "decisions"

    approval: str = Field(primary_key=True, sa_type=ExactText, foreign_key="approvals.id")
    by: str = Field(primary_key=True, sa_type=ExactText)
    granted: bool
    reason: str = Field(sa_type=ExactText)
    at: datetime = Field(sa_type=UtcTime)
    name: str = Field(sa_type=ExactText, sa_column_kwargs={"server_default": ""})
    groups: Any = Field(sa_type=ExactJson, nullable=True)
    scope: str = Field(sa_type=ExactText, sa_column_kwargs={"server_default": "once"})


class TokenRecord(_Table, table=True):
    """A token: the digest of its secret, never the secret."""

    __tablename__ = "tokens"

    id: str = Field(primary_key=True, sa_type=ExactText)
    digest: str = Field(sa_type=ExactText)
    person: str = Field(sa_type=ExactText, index=True)
    roles: Any = Field(sa_type=ExactJson, nullable=False)
    created_at: datetime = Field(sa_type=UtcTime)
    expires_at: datetime | None = Field(sa_type=UtcTime, nullable=True)
    revoked: bool
    kind: str = Field(sa_type=ExactText, sa_column_kwargs={"server_default": "api"})
    target: str = Field(sa_type=ExactText, sa_column_kwargs={"server_default": ""})
    label: str = Field(sa_type=ExactText, sa_column_kwargs={"server_default": ""})
    parent: str = Field(sa_type=ExactText, sa_column_kwargs={"server_default": ""})
    created_by: str = Field(sa_type=ExactText, sa_column_kwargs={"server_default": ""})
    used_at: datetime | None = Field(sa_type=UtcTime, nullable=True)


class PersonRecord(_Table, table=True):
    """Somebody whom an identity provider vouches for. `folded` is their name in one case only: nobody shares it."""

    __tablename__ = "people"

    id: str = Field(primary_key=True, sa_type=ExactText)
    issuer: str = Field(sa_type=ExactText)
    subject: str = Field(sa_type=ExactText)
    name: str = Field(sa_type=ExactText)
    folded: str = Field(sa_type=ExactText, unique=True)
    groups: Any = Field(sa_type=ExactJson, nullable=False)
    created_at: datetime = Field(sa_type=UtcTime)
    checked_at: datetime = Field(sa_type=UtcTime)
    sealed: bytes = Field(sa_type=LargeBinary)
    gone: bool


class NameRecord(_Table, table=True):
    """Whose a name is or was, in one case only: rules know people by it, so nobody else gets it by themselves."""

    __tablename__ = "names"

    folded: str = Field(primary_key=True, sa_type=ExactText)
    person: str = Field(sa_type=ExactText, index=True)


class LockRecord(_Table, table=True):
    """Somebody who may not come in."""

    __tablename__ = "locks"

    person: str = Field(primary_key=True, sa_type=ExactText)
    at: datetime = Field(sa_type=UtcTime)
    by: str = Field(sa_type=ExactText)
    reason: str = Field(sa_type=ExactText)


class CertificateRecord(_Table, table=True):
    """An SSH certificate that was signed for somebody."""

    __tablename__ = "certificates"

    serial: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    person: str = Field(sa_type=ExactText, index=True)
    fingerprint: str = Field(sa_type=ExactText)
    issued_at: datetime = Field(sa_type=UtcTime)
    expires_at: datetime = Field(sa_type=UtcTime)
    address: str = Field(sa_type=ExactText)
    token: str = Field(sa_type=ExactText)
    revoked: bool


class PasswordRecord(_Table, table=True):
    """How somebody signs in without a provider."""

    __tablename__ = "passwords"

    person: str = Field(primary_key=True, sa_type=ExactText)
    phc: str = Field(sa_type=ExactText)
    changed_at: datetime = Field(sa_type=UtcTime)
    totp: bytes = Field(sa_type=LargeBinary)
    last_step: int = Field(sa_type=BIG)


class PolicyRecord(_Table, table=True):
    """A policy that was in force: its texts, once for each."""

    __tablename__ = "policies"

    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    revision: str = Field(sa_type=ExactText)
    sha256: str = Field(sa_type=ExactText, unique=True)
    documents: Any = Field(sa_type=ExactJson, nullable=False)
    rules: int
    since: datetime = Field(sa_type=UtcTime)
    gateway: str = Field(sa_type=ExactText)
    loaded_at: datetime = Field(sa_type=UtcTime)


class OutboxRecord(_Table, table=True):
    """A notice for one receiver: `waiting`, `sent` or `failed`. What is finished stays a while, so that it is not
    posted again."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_state_receiver_due_at", "state", "receiver", "due_at"),
        Index("ix_outbox_state_receiver_thread", "state", "receiver", "thread", "entry"),
    )

    receiver: str = Field(primary_key=True, sa_type=ExactText)
    notice: str = Field(primary_key=True, sa_type=ExactText)
    entry: int = Field(sa_type=BIG)
    thread: str = Field(sa_type=ExactText)
    body: Any = Field(sa_type=ExactJson, nullable=False)
    state: str = Field(sa_type=ExactText)
    attempts: int
    posted_at: datetime = Field(sa_type=UtcTime)
    due_at: datetime = Field(sa_type=UtcTime)
    claim: str = Field(sa_type=ExactText)
    claimed_until: datetime | None = Field(sa_type=UtcTime, nullable=True)
    done_at: datetime | None = Field(sa_type=UtcTime, nullable=True)
    problem: str = Field(sa_type=ExactText)


HEAD = METADATA.tables["head"]
ENTRIES = METADATA.tables["entries"]
SESSIONS = METADATA.tables["sessions"]
APPROVALS = METADATA.tables["approvals"]
DECISIONS = METADATA.tables["decisions"]
ASKS = METADATA.tables["asks"]
REMARKS = METADATA.tables["remarks"]
REVIEWS = METADATA.tables["reviews"]
GRANTS = METADATA.tables["grants"]
TOKENS = METADATA.tables["tokens"]
PEOPLE = METADATA.tables["people"]
NAMES = METADATA.tables["names"]
LOCKS = METADATA.tables["locks"]
CERTIFICATES = METADATA.tables["certificates"]
PASSWORDS = METADATA.tables["passwords"]
POLICIES = METADATA.tables["policies"]
OUTBOX = METADATA.tables["outbox"]
