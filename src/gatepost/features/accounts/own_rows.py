"""Reads rows as `gatepost export-users` writes them, in JSON or in CSV, where all is text."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

from gatepost.features.accounts.import_columns import (
    NOTHING,
    BadRows,
    Columns,
    each,
    is_empty,
    kinds,
)
from gatepost.features.accounts.imported_user import BadRow, Reason
from gatepost.features.callers.roles import Role
from gatepost.files.times import is_endless, read_time
from gatepost.security.legacy_hashes.foreign import stored_form

COLUMNS = frozenset(Columns._fields)

_ROLES: Mapping[object, Role] = {None: Role.USER, **{role.value: role for role in Role}}

_TRUTHS: Mapping[object, bool] = {
    **dict.fromkeys((True, "true", "True", "TRUE", "t", "1", "yes"), True),
    **dict.fromkeys((False, "false", "False", "FALSE", "f", "0", "no"), False),
}
_IS_ACTIVE = {None: True, **_TRUTHS}
_IS_VERIFIED = {None: False, **_TRUTHS}

_TEXTS = {str} | NOTHING
_WORDS = {bool} | _TEXTS

_USE_A_ROLE = f"Use one of {', '.join(Role)}"
_USE_A_TRUTH = "Use true or false"
_USE_A_TIME = "Use a time such as 2026-05-01T12:00:00Z"

T = TypeVar("T")


def read_own_rows(rows: Sequence[Mapping[str, Any]], bad: BadRows) -> Columns:
    """The accounts of rows. A time that names no zone is in UTC."""

    def column(name: str) -> list[Any]:
        return [row.get(name) for row in rows]

    return Columns(
        _emails(column("email"), bad),
        _texts(column("username"), "username", bad),
        _texts(column("full_name"), "full_name", bad),
        _meanings(column("role"), _ROLES, "role", _USE_A_ROLE, bad),
        _meanings(column("is_active"), _IS_ACTIVE, "is_active", _USE_A_TRUTH, bad),
        _meanings(column("email_verified"), _IS_VERIFIED, "email_verified", _USE_A_TRUTH, bad),
        _times(column("created_at"), "created_at", bad),
        _times(column("updated_at"), "updated_at", bad),
        _hashes(column("password_hash"), bad),
        _texts(column("password"), "password", bad),
    )


def _emails(values: list[Any], bad: BadRows) -> list[str]:
    def read(value: Any) -> str:  # noqa: ANN401 - whatever JSON may hold
        if not value:
            raise BadRow(Reason.FIELD_MISSING, "email", "There is no address")
        if type(value) is not str:
            raise _no_text("email")
        return value

    is_plain = kinds(values) == {str} and "" not in values
    return values if is_plain else each(read, values, bad, "")


def _texts(values: list[Any], field: str, bad: BadRows) -> list[str | None]:
    is_plain = kinds(values) <= _TEXTS and "" not in values
    return values if is_plain else each(lambda value: _text(value, field), values, bad, None)


def _meanings(
    values: list[Any], meanings: Mapping[object, T], field: str, advice: str, bad: BadRows
) -> list[T]:
    """What is meant by words of which there are few; None is one of them."""

    def read(value: object) -> T:
        meaning = meanings.get(value) if type(value) in _WORDS else None
        if meaning is None:
            raise BadRow(Reason.FIELD_INVALID, field, advice)
        return meaning

    if kinds(values) <= _WORDS:  # others may have no hash, or that of a word: 1 is True
        with suppress(KeyError):
            return [meanings[value] for value in values]
    return each(read, values, bad, meanings[None])


def _times(values: list[Any], field: str, bad: BadRows) -> Sequence[datetime | None]:
    def read(value: Any) -> datetime | None:  # noqa: ANN401 - whatever JSON may hold
        if value is None:
            return None
        try:
            time = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            _refuse_unless_endless(value, field)
            return None
        return time if time.tzinfo is not None else time.replace(tzinfo=UTC)

    if is_empty(values):
        return values
    with suppress(TypeError, ValueError):
        times = list(map(datetime.fromisoformat, values))
        if None not in {time.tzinfo for time in times}:
            return times
    return each(read, values, bad, None)


def _refuse_unless_endless(value: object, field: str) -> None:
    """Raise `BadRow` but for a database's infinity or zeros, which are no moment."""
    with suppress(ValueError):
        if type(value) is str and ((time := read_time(value)) is None or is_endless(time)):
            return
    raise BadRow(Reason.FIELD_INVALID, field, _USE_A_TIME)


def _hashes(values: list[Any], bad: BadRows) -> Sequence[str | None]:
    """The stored forms of hashes, in which Django and others may have written them otherwise."""

    def read(value: object) -> str | None:
        text = _text(value, "password_hash")
        try:
            return None if text is None else stored_form(text)
        except ValueError:
            detail = "It begins like a hash, and is none"
            raise BadRow(Reason.HASH_UNSUPPORTED, "password_hash", detail) from None

    if kinds(values) == {str} and "" not in values:
        with suppress(ValueError):
            return list(map(stored_form, values))
    return each(read, values, bad, None)


def _text(value: object, field: str) -> str | None:
    if value is None or value == "":
        return None
    if type(value) is not str:
        raise _no_text(field)
    return value


def _no_text(field: str) -> BadRow:
    return BadRow(Reason.FIELD_INVALID, field, "Use text")
