"""Converts the fields of a row: values of JSON or of a table, or CSV, where every value is text.

All functions raise `BadRow` for a value of another type, without repeating the value. A field that
is missing, null or an empty text is None.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from gatepost.features.imports.imported_user import BadRow, Reason
from gatepost.files.times import is_infinite, read_time

Row = Mapping[str, Any]

_TRUE = {"true", "t", "1", "yes"}
_FALSE = {"false", "f", "0", "no"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS = re.compile(r"-?\d{1,19}", re.ASCII)


def text(row: Row, name: str) -> str | None:
    """The field as text."""
    value = row.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise _invalid(name, "This is not text")
    return value


def email(row: Row, name: str = "email") -> str:
    """The email address; required."""
    address = text(row, name)
    if address is None or not address.strip():
        raise BadRow(Reason.FIELD_MISSING, name, "The email address is missing")
    return address


def name_of(row: Row, *names: str) -> str | None:
    """A full name, joined from the fields that are present."""
    parts = [part.strip() for part in (text(row, name) for name in names) if part is not None]
    return " ".join(filter(None, parts)) or None


def boolean(row: Row, name: str, *, default: bool) -> bool:
    """The field as a boolean, which databases and CSV write in several ways."""
    value = row.get(name)
    if value is None or value == "":
        return default
    word = str(value).lower() if isinstance(value, str | bool | int) else ""
    if word not in _TRUE | _FALSE:
        raise _invalid(name, "This is neither true nor false")
    return word in _TRUE


def time(row: Row, name: str) -> datetime | None:
    """A time in ISO 8601, in UTC if it has no zone; infinity is None."""
    value = deadline(row, name)
    return None if value is None or is_infinite(value) else value


def deadline(row: Row, name: str) -> datetime | None:
    """As `time`, but infinity is `INFINITE_FUTURE`, and minus infinity `INFINITE_PAST`."""
    value = row.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str | date):
        raise _invalid(name, "This is not a time")
    try:
        return read_time(value)
    except ValueError:
        raise _invalid(name, "This is not a time in ISO 8601") from None


def milliseconds(row: Row, name: str) -> datetime | None:
    """A time in milliseconds since 1970, a number or digits; None if no `datetime` can hold it."""
    value = row.get(name)
    if value is None or value == "":
        return None
    digits = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not _MILLISECONDS.fullmatch(digits):
        raise _invalid(name, "This is not a time in milliseconds")
    try:
        moment = _EPOCH + timedelta(milliseconds=int(digits))
    except OverflowError:
        return None
    return None if is_infinite(moment) else moment


def members(row: Row, name: str) -> Row:
    """A JSON object, or its text; empty if there is none."""
    value = _loaded(row, name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _invalid(name, "This is not a JSON object")
    return value


def entries(row: Row, name: str) -> list[Row]:
    """The objects in a JSON array, or in its text; empty if there is none."""
    value = _loaded(row, name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise _invalid(name, "This is not a JSON array")
    return [entry for entry in value if isinstance(entry, dict)]


def words(row: Row, *names: str) -> frozenset[str]:
    """All texts in the fields, alone or in arrays."""
    found: set[str] = set()
    for value in (row.get(name) for name in names):
        several: Iterable[object] = value if isinstance(value, list) else [value]
        found.update(each for each in several if isinstance(each, str))
    return frozenset(found)


def _loaded(row: Row, name: str) -> object:
    value: object = row.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        return value
    try:
        loaded: object = json.loads(value)
    except (ValueError, RecursionError):
        raise _invalid(name, "This is not JSON") from None
    return loaded


def _invalid(name: str, detail: str) -> BadRow:
    return BadRow(Reason.FIELD_INVALID, name, detail)
