"""Accounts that come in by the thousand, as columns: a field of all of them in one sequence.

Nearly every column is plain, which one look at all of its values shows, at a fraction of what a
call for each would cost. Where it is not, each value is read for itself: the same comes of it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias, TypeVar

from gatepost.features.accounts.imported_user import BadRow, ImportedUser, RowReader
from gatepost.features.callers.roles import Role

T = TypeVar("T")
U = TypeVar("U")

BadRows: TypeAlias = dict[int, BadRow]
"""What is wrong with rows, by their place: of each, what was found first."""


class Columns(NamedTuple):
    """Many `ImportedUser`s; a bad row has a value in each of them too, which is not looked at."""

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
"""Rows of a system's export as accounts; what is wrong with some is added to the bad rows."""

_NOBODY = ImportedUser("")


def one_by_one(read: RowReader) -> ColumnReader:
    """A reader of many rows that reads each for itself."""

    def read_all(rows: Sequence[Mapping[str, Any]], bad: BadRows) -> Columns:
        users = each(read, rows, bad, _NOBODY)
        return Columns(*(list(map(attrgetter(name), users)) for name in Columns._fields))

    return read_all


def each(convert: Callable[[T], U], values: Iterable[T], bad: BadRows, instead: U) -> list[U]:
    """Each value converted; where `BadRow` is raised, it is noted, and something stands instead."""
    converted = []
    for place, value in enumerate(values):
        try:
            converted.append(convert(value))
        except BadRow as why:
            bad.setdefault(place, why)
            converted.append(instead)
    return converted


NOTHING = {type(None)}
"""What `kinds` returns of a column of None only."""


def is_empty(values: Iterable[object]) -> bool:
    """Whether a column has no value at all: each is None."""
    return kinds(values) <= NOTHING


def kinds(values: Iterable[object]) -> set[type]:
    """The types that there are in a column."""
    return set(map(type, values))
