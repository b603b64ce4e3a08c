"""Reads rows in the format of `gatepost export-users`: JSON, or CSV, where every value is text."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

from gatepost.features.callers.roles import Role
from gatepost.features.imports.columns import (
    ONLY_NONE,
    BadRows,
    Columns,
    convert_each,
    is_empty,
    value_types,
)
from gatepost.features.imports.imported_user import BadRow, Reason
from gatepost.files.times import is_infinite, read_time
from gatepost.security.legacy_hashes.foreign import to_phc

COLUMNS = frozenset(Columns._fields)

_ROLES: Mapping[object, Role] = {None: Role.USER, **{role.value: role for role in Role}}

_BOOLEANS: Mapping[object, bool] = {
    **dict.fromkeys((True, "true", "True", "TRUE", "t", "1", "yes"), True),
    **dict.fromkeys((False, "false", "False", "FALSE", "f", "0", "no"), False),
}
_IS_ACTIVE = {None: True, **_BOOLEANS}
_IS_VERIFIED = {None: False, **_BOOLEANS}

_TEXTS = {str} | ONLY_NONE
_WORDS = {bool} | _TEXTS

_USE_A_ROLE = f"Use one of {', '.join(Role)}"
_USE_A_BOOLEAN = "Use true or false"
_USE_A_TIME = "Use a time such as 2026-05-01T12:00:00Z"

T = TypeVar("T")


def read_native_rows(rows: Sequence[Mapping[str, Any]], bad: BadRows) -> Columns:
    """The accounts of many rows; a time without a zone is in UTC."""

    def column(name: str) -> list[Any]:
        return [row.get(name) for row in rows]

    return Columns(
        _emails(column("email"), bad),
        _texts(column("username"), "username", bad),
        _texts(column("full_name"), "full_name", bad),
        _choices(column("role"), _ROLES, "role", _USE_A_ROLE, bad),
        _choices(column("is_active"), _IS_ACTIVE, "is_active", _USE_A_BOOLEAN, bad),
        _choices(column("email_verified"), _IS_VERIFIED, "email_verified", _USE_A_BOOLEAN, bad),
        _times(column("created_at"), "created_at", bad),
        _times(column("updated_at"), "updated_at", bad),
        _hashes(column("password_hash"), bad),
        _texts(column("password"), "password", bad),
    )


def _emails(values: list[Any], bad: BadRows) -> list[str]:
    def read(value: Any) -> str:  # noqa: ANN401 - any JSON value
        if not value:
            raise BadRow(Reason.FIELD_MISSING, "email", "The email address is missing")
        if type(value) is not str:
            raise _not_text("email")
        return value

    is_plain = value_types(values) == {str} and "" not in values
    return values if is_plain else convert_each(read, values, bad, "")


def _texts(values: list[Any], field: str, bad: BadRows) -> list[str | None]:
    is_plain = value_types(values) <= _TEXTS and "" not in values
    return (
        values if is_plain else convert_each(lambda value: _text(value, field), values, bad, None)
    )


def _choices(
    values: list[Any], choices: Mapping[object, T], field: str, advice: str, bad: BadRows
) -> list[T]:
    """Values of a column that has few, each a key of `choices`, as None is."""

    def read(value: object) -> T:
        choice = choices.get(value) if type(value) in _WORDS else None
        if choice is None:
            raise BadRow(Reason.FIELD_INVALID, field, advice)
        return choice

    if (
        value_types(values) <= _WORDS
    ):  # others may not be hashable, or be equal to a word: 1 is True
        with suppress(KeyError):
            return [choices[value] for value in values]
    return convert_each(read, values, bad, choices[None])


def _times(values: list[Any], field: str, bad: BadRows) -> Sequence[datetime | None]:
    def read(value: Any) -> datetime | None:  # noqa: ANN401 - any JSON value
        if value is None:
            return None
        try:
            time = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            _refuse_unless_infinite(value, field)
            return None
        return time if time.tzinfo is not None else time.replace(tzinfo=UTC)

    if is_empty(values):
        return values
    with suppress(TypeError, ValueError):
        times = list(map(datetime.fromisoformat, values))
        if None not in {time.tzinfo for time in times}:
            return times
    return convert_each(read, values, bad, None)


def _refuse_unless_infinite(value: object, field: str) -> None:
    """Raise `BadRow` unless the value is a database's infinity or zero date, which is no time."""
    with suppress(ValueError):
        if type(value) is str and ((time := read_time(value)) is None or is_infinite(time)):
            return
    raise BadRow(Reason.FIELD_INVALID, field, _USE_A_TIME)


def _hashes(values: list[Any], bad: BadRows) -> Sequence[str | None]:
    """Hashes in their stored form; Django and others write the same hash in another form."""

    def read(value: object) -> str | None:
        text = _text(value, "password_hash")
        try:
            return None if text is None else to_phc(text)
        except ValueError:
            detail = "This begins like a hash, but is not a valid one"
            raise BadRow(Reason.HASH_UNSUPPORTED, "password_hash", detail) from None

    if value_types(values) == {str} and "" not in values:
        with suppress(ValueError):
            return list(map(to_phc, values))
    return convert_each(read, values, bad, None)


def _text(value: object, field: str) -> str | None:
    if value is None or value == "":
        return None
    if type(value) is not str:
        raise _not_text(field)
    return value


def _not_text(field: str) -> BadRow:
    return BadRow(Reason.FIELD_INVALID, field, "Use text")
