"""What every system's module has to tell, and what all of them share."""

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from functools import cache, lru_cache
from typing import ClassVar

from gatepost.adopting.fields import Row
from gatepost.adopting.options import Options
from gatepost.features.accounts.identity import canonical_username
from gatepost.features.accounts.imported_user import BadRow, ImportedUser, Reason

_LONGEST_NAME = 100
_SIGNS = re.compile(r"[^a-z0-9]")

SOCIAL_LOGINS = "social logins"
SECOND_FACTORS = "second factors"
PHONE_NUMBERS = "phone numbers"


class System(ABC):
    """Reads the rows of one system's exports, and counts what stays behind."""

    known_columns: ClassVar[frozenset[str]]
    """The columns that are looked at, even if only to count what cannot be taken over."""
    hallmarks: ClassVar[frozenset[str]] = frozenset()
    """Columns that no other system has: they tell whose users these are."""
    addresses: ClassVar[frozenset[str]] = frozenset({"email"})
    """Columns that may have the address."""
    other_names: ClassVar[Mapping[str, str]] = {}
    """What columns are called elsewhere, in lower case and without signs, and here."""
    leaves_out_nothing: ClassVar[bool] = True
    """Whether rows have all their columns, also those without a value."""

    def __init__(self, options: Options) -> None:
        """Raise `BrokenFile` if the options lack what this system needs."""
        self.options = options
        self.left_behind: Counter[str] = Counter()

    @abstractmethod
    def read(self, row: Row) -> ImportedUser:
        """Return the account of a row; raises `BadRow`."""

    @classmethod
    def name_here(cls, name: str) -> str:
        """What a column is called here: `Given Name` is `given_name`, if that is known."""
        return name if name in cls.known_columns else _name_here(cls, name)

    def columns(self, row: Row) -> Collection[str]:
        """The columns of a row, by which one knows whose it is."""
        return row.keys()

    def not_an_account(self, row: Row) -> str | None:
        """Say what a row is that is no account at all, in the plural; None if it is one.

        Raises `BadRow` where the row does not tell.
        """
        del row
        return None

    def leave(self, what: str, count: int = 1) -> None:
        """Count what cannot be taken over."""
        if count:
            self.left_behind[what] += count

    def username(self, name: str | None, email: str) -> str | None:
        """Return the name if it may be one here; without it one logs in by address."""
        if name is None or name.lower() == email.lower():
            return None
        if canonical_username(name) != name.lower():
            self.leave("usernames that are none here")
            return None
        return name

    def hash(self, field: str, make: Callable[[], str | None]) -> str | None:
        """Return the stored form that `make` returns, if it can be verified; raises `BadRow`."""
        try:
            made = make()
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError):
            made = ""
        if made is None or self.options.recognises_hash(made):
            return made
        if self.options.drops_unknown_hashes:
            self.leave("passwords")
            return None
        detail = "It is no hash, of bearable cost, that a password can be compared with"
        raise BadRow(Reason.HASH_UNSUPPORTED, field, detail)


def _name_here(system: type[System], name: str) -> str:
    return name if len(name) > _LONGEST_NAME else _find_name(system, name)


@lru_cache(maxsize=1_000)  # a file may make up any number of names
def _find_name(system: type[System], name: str) -> str:
    return _names(system).get(_bare(name), name)


@cache
def _names(system: type[System]) -> Mapping[str, str]:
    """The names that a system's columns have here, by their bare ones."""
    known = {_bare(name): name for name in sorted(system.known_columns, reverse=True)}
    return {**known, **system.other_names}


def _bare(name: str) -> str:
    return _SIGNS.sub("", name.lower())
