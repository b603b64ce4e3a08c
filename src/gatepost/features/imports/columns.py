"""Many accounts as columns: one sequence per field.

Nearly every column is plain, which one check over all of its values shows, at a fraction of the
cost of a call per value. Only a column that is not plain is converted value by value; the results
are the same.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias, TypeVar

from gatepost.features.callers.roles import Role
from gatepost.features.imports.imported_user import BadRow, ImportedUser, RowReader

T = TypeVar("T")
U = TypeVar("U")

BadRows: TypeAlias = dict[int, BadRow]
"""Errors by position in the batch: the first one of each bad row."""


class Columns(NamedTuple):
    """Many `ImportedUser`s. A bad row has a placeholder in every column, which is not used."""

    email: Sequence[str]
    username: Sequence[str | None]
    full_name: Sequence[str | None]
    role: Sequence[Role]
    is_active: Sequence[bool]
    email_verified: Sequence[bool]
    created_at: Sequence[datetime | None]
    updated_at: Sequence[datetime | None]
    password_hash: Sequence[str | None]
    password: Sequence[str | None]


ColumnReader: TypeAlias = Callable[[Sequence[Mapping[str, Any]], BadRows], Columns]
"""Maps rows of an export to accounts, and adds the errors of bad rows to the `BadRows`."""

_PLACEHOLDER = ImportedUser("")


def read_each(read: RowReader) -> ColumnReader:
    """Make a reader of columns from a reader of one row."""

    def read_all(rows: Sequence[Mapping[str, Any]], bad: BadRows) -> Columns:
        users = convert_each(read, rows, bad, _PLACEHOLDER)
        return Columns(*(list(map(attrgetter(name), users)) for name in Columns._fields))

    return read_all


def convert_each(
    convert: Callable[[T], U], values: Iterable[T], bad: BadRows, placeholder: U
) -> list[U]:
    """Convert each value; one that raises `BadRow` is noted in `bad`, and becomes `placeholder`."""
    converted = []
    for position, value in enumerate(values):
        try:
            converted.append(convert(value))
        except BadRow as error:
            bad.setdefault(position, error)
            converted.append(placeholder)
    return converted


ONLY_NONE = {type(None)}
"""The result of `value_types` for a column that holds only None."""


def is_empty(values: Iterable[object]) -> bool:
    """Whether a column has no value at all: each is None."""
    return value_types(values) <= ONLY_NONE


def value_types(values: Iterable[object]) -> set[type]:
    """The types of the values in a column."""
    return set(map(type, values))
