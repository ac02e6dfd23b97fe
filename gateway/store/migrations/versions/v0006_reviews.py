"""Reviews of broken glass, what was revoked, and indexes for what is counted of earlier requests."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
JSON = sa.Text()
TIME = sa.DateTime(timezone=True)
SIGNED = ("verdict", "signed_by", "signed_name", "signed_reason")


def upgrade() -> None:
    """Nothing that was asked before has a glass, and nothing was revoked."""
    op.add_column("approvals", sa.Column("break_glass", JSON, nullable=True))
    op.add_column("approvals", sa.Column("revoked", JSON, nullable=True))
    op.drop_index("ix_approvals_requester_opened_at", "approvals")
    for name in ("requester", "shape"):
        op.create_index(f"ix_approvals_{name}_opened_at", "approvals", [name, "opened_at", "state", "id"])
    op.create_index("ix_approvals_state_requester_shape", "approvals", ["state", "requester", "shape"])
    op.create_table(
        "reviews",
        sa.Column("approval", TEXT, nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ("by", "name", "reason")),
        *(sa.Column(name, TIME, nullable=False) for name in ("opened_at", "due_at")),
        *(sa.Column(name, TEXT, nullable=False) for name in SIGNED),
        sa.Column("signed_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("approval", name="pk_reviews"),
        sa.ForeignKeyConstraint(["approval"], ["approvals.id"], name="fk_reviews_approval"),
    )
    op.create_index("ix_reviews_verdict_due_at", "reviews", ["verdict", "due_at"])
