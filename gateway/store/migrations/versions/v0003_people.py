"""Who is known, and by what: people of providers, locks, certificates, passwords; tokens of several kinds."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
JSON = sa.Text()
TIME = sa.DateTime(timezone=True)
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Tokens from before were all made by operators."""
    op.add_column("head", sa.Column("people", BIG, nullable=False, server_default="0"))
    op.add_column("tokens", sa.Column("kind", TEXT, nullable=False, server_default="api"))
    for name in ("target", "label", "parent", "created_by"):
        op.add_column("tokens", sa.Column(name, TEXT, nullable=False, server_default=""))
    op.add_column("tokens", sa.Column("used_at", TIME, nullable=True))
    op.create_index("ix_tokens_person", "tokens", ["person"])
    _people()
    _certificates()
    _passwords()


def _people() -> None:
    op.create_table(
        "people",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("issuer", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("folded", TEXT, nullable=False),
        sa.Column("groups", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("checked_at", TIME, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_people"),
        sa.UniqueConstraint("folded", name="uq_people_folded"),
    )
    op.create_table(
        "names",
        sa.Column("folded", TEXT, nullable=False),
        sa.Column("person", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("folded", name="pk_names"),
    )
    op.create_index("ix_names_person", "names", ["person"])
    op.create_table(
        "locks",
        sa.Column("person", TEXT, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("by", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("person", name="pk_locks"),
    )


def _certificates() -> None:
    op.create_table(
        "certificates",
        sa.Column("serial", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person", TEXT, nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("issued_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.Column("token", TEXT, nullable=False),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("serial", name="pk_certificates"),
    )
    op.create_index("ix_certificates_person", "certificates", ["person"])


def _passwords() -> None:
    op.create_table(
        "passwords",
        sa.Column("person", TEXT, nullable=False),
        sa.Column("phc", TEXT, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.Column("totp", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", BIG, nullable=False),
        sa.PrimaryKeyConstraint("person", name="pk_passwords"),
    )
