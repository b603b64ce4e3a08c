"""Make the first tables.

Revision b240576ea3c4, the first, written 2026-11-21.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from gatepost.db.base import UtcDateTime

revision: str = "b240576ea3c4"
down_revision: str | Sequence[str] | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# No id is given twice, and texts that differ at all are different.
OPTIONS: dict[str, Any] = {
    "sqlite_autoincrement": True,
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
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


def downgrade() -> None:
    # Indexes go with their tables; MariaDB would not let go of one that a foreign key uses.
    op.drop_table("stored_entries")
    op.drop_table("idempotent_answers")
    for table in ("items", "sessions", "users", "signing_keys", "audit_heads", "audit_events"):
        op.drop_table(table)


def make_audit_events() -> None:
    op.create_table(
        "audit_events",
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
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
        sa.UniqueConstraint("mac", name=op.f("uq_audit_events_mac")),
        sa.UniqueConstraint("position", name=op.f("uq_audit_events_position")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_audit_events_at_id"), "audit_events", ["at", "id"])
    op.create_index(op.f("ix_audit_events_event_at_id"), "audit_events", ["event", "at", "id"])
    op.create_index(op.f("ix_audit_events_user_id_at_id"), "audit_events", ["user_id", "at", "id"])


def make_audit_heads() -> None:
    op.create_table(
        "audit_heads",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("key_id", key(16), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("hash", key(64), nullable=False),
        sa.Column("purged_position", sa.BigInteger(), nullable=False),
        sa.Column("purged_hash", key(64), nullable=False),
        sa.Column("rekeyed_position", sa.BigInteger(), nullable=False),
        sa.Column("mac", key(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_heads")),
        **OPTIONS,
    )


def make_signing_keys() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("kid", sa.String(64), nullable=False),
        sa.Column("algorithm", sa.String(16), nullable=False),
        sa.Column("encrypted_private_key", sa.LargeBinary(8192), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("retires_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_keys")),
        sa.UniqueConstraint("kid", name=op.f("uq_signing_keys_kid")),
        **OPTIONS,
    )


def make_users() -> None:
    op.create_table(
        "users",
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
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email_key", name=op.f("uq_users_email_key")),
        sa.UniqueConstraint("username_key", name=op.f("uq_users_username_key")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_users_is_active_id"), "users", ["is_active", "id"])
    op.create_index(op.f("ix_users_role_id"), "users", ["role", "id"])


def make_sessions() -> None:
    op.create_table(
        "sessions",
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
            ["user_id"], ["users.id"], name=op.f("fk_sessions_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_sessions_ended_at"), "sessions", ["ended_at"])
    op.create_index(op.f("ix_sessions_expires_at"), "sessions", ["expires_at"])
    op.create_index(op.f("ix_sessions_user_id_id"), "sessions", ["user_id", "id"])


def make_items() -> None:
    op.create_table(
        "items",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_items_owner_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_items")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_items_owner_id_id"), "items", ["owner_id", "id"])


def make_idempotent_answers() -> None:
    op.create_table(
        "idempotent_answers",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("attempt", key(64), nullable=False),
        sa.Column("fingerprint", key(64), nullable=False),
        sa.Column("encrypted_answer", sa.LargeBinary(2**24 - 1), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotent_answers")),
        sa.UniqueConstraint("attempt", name=op.f("uq_idempotent_answers_attempt")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_idempotent_answers_created_at"), "idempotent_answers", ["created_at"])


def make_stored_entries() -> None:
    op.create_table(
        "stored_entries",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("key", key(160), nullable=False),
        sa.Column("value", sa.LargeBinary(65535), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stored_entries")),
        sa.UniqueConstraint("key", name=op.f("uq_stored_entries_key")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_stored_entries_expires_at"), "stored_entries", ["expires_at"])


def key(length: int) -> sa.types.TypeEngine[str]:
    """A text that is compared and sorted by its code points on every database."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")
