"""Requests as people meet them: quorums, scopes, remarks, answers, grants; and indexes for long queues."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
JSON = sa.Text()
TIME = sa.DateTime(timezone=True)
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """What was held before asks whom it asked."""
    _approvals()
    _remarks()
    _grants()
    _asks()


def _approvals() -> None:
    texts = {"kind": "operation", "mode": "wait", "shape": "", "revision": "", "risk": "", "claimed_by": ""}
    for name, default in {**texts, "granted_scope": ""}.items():
        op.add_column("approvals", sa.Column(name, TEXT, nullable=False, server_default=default))
    lists = {
        "also": "[]",
        "then": "[]",
        "scopes": '["once"]',
        "requires": "[]",
        "facts": "{}",
        "answers": "{}",
    }
    for name, default in lists.items():
        op.add_column("approvals", sa.Column(name, JSON, nullable=False, server_default=default))
    op.add_column("approvals", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.create_index("ix_approvals_state_opened_at", "approvals", ["state", "opened_at"])
    op.create_index("ix_approvals_state_expires_at", "approvals", ["state", "expires_at"])
    op.create_index("ix_approvals_requester_opened_at", "approvals", ["requester", "opened_at"])
    op.add_column("decisions", sa.Column("name", TEXT, nullable=False, server_default=""))
    op.add_column("decisions", sa.Column("groups", JSON, nullable=True))
    op.add_column("decisions", sa.Column("scope", TEXT, nullable=False, server_default="once"))


def _remarks() -> None:
    op.create_table(
        "remarks",
        sa.Column("approval", TEXT, nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("by", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("text", TEXT, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("approval", "n", name="pk_remarks"),
        sa.ForeignKeyConstraint(["approval"], ["approvals.id"], name="fk_remarks_approval"),
    )


def _grants() -> None:
    op.create_table(
        "grants",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("person", TEXT, nullable=False),
        sa.Column("target", TEXT, nullable=False),
        sa.Column("rule", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("runs_left", BIG, nullable=True),
        sa.Column("ended", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_grants"),
        sa.ForeignKeyConstraint(["id"], ["approvals.id"], name="fk_grants_id"),
    )
    op.create_index("ix_grants_person_target", "grants", ["person", "target"])


def _asks() -> None:
    asks = op.create_table(
        "asks",
        sa.Column("approval", TEXT, nullable=False),
        sa.Column("asked", TEXT, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("approval", "asked", name="pk_asks"),
        sa.ForeignKeyConstraint(["approval"], ["approvals.id"], name="fk_asks_approval"),
    )
    op.create_index("ix_asks_asked_expires_at", "asks", ["asked", "expires_at"])
    query = sa.text("SELECT id, approvers, expires_at FROM approvals WHERE state = 'held'")
    held = query.columns(id=sa.Text(), approvers=sa.Text(), expires_at=TIME)
    rows = [
        {"approval": row.id, "asked": group, "expires_at": row.expires_at}
        for row in op.get_bind().execute(held)
        for group in json.loads(row.approvers)
    ]
    if rows:
        op.bulk_insert(asks, rows)
