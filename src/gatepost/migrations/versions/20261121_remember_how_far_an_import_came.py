"""Remember how far an import of users has come.

Revision 5d0c2be7a914, after b240576ea3c4, written 2026-11-21.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from gatepost.db.base import UtcDateTime

revision: str = "5d0c2be7a914"
down_revision: str | Sequence[str] | None = "b240576ea3c4"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "user_imports",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column(
            "key",
            sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("begun_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("made", sa.BigInteger(), nullable=False),
        sa.Column("already_there", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.JSON(), nullable=False),
        sa.Column("rejects_size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_imports")),
        sa.UniqueConstraint("key", name=op.f("uq_user_imports_key")),
        sqlite_autoincrement=True,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )


def downgrade() -> None:
    op.drop_table("user_imports")
