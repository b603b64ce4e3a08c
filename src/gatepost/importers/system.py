"""The base class of the systems whose users can be imported."""

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import cache, lru_cache
from typing import ClassVar

from gatepost.features.accounts.identity import canonical_username
from gatepost.features.imports.imported_user import (
    UNSUPPORTED_HASH,
    BadRow,
    ImportedUser,
    Reason,
)
from gatepost.importers.fields import Row
from gatepost.importers.options import SourceOptions

_LONGEST_NAME = 100
_PUNCTUATION = re.compile(r"[^a-z0-9]")

SOCIAL_LOGINS = "social logins"
SECOND_FACTORS = "second factors"
PHONE_NUMBERS = "phone numbers"


class SourceSystem(ABC):
    """Reads the rows of one system's exports, and counts what is not imported."""

    known_columns: ClassVar[frozenset[str]]
    """The columns that are read, even if only to count what is skipped."""
    distinctive_columns: ClassVar[frozenset[str]] = frozenset()
    """Columns that no other system has, by which an export is recognized."""
    email_columns: ClassVar[frozenset[str]] = frozenset({"email"})
    """Columns that may have the email address."""
    aliases: ClassVar[Mapping[str, str]] = {}
    """Other spellings of columns, in lower case and without punctuation, with the known names."""
    has_every_column: ClassVar[bool] = True
    """Whether each row has all columns, also those without a value."""

    def __init__(
        self, options: SourceOptions, is_supported_hash: Callable[[str], bool], now: datetime
    ) -> None:
        """Raise `BrokenFile` if the options lack what this system needs."""
        self.options = options
        self.is_supported_hash = is_supported_hash
        self.now = now
        self.skipped: Counter[str] = Counter()
        """The counts of data that was not imported so far, by its name in the plural."""

    @abstractmethod
    def read(self, row: Row) -> ImportedUser:
        """Return the account of a row; raises `BadRow`."""

    @classmethod
    def canonical_name(cls, column: str) -> str:
        """The name of a column here: `Given Name` is `given_name`, if that is known."""
        return column if column in cls.known_columns else _canonical_name(cls, column)

    def columns(self, row: Row) -> Collection[str]:
        """The columns by which the system of a row is recognized."""
        return row.keys()

    def kind_of_non_account(self, row: Row) -> str | None:
        """The kind of a row that is not an account, in the plural; None for an account.

        Raises `BadRow` if that cannot be decided.
        """
        del row
        return None

    def skip(self, what: str, count: int = 1) -> None:
        """Count data that is not imported."""
        if count:
            self.skipped[what] += count

    def username(self, name: str | None, email: str) -> str | None:
        """Return the name if it is a valid username here, else None: the user logs in by email."""
        if name is None or name.lower() == email.lower():
            return None
        if canonical_username(name) != name.lower():
            self.skip("usernames that are not valid here")
            return None
        return name

    def hash(self, field: str, make: Callable[[], str | None]) -> str | None:
        """Return the stored form that `make` returns, if it can be verified; raises `BadRow`."""
        try:
            made = make()
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError):
            made = ""
        if made is None or self.is_supported_hash(made):
            return made
        if self.options.drops_unknown_hashes:
            self.skip("passwords")
            return None
        raise BadRow(Reason.HASH_UNSUPPORTED, field, UNSUPPORTED_HASH)


def _canonical_name(system: type[SourceSystem], column: str) -> str:
    return column if len(column) > _LONGEST_NAME else _find_name(system, column)


@lru_cache(maxsize=1_000)  # a file may have any number of column names
def _find_name(system: type[SourceSystem], column: str) -> str:
    return _names(system).get(_bare(column), column)


@cache
def _names(system: type[SourceSystem]) -> Mapping[str, str]:
    """The names of a system's columns by their bare names, and its aliases."""
    known = {_bare(name): name for name in sorted(system.known_columns, reverse=True)}
    return {**known, **system.aliases}


def _bare(name: str) -> str:
    return _PUNCTUATION.sub("", name.lower())
