"""The ledger, its head, and what is derived from it: sessions, approvals, decisions, tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
JSON = sa.Text()
TIME = sa.DateTime(timezone=True)
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the first tables."""
    head = op.create_table(
        "head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_head"),
    )
    op.bulk_insert(head, [{"id": 1, "seq": 0}])
    _entries()
    _sessions()
    _approvals()
    _tokens()


def _entries() -> None:
    op.create_table(
        "entries",
        sa.Column("seq", BIG, autoincrement=False, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("session", TEXT, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_entries"),
    )
    op.create_index("ix_entries_session", "entries", ["session"])


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("opened", BIG, nullable=False),
        sa.Column("gateway", TEXT, nullable=False),
        sa.Column("person", TEXT, nullable=False),
        sa.Column("target", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("login", TEXT, nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.Column("client", TEXT, nullable=False),
        sa.Column("labels", JSON, nullable=False),
        sa.Column("recording", TEXT, nullable=False),
        sa.Column("imported_from", TEXT, nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("outcome", TEXT, nullable=False),
        sa.Column("commands", BIG, nullable=False),
        sa.Column("blocked", BIG, nullable=False),
        sa.Column("held", BIG, nullable=False),
        sa.Column("bytes_shown", BIG, nullable=False),
        sa.Column("masked", JSON, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
    )
    for column in ("opened", "person", "target", "ended_at"):
        op.create_index(f"ix_sessions_{column}", "sessions", [column])


def _approvals() -> None:
    op.create_table(
        "approvals",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("session", TEXT, nullable=False),
        sa.Column("requester", TEXT, nullable=False),
        sa.Column("target", TEXT, nullable=False),
        sa.Column("verb", TEXT, nullable=False),
        sa.Column("text", TEXT, nullable=False),
        sa.Column("sha256", TEXT, nullable=False),
        sa.Column("rule", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("approvers", JSON, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_approvals"),
    )
    for column in ("session", "opened_at", "state"):
        op.create_index(f"ix_approvals_{column}", "approvals", [column])
    op.create_table(
        "decisions",
        sa.Column("approval", TEXT, nullable=False),
        sa.Column("by", TEXT, nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("approval", "by", name="pk_decisions"),
        sa.ForeignKeyConstraint(["approval"], ["approvals.id"], name="fk_decisions_approval"),
    )


def _tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("person", TEXT, nullable=False),
        sa.Column("roles", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=True),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
    )
