"""Find a user's live sessions in the order of their logins.

Revision 6e2b94f0c1d7, after c07f3e5a91d2, written 2026-11-28.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "6e2b94f0c1d7"
down_revision: str | Sequence[str] | None = "c07f3e5a91d2"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

TABLE = "gatepost_sessions"
BY_ID = "ix_gatepost_sessions_user_id_id"
BY_LOGIN = "ix_gatepost_sessions_user_id_ended_at_created_at_id"


def upgrade() -> None:
    # In this order: on MariaDB the foreign key needs one of them.
    op.create_index(op.f(BY_LOGIN), TABLE, ["user_id", "ended_at", "created_at", "id"])
    op.drop_index(op.f(BY_ID), TABLE)


def downgrade() -> None:
    op.create_index(op.f(BY_ID), TABLE, ["user_id", "id"])
    op.drop_index(op.f(BY_LOGIN), TABLE)
