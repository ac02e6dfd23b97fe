"""Policies that were in force: numbered, hashed, and with their texts."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
JSON = sa.Text()
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Those from before are not known: the ledger has only what they were called."""
    op.create_table(
        "policies",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("revision", TEXT, nullable=False),
        sa.Column("sha256", TEXT, nullable=False),
        sa.Column("documents", JSON, nullable=False),
        sa.Column("rules", sa.Integer(), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("gateway", TEXT, nullable=False),
        sa.Column("loaded_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_policies"),
        sa.UniqueConstraint("sha256", name="uq_policies_sha256"),
    )
