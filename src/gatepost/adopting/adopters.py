"""The systems whose users can be taken over, and in what forms each of them hands them out."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from gatepost.adopting import better_auth, django, sources
from gatepost.adopting.auth0 import Auth0
from gatepost.adopting.fastapi_users import FastApiUsers
from gatepost.adopting.firebase import Firebase, columns_of
from gatepost.adopting.keycloak import Keycloak
from gatepost.adopting.options import Options
from gatepost.adopting.sources import LINES_OR_ARRAY, Shape, Source
from gatepost.adopting.supabase import Supabase
from gatepost.adopting.system import System
from gatepost.db.foreign_tables import ForeignTable
from gatepost.features.accounts.imported_user import BadRow, ImportedUser
from gatepost.files.rows import (
    BrokenFile,
    Meter,
    Row,
    Unreadable,
    faults_of,
    first_of,
    without_addresses,
)


@dataclass(frozen=True, slots=True)
class Adopter:
    """One system: who reads its rows, the shape of its files, and its table if it has one."""

    system: type[System]
    shape: Shape = LINES_OR_ARRAY
    table: ForeignTable | None = None


ADOPTERS: Mapping[str, Adopter] = {
    "auth0": Adopter(Auth0, Shape(separators=",\t")),
    "better-auth": Adopter(better_auth.BetterAuth, table=better_auth.TABLE),
    "django": Adopter(django.Django, table=ForeignTable(django.TABLE)),
    "fastapi-users": Adopter(FastApiUsers, table=ForeignTable("user")),
    "firebase": Adopter(Firebase, Shape(object_path="users.item", columns_of=columns_of)),
    "full-stack-template": Adopter(FastApiUsers, table=ForeignTable("user")),
    "keycloak": Adopter(Keycloak, Shape(object_path="users.item", array_path="item.users.item")),
    "supabase": Adopter(Supabase, table=ForeignTable("users", schema="auth")),
}
"""By the name that `--from` takes."""


class Adoption:
    """One run over one system's users: its rows, what they say, and what stays behind."""

    def __init__(self, name: str, options: Options) -> None:
        """Raise `BrokenFile` if the options lack what the system needs."""
        self._adopter = ADOPTERS[name]
        self._options = options
        self._system = self._adopter.system(options)
        self.known_columns = self._system.known_columns
        self.meter = Meter()
        self._source = Source(self._adopter.shape, self._is_address, self.meter)

    @property
    def left_behind(self) -> Counter[str]:
        """What could not be taken over so far, by its name in the plural."""
        return self._system.left_behind

    def knows(self, column: str) -> bool:
        """Whether a column has a meaning."""
        return self._system.name_here(column) in self.known_columns

    def read(self, row: Mapping[str, object]) -> ImportedUser:
        """The account of a row; raises `BadRow`."""
        row = self._named_as_here(row)
        self._system.not_an_account(row)  # which raises where the row does not tell it
        return self._system.read(row)

    def rows_of_file(self, file: BinaryIO) -> Iterator[Row]:
        """The rows of an open file, in whichever of the system's formats; raises `BrokenFile`."""
        return self._accounts(self._source.rows_of_file(file))

    def rows_of_folder(self, folder: Path) -> Iterator[Row]:
        """The rows of all JSON files in a folder, in the order of their names."""
        return self._accounts(self._source.rows_of_folder(folder))

    @contextmanager
    def rows_of_table(self, url: str) -> Iterator[Iterator[Row]]:
        """The rows of the system's table in the database at `url`; raises `BrokenFile`."""
        wanted = self._adopter.table
        if wanted is None:
            raise BrokenFile(
                "is a database, and users of this system come from its export files only"
            )
        if self._options.table is not None:
            wanted = wanted.called(self._options.table)
        known = self.known_columns
        with sources.rows_of_table(url, wanted, known, self.meter) as rows:
            yield self._accounts(rows)

    def _accounts(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Without the rows that are no accounts: the others keep their numbers from run to run."""
        first, rows = first_of(rows)
        self._look_at(first)
        for row in rows:
            kind = None if isinstance(row, Unreadable) else self._no_account(row)
            if kind is None:
                yield row
            else:
                self._system.leave(kind)

    def _no_account(self, row: Mapping[str, object]) -> str | None:
        try:
            return self._system.not_an_account(self._named_as_here(row))
        except BadRow:
            return None  # told when it is read

    def _named_as_here(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """The row with the names that its columns have here, those first that have them already."""
        known = self.known_columns
        if row.keys() <= known:
            return row
        name_here = self._system.name_here
        return {name_here(name): value for name, value in row.items() if name not in known} | {
            name: value for name, value in row.items() if name in known
        }

    def _is_address(self, column: str) -> bool:
        return self._system.name_here(column) in self._system.addresses

    def _look_at(self, rows: Sequence[Row]) -> None:
        """Raise `BrokenFile` if these first rows tell that this is no export of the system's."""
        readable = [row for row in rows if not isinstance(row, Unreadable)]
        if rows and not readable:
            raise BrokenFile(f"has no rows of this system's: {faults_of(rows)}")
        as_there = {name for row in readable for name in self._system.columns(row)}
        columns = {self._system.name_here(name) for name in as_there}
        is_known = not as_there.isdisjoint(self._system.hallmarks)
        if not is_known and (others := self._whose(as_there)):
            raise BrokenFile(f"looks like an export of another system: --from {others}")
        may_lack = is_known and not self._system.leaves_out_nothing
        if readable and not may_lack and columns.isdisjoint(self._system.addresses):
            raise without_addresses(as_there)

    def _whose(self, columns: Set[str]) -> str:
        """The systems to which more of the columns mean something, as `--from` names them.

        One that is another's may be an operator's own: `user_id`, beside all that this system has.
        """
        known_here = _count_known(self._system, columns)
        names = [
            name
            for name, adopter in ADOPTERS.items()
            if not columns.isdisjoint(adopter.system.hallmarks)
            and _count_known(adopter.system, columns) > known_here
        ]
        return " or ".join(names)


def _count_known(system: System | type[System], columns: Set[str]) -> int:
    return sum(system.name_here(column) in system.known_columns for column in columns)
