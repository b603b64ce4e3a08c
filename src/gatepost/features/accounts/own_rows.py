"""Reads rows as `gatepost export-users` writes them, in JSON or in CSV, where all is text."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gatepost.features.accounts.imported_user import BadRow, ImportedUser, Reason
from gatepost.features.accounts.roles import Role
from gatepost.security.legacy_hashes.foreign import stored_form

COLUMNS = frozenset(
    {
        *("email", "username", "full_name", "role", "is_active", "email_verified"),
        *("created_at", "updated_at", "password_hash", "password"),
    }
)

_ROLES: Mapping[object, Role] = {role.value: role for role in Role}

_TRUTHS: Mapping[object, bool] = {
    **dict.fromkeys((True, "true", "True", "TRUE", "t", "1", "yes"), True),
    **dict.fromkeys((False, "false", "False", "FALSE", "f", "0", "no"), False),
}


def read_own_row(row: Mapping[str, Any]) -> ImportedUser:
    """The account of a row; raises `BadRow`. A time that names no zone is in UTC."""
    get = row.get
    email = get("email")
    if not email:
        raise BadRow(Reason.FIELD_MISSING, "email", "There is no address")
    if type(email) is not str:
        raise _no_text("email")
    return ImportedUser(
        email,
        _text(get("username"), "username"),
        _text(get("full_name"), "full_name"),
        _role(get("role")),
        _truth(get("is_active"), "is_active", default=True),
        _truth(get("email_verified"), "email_verified", default=False),
        _time(get("created_at"), "created_at"),
        _time(get("updated_at"), "updated_at"),
        _hash(get("password_hash")),
        _text(get("password"), "password"),
    )


def _text(value: object, field: str) -> str | None:
    if value is None or value == "":
        return None
    if type(value) is not str:
        raise _no_text(field)
    return value


def _hash(value: object) -> str | None:
    """The stored form of a hash, in which Django and others may have written it otherwise."""
    text = _text(value, "password_hash")
    try:
        return None if text is None else stored_form(text)
    except ValueError:
        detail = "It begins like a hash, and is none"
        raise BadRow(Reason.HASH_UNSUPPORTED, "password_hash", detail) from None


def _role(value: object) -> Role:
    if value is None:
        return Role.USER
    role = _ROLES.get(value) if type(value) is str else None
    if role is None:
        raise BadRow(Reason.FIELD_INVALID, "role", f"Use one of {', '.join(Role)}")
    return role


def _truth(value: object, field: str, *, default: bool) -> bool:
    if value is None:
        return default
    truth = _TRUTHS.get(value) if type(value) in {bool, str} else None
    if truth is None:
        raise BadRow(Reason.FIELD_INVALID, field, "Use true or false")
    return truth


def _time(value: object, field: str) -> datetime | None:
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value)  # type: ignore[arg-type] # - it refuses what is no text
    except (TypeError, ValueError):
        raise BadRow(
            Reason.FIELD_INVALID, field, "Use a time such as 2026-05-01T12:00:00Z"
        ) from None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _no_text(field: str) -> BadRow:
    return BadRow(Reason.FIELD_INVALID, field, "Use text")
