"""Other texts that were proposed, and which request took the place of which."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Nobody has proposed anything before."""
    op.add_column("approvals", sa.Column("amendment", sa.Text(), nullable=True))
    for name in ("replaced_by", "replaces"):
        op.add_column("approvals", sa.Column(name, TEXT, nullable=False, server_default=""))
