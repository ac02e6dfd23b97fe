"""Files that a held command runs, kept with it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Nothing that was asked before has any."""
    op.add_column("approvals", sa.Column("attachments", sa.Text(), nullable=True))
