"""Remember how a session was proved.

Revision 5d1e9b7c40fa, after c07f3e5a91d2, written 2026-11-29.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "5d1e9b7c40fa"
down_revision: str | Sequence[str] | None = "c07f3e5a91d2"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

SESSIONS = "gatepost_sessions"


def upgrade() -> None:
    op.add_column(SESSIONS, sa.Column("amr", sa.String(128), nullable=True))
    op.add_column(SESSIONS, sa.Column("acr", sa.String(32), nullable=True))
    op.add_column(SESSIONS, sa.Column("client_id", sa.String(255), nullable=True))


def downgrade() -> None:
    op.drop_column(SESSIONS, "client_id")
    op.drop_column(SESSIONS, "acr")
    op.drop_column(SESSIONS, "amr")
