"""Notices that wait to be sent, and up to which entry notices were made."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
JSON = sa.Text()
TIME = sa.DateTime(timezone=True)
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Nothing that happened before becomes a notice."""
    op.add_column("head", sa.Column("noticed", BIG, nullable=True))
    op.create_table(
        "outbox",
        *(sa.Column(name, TEXT, nullable=False) for name in ("receiver", "notice")),
        sa.Column("entry", BIG, nullable=False),
        sa.Column("thread", TEXT, nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        *(sa.Column(name, TIME, nullable=False) for name in ("posted_at", "due_at")),
        sa.Column("claim", TEXT, nullable=False),
        *(sa.Column(name, TIME, nullable=True) for name in ("claimed_until", "done_at")),
        sa.Column("problem", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("receiver", "notice", name="pk_outbox"),
    )
    op.create_index("ix_outbox_state_receiver_due_at", "outbox", ["state", "receiver", "due_at"])
    op.create_index("ix_outbox_state_receiver_thread", "outbox", ["state", "receiver", "thread", "entry"])
