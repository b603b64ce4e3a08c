"""The systems whose users can be taken over, and in what forms each of them hands them out."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gatepost.adopting import better_auth, django, sources
from gatepost.adopting.auth0 import Auth0
from gatepost.adopting.fastapi_users import FastApiUsers
from gatepost.adopting.firebase import CSV_COLUMNS, Firebase
from gatepost.adopting.keycloak import Keycloak
from gatepost.adopting.options import Options
from gatepost.adopting.sources import LINES_OR_ARRAY, Shape
from gatepost.adopting.supabase import Supabase
from gatepost.adopting.system import System
from gatepost.db.foreign_tables import ForeignTable
from gatepost.features.accounts.imported_user import BadRow, ImportedUser
from gatepost.files.framing import BrokenFile, Row, Unreadable


@dataclass(frozen=True, slots=True)
class Adopter:
    """One system: who reads its rows, the shape of its files, and its table if it has one."""

    system: Callable[[Options], System]
    shape: Shape = LINES_OR_ARRAY
    table: ForeignTable | None = None


ADOPTERS: Mapping[str, Adopter] = {
    "auth0": Adopter(Auth0),
    "better-auth": Adopter(better_auth.BetterAuth, table=better_auth.TABLE),
    "django": Adopter(django.Django, table=ForeignTable(django.TABLE)),
    "fastapi-users": Adopter(FastApiUsers, table=ForeignTable("user")),
    "firebase": Adopter(Firebase, Shape(object_path="users.item", csv_columns=CSV_COLUMNS)),
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

    @property
    def left_behind(self) -> Counter[str]:
        """What could not be taken over so far, by its name in the plural."""
        return self._system.left_behind

    def read(self, row: Mapping[str, object]) -> ImportedUser:
        """The account of a row; raises `BadRow`."""
        self._system.not_an_account(row)  # which raises where the row does not tell it
        return self._system.read(row)

    def rows_of_file(self, file: BinaryIO) -> Iterator[Row]:
        """The rows of an open file, in whichever of the system's formats; raises `BrokenFile`."""
        return self._accounts(sources.rows_of_file(file, self._adopter.shape))

    def rows_of_folder(self, folder: Path) -> Iterator[Row]:
        """The rows of all JSON files in a folder, in the order of their names."""
        return self._accounts(sources.rows_of_folder(folder, self._adopter.shape))

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
        with sources.rows_of_table(url, wanted, self.known_columns) as rows:
            yield self._accounts(rows)

    def _accounts(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Without the rows that are no accounts: the others keep their numbers from run to run."""
        for row in rows:
            kind = None if isinstance(row, Unreadable) else self._no_account(row)
            if kind is None:
                yield row
            else:
                self._system.leave(kind)

    def _no_account(self, row: Mapping[str, object]) -> str | None:
        try:
            return self._system.not_an_account(row)
        except BadRow:
            return None  # told when it is read
