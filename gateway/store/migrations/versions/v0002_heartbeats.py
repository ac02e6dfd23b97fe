"""When a session was last known to be alive, and by which installation: to tell a lost one from a live one."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Sessions from before were last seen when they began, as far as anybody can tell."""
    op.add_column("sessions", sa.Column("seen_at", TIME, nullable=True))
    op.add_column("sessions", sa.Column("home", TEXT, nullable=False, server_default=""))
    op.execute("UPDATE sessions SET seen_at = started_at")
