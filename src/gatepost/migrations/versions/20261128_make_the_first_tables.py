"""Make the first tables.

Revision c07f3e5a91d2, the first, written 2026-11-28.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from gatepost.db.base import UtcDateTime

revision: str = "c07f3e5a91d2"
down_revision: str | Sequence[str] | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

TABLES = (
    "audit_events",
    "audit_heads",
    "signing_keys",
    "users",
    "sessions",
    "items",
    "idempotent_answers",
    "stored_entries",
    "user_imports",
)

# No id is given twice, and texts that differ at all are different.
OPTIONS: dict[str, Any] = {
    "sqlite_autoincrement": True,
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mysql_row_format": "DYNAMIC",
}


def upgrade() -> None:
    make_audit_events()
    make_audit_heads()
    make_signing_keys()
    make_users()
    make_sessions()
    make_items()
    make_idempotent_answers()
    make_stored_entries()
    make_user_imports()


def downgrade() -> None:
    # Indexes go with their tables; MariaDB refuses to drop one that a foreign key uses.
    for table in reversed(TABLES):
        op.drop_table(f"gatepost_{table}")


def make_audit_events() -> None:
    op.create_table(
        "gatepost_audit_events",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("session_id", sa.BigInteger(), nullable=True),
        sa.Column("method", sa.String(32), nullable=True),
        sa.Column("address", sa.String(64), nullable=True),
        sa.Column("user_agent", sa.String(255), nullable=True),
        sa.Column("request_id", sa.String(128), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("key_id", key(16), nullable=False),
        sa.Column("mac", key(64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("hash", key(64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gatepost_audit_events")),
        sa.UniqueConstraint("mac", name=op.f("uq_gatepost_audit_events_mac")),
        sa.UniqueConstraint("position", name=op.f("uq_gatepost_audit_events_position")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_gatepost_audit_events_at_id"), "gatepost_audit_events", ["at", "id"])
    op.create_index(
        op.f("ix_gatepost_audit_events_event_at_id"), "gatepost_audit_events", ["event", "at", "id"]
    )
    op.create_index(
        op.f("ix_gatepost_audit_events_user_id_at_id"),
        "gatepost_audit_events",
        ["user_id", "at", "id"],
    )


def make_audit_heads() -> None:
    op.create_table(
        "gatepost_audit_heads",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("key_id", key(16), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("hash", key(64), nullable=False),
        sa.Column("purged_position", sa.BigInteger(), nullable=False),
        sa.Column("purged_hash", key(64), nullable=False),
        sa.Column("rekeyed_position", sa.BigInteger(), nullable=False),
        sa.Column("mac", key(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gatepost_audit_heads")),
        **OPTIONS,
    )


def make_signing_keys() -> None:
    op.create_table(
        "gatepost_signing_keys",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("kid", sa.String(64), nullable=False),
        sa.Column("algorithm", sa.String(16), nullable=False),
        sa.Column("encrypted_private_key", sa.LargeBinary(8192), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("retires_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gatepost_signing_keys")),
        sa.UniqueConstraint("kid", name=op.f("uq_gatepost_signing_keys_kid")),
        **OPTIONS,
    )


def make_users() -> None:
    op.create_table(
        "gatepost_users",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("email_key", key(320), nullable=False),
        sa.Column("username", sa.String(64), nullable=True),
        sa.Column("username_key", key(64), nullable=True),
        sa.Column("full_name", sa.String(200), nullable=True),
        sa.Column("password_hash", sa.String(512), nullable=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("email_verified", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("password_changed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gatepost_users")),
        sa.UniqueConstraint("email_key", name=op.f("uq_gatepost_users_email_key")),
        sa.UniqueConstraint("username_key", name=op.f("uq_gatepost_users_username_key")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_gatepost_users_is_active_id"), "gatepost_users", ["is_active", "id"])
    op.create_index(op.f("ix_gatepost_users_role_id"), "gatepost_users", ["role", "id"])


def make_sessions() -> None:
    op.create_table(
        "gatepost_sessions",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("method", sa.String(32), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("authenticated_at", UtcDateTime(), nullable=False),
        sa.Column("renewed_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("absolute_expires_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("address", sa.String(64), nullable=True),
        sa.Column("user_agent", sa.String(255), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["gatepost_users.id"],
            name=op.f("fk_gatepost_sessions_user_id_gatepost_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gatepost_sessions")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_gatepost_sessions_ended_at"), "gatepost_sessions", ["ended_at"])
    op.create_index(op.f("ix_gatepost_sessions_expires_at"), "gatepost_sessions", ["expires_at"])
    op.create_index(
        op.f("ix_gatepost_sessions_user_id_ended_at_created_at_id"),
        "gatepost_sessions",
        ["user_id", "ended_at", "created_at", "id"],
    )


def make_items() -> None:
    op.create_table(
        "gatepost_items",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"],
            ["gatepost_users.id"],
            name=op.f("fk_gatepost_items_owner_id_gatepost_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gatepost_items")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_gatepost_items_owner_id_id"), "gatepost_items", ["owner_id", "id"])


def make_idempotent_answers() -> None:
    op.create_table(
        "gatepost_idempotent_answers",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("attempt", key(64), nullable=False),
        sa.Column("fingerprint", key(64), nullable=False),
        sa.Column("encrypted_answer", sa.LargeBinary(2**24 - 1), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gatepost_idempotent_answers")),
        sa.UniqueConstraint("attempt", name=op.f("uq_gatepost_idempotent_answers_attempt")),
        **OPTIONS,
    )
    op.create_index(
        op.f("ix_gatepost_idempotent_answers_created_at"),
        "gatepost_idempotent_answers",
        ["created_at"],
    )


def make_stored_entries() -> None:
    op.create_table(
        "gatepost_stored_entries",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("key", key(160), nullable=False),
        sa.Column("value", sa.LargeBinary(65535), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gatepost_stored_entries")),
        sa.UniqueConstraint("key", name=op.f("uq_gatepost_stored_entries_key")),
        **OPTIONS,
    )
    op.create_index(
        op.f("ix_gatepost_stored_entries_expires_at"), "gatepost_stored_entries", ["expires_at"]
    )


def make_user_imports() -> None:
    op.create_table(
        "gatepost_user_imports",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("key", key(64), nullable=False),
        sa.Column("begun_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("made", sa.BigInteger(), nullable=False),
        sa.Column("already_there", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.JSON(), nullable=False),
        sa.Column("rejects_size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gatepost_user_imports")),
        sa.UniqueConstraint("key", name=op.f("uq_gatepost_user_imports_key")),
        **OPTIONS,
    )


def key(length: int) -> sa.types.TypeEngine[str]:
    """A text that is compared and sorted by its code points on every database."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")
