"""The tables. `entries` is the ledger itself; the others are derived from it, or watched over by it.

A change here needs a new migration (`migrations/versions`) and a new name in `schema.REVISIONS`; a test compares
both.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
)
from sqlalchemy.types import TypeEngine

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


def _column(
    name: str,
    kind: type[TypeEngine[Any]] | TypeEngine[Any],
    *more: ForeignKey,
    nullable: bool = False,
    **options: Any,
) -> Column[Any]:
    """Never null unless it says so."""
    return Column(name, kind, *more, nullable=nullable, **options)


def _text(name: str, *more: ForeignKey, **options: Any) -> Column[Any]:
    return _column(name, ExactText, *more, **options)


def _json(name: str, **options: Any) -> Column[Any]:
    return _column(name, ExactJson, **options)


def _time(name: str, **options: Any) -> Column[Any]:
    return _column(name, UtcTime, **options)


def _big(name: str, **options: Any) -> Column[Any]:
    return _column(name, BIG, **options)


HEAD = Table(
    "head",
    METADATA,
    _column("id", Integer, primary_key=True, autoincrement=False),
    _big("seq"),
    # How often anything has changed about who may come in.
    _big("people", server_default="0"),
    # The number of the last entry that was looked at for notices. None: none ever was.
    _big("noticed", nullable=True),
)
"""One row. Whoever writes to the ledger locks it first, so sequence numbers are given out in commit order."""

ENTRIES = Table(
    "entries",
    METADATA,
    _big("seq", primary_key=True, autoincrement=False),
    _time("at"),
    _text("name"),
    _text("session", index=True),
    _text("actor"),
    _json("body"),
)
"""One event. Never changed, never deleted by us."""

SESSIONS = Table(
    "sessions",
    METADATA,
    _text("id", primary_key=True),
    _big("opened", index=True),
    _text("gateway"),
    _text("person", index=True),
    _text("target", index=True),
    _text("kind"),
    _text("login"),
    _text("address"),
    _text("client"),
    _json("labels"),
    _text("recording"),
    _text("imported_from"),
    _time("started_at"),
    _time("ended_at", nullable=True, index=True),
    _text("outcome"),
    _big("commands"),
    _big("blocked"),
    _big("held"),
    _big("bytes_shown"),
    _json("masked", nullable=True),
    # When its gateway last said that it is alive.
    _time("seen_at", nullable=True),
    # The installation that it is, or was, open in.
    _text("home", server_default=""),
)
"""A session, derived from its entries. `opened` is the number of its first one."""

APPROVALS = Table(
    "approvals",
    METADATA,
    _text("id", primary_key=True),
    _text("session", index=True),
    _text("requester"),
    _text("target"),
    _text("verb"),
    _text("text"),
    _text("sha256"),
    _text("rule"),
    _text("reason"),
    _json("approvers"),
    _column("count", Integer),
    _time("opened_at", index=True),
    _time("expires_at"),
    _text("state", index=True),
    _text("kind", server_default="operation"),
    _text("mode", server_default="wait"),
    _json("also", server_default="[]"),
    _json("then", server_default="[]"),
    _json("scopes", server_default='["once"]'),
    _json("requires", server_default="[]"),
    _text("shape", server_default=""),
    _column("version", Integer, server_default="1"),
    _text("revision", server_default=""),
    _text("risk", server_default=""),
    _json("facts", server_default="{}"),
    _json("answers", server_default="{}"),
    _text("claimed_by", server_default=""),
    _text("granted_scope", server_default=""),
    _json("break_glass", nullable=True),
    _json("revoked", nullable=True),
    _json("attachments", nullable=True),
    _json("amendment", nullable=True),
    _text("replaced_by", server_default=""),
    _text("replaces", server_default=""),
    Index("ix_approvals_state_opened_at", "state", "opened_at"),
    Index("ix_approvals_state_expires_at", "state", "expires_at"),
    Index("ix_approvals_requester_opened_at", "requester", "opened_at", "state", "id"),
    Index("ix_approvals_shape_opened_at", "shape", "opened_at", "state", "id"),
    Index("ix_approvals_state_requester_shape", "state", "requester", "shape"),
)
"""A held operation and what became of it."""

ASKS = Table(
    "asks",
    METADATA,
    _text("approval", ForeignKey("approvals.id"), primary_key=True),
    _text("asked", primary_key=True),
    _time("expires_at"),
    Index("ix_asks_asked_expires_at", "asked", "expires_at"),
)
"""Whom a held operation asks, now or later: how people find what waits for them. Gone once it is settled."""

REMARKS = Table(
    "remarks",
    METADATA,
    _text("approval", ForeignKey("approvals.id"), primary_key=True),
    _column("n", Integer, primary_key=True, autoincrement=False),
    _text("by"),
    _text("name"),
    _text("kind"),
    _text("text"),
    _time("at"),
)
"""What somebody said of an approval beside a decision. `n` counts them, from 1."""

REVIEWS = Table(
    "reviews",
    METADATA,
    _text("approval", ForeignKey("approvals.id"), primary_key=True),
    _text("by"),
    _text("name"),
    _text("reason"),
    _time("opened_at"),
    _time("due_at"),
    _text("verdict"),
    _text("signed_by"),
    _text("signed_name"),
    _text("signed_reason"),
    _time("signed_at", nullable=True),
    Index("ix_reviews_verdict_due_at", "verdict", "due_at"),
)
"""Somebody let their own operation through. Open while `verdict` is empty."""

GRANTS = Table(
    "grants",
    METADATA,
    _text("id", ForeignKey("approvals.id"), primary_key=True),
    _text("person"),
    _text("target"),
    _text("rule"),
    _text("kind"),
    _text("key"),
    _time("opened_at"),
    _time("expires_at"),
    _big("runs_left", nullable=True),
    _text("ended"),
    Index("ix_grants_person_target", "person", "target"),
)
"""What an approval lets through beside the operation that it was about."""

DECISIONS = Table(
    "decisions",
    METADATA,
    _text("approval", ForeignKey("approvals.id"), primary_key=True),
    _text("by", primary_key=True),
    _column("granted", Boolean),
    _text("reason"),
    _time("at"),
    _text("name", server_default=""),
    _json("groups", nullable=True),
    _text("scope", server_default="once"),
)
"""One person's word on an approval. The key makes it their only one."""

TOKENS = Table(
    "tokens",
    METADATA,
    _text("id", primary_key=True),
    _text("digest"),
    _text("person", index=True),
    _json("roles"),
    _time("created_at"),
    _time("expires_at", nullable=True),
    _column("revoked", Boolean),
    _text("kind", server_default="api"),
    _text("target", server_default=""),
    _text("label", server_default=""),
    _text("parent", server_default=""),
    _text("created_by", server_default=""),
    _time("used_at", nullable=True),
)
"""A token: the digest of its secret, never the secret."""

PEOPLE = Table(
    "people",
    METADATA,
    _text("id", primary_key=True),
    _text("issuer"),
    _text("subject"),
    _text("name"),
    _text("folded", unique=True),
    _json("groups"),
    _time("created_at"),
    _time("checked_at"),
    _column("sealed", LargeBinary),
    _column("gone", Boolean),
)
"""Somebody whom an identity provider vouches for. `folded` is their name in one case only: nobody shares it."""

NAMES = Table(
    "names",
    METADATA,
    _text("folded", primary_key=True),
    _text("person", index=True),
)
"""Whose a name is or was, in one case only: rules know people by it, so nobody else gets it by themselves."""

LOCKS = Table(
    "locks",
    METADATA,
    _text("person", primary_key=True),
    _time("at"),
    _text("by"),
    _text("reason"),
)
"""Somebody who may not come in."""

CERTIFICATES = Table(
    "certificates",
    METADATA,
    _column("serial", BigInteger, primary_key=True, autoincrement=False),
    _text("person", index=True),
    _text("fingerprint"),
    _time("issued_at"),
    _time("expires_at"),
    _text("address"),
    _text("token"),
    _column("revoked", Boolean),
)
"""An SSH certificate that was signed for somebody."""

PASSWORDS = Table(
    "passwords",
    METADATA,
    _text("person", primary_key=True),
    _text("phc"),
    _time("changed_at"),
    _column("totp", LargeBinary),
    _big("last_step"),
)
"""How somebody signs in without a provider."""

POLICIES = Table(
    "policies",
    METADATA,
    _column("number", Integer, primary_key=True, autoincrement=False),
    _text("revision"),
    _text("sha256", unique=True),
    _json("documents"),
    _column("rules", Integer),
    _time("since"),
    _text("gateway"),
    _time("loaded_at"),
)
"""A policy that was in force: its texts, once for each."""

OUTBOX = Table(
    "outbox",
    METADATA,
    _text("receiver", primary_key=True),
    _text("notice", primary_key=True),
    _big("entry"),
    _text("thread"),
    _json("body"),
    _text("state"),
    _column("attempts", Integer),
    _time("posted_at"),
    _time("due_at"),
    _text("claim"),
    _time("claimed_until", nullable=True),
    _time("done_at", nullable=True),
    _text("problem"),
    Index("ix_outbox_state_receiver_due_at", "state", "receiver", "due_at"),
    Index("ix_outbox_state_receiver_thread", "state", "receiver", "thread", "entry"),
)
"""A notice for one receiver: `waiting`, `sent` or `failed`. What is finished stays a while, so that it is not
    posted again."""
