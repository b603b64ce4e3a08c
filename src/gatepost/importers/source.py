"""Reads one system's users from a file, a folder or its table."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from gatepost.features.imports.batches import RowSource
from gatepost.features.imports.columns import read_each
from gatepost.features.imports.imported_user import BadRow, ImportedUser
from gatepost.files.rows import (
    BrokenFile,
    ByteCounter,
    Row,
    UnreadableRow,
    join_faults,
    missing_email_column,
    peek,
)
from gatepost.importers.layouts import FileReader
from gatepost.importers.locations import is_url
from gatepost.importers.options import SourceOptions
from gatepost.importers.registry import SYSTEMS, find_better_matches
from gatepost.importers.tables import open_table_rows


class ImportSource:
    """The users of one system: their rows, and how each becomes an account."""

    def __init__(
        self, options: SourceOptions, is_supported_hash: Callable[[str], bool], now: datetime
    ) -> None:
        """Raise `BrokenFile` if the options lack what the system needs."""
        self._options = options
        self._profile = SYSTEMS[options.system]
        self._system = self._profile.system(options, is_supported_hash, now)
        self.known_columns = self._system.known_columns
        self._bytes_read = ByteCounter()
        self._reader = FileReader(self._profile.layout, self._is_email_column, self._bytes_read)

    @property
    def skipped(self) -> Counter[str]:
        """The counts of data that was not imported so far, by its name in the plural."""
        return self._system.skipped

    @contextmanager
    def open(self, location: str, file: BinaryIO | None) -> Iterator[RowSource]:
        """The users at a location: the open file, else a database's URL or a folder.

        Raises `BrokenFile`, also while the rows are read.
        """
        with self._open_rows(location, file) as rows:
            yield RowSource(
                rows,
                read_each(self.read),
                self.is_known_column,
                self._bytes_read,
                skipped=self.skipped,
            )

    @contextmanager
    def _open_rows(self, location: str, file: BinaryIO | None) -> Iterator[Iterator[Row]]:
        if file is not None:
            yield self.rows_of_file(file)
        elif is_url(location):
            with self.rows_of_table(location) as rows:
                yield rows
        else:
            yield self.rows_of_folder(Path(location))

    def rows_of_file(self, file: BinaryIO) -> Iterator[Row]:
        """The rows of an open file, in any of the system's formats; raises `BrokenFile`."""
        return self.only_accounts(self._reader.read_file(file))

    def rows_of_folder(self, folder: Path) -> Iterator[Row]:
        """The rows of all JSON files in a folder, in the order of their names."""
        return self.only_accounts(self._reader.read_folder(folder))

    @contextmanager
    def rows_of_table(self, url: str) -> Iterator[Iterator[Row]]:
        """The rows of the system's table in the database at `url`; raises `BrokenFile`."""
        table = self._profile.table
        if table is None:
            raise BrokenFile(
                "is a database, and users of this system come from its export files only"
            )
        if self._options.table is not None:
            table = table.with_name(self._options.table)
        with open_table_rows(url, table, self.known_columns, self._bytes_read) as rows:
            yield self.only_accounts(rows)

    def read(self, row: Mapping[str, object]) -> ImportedUser:
        """The account of a row; raises `BadRow`."""
        row = self._with_canonical_names(row)
        self._system.kind_of_non_account(row)  # raises `BadRow` if that cannot be decided
        return self._system.read(row)

    def is_known_column(self, column: str) -> bool:
        """Whether the column is read."""
        return self._system.canonical_name(column) in self.known_columns

    def only_accounts(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows without those that are not accounts, so that row numbers stay the same."""
        first, rows = peek(rows)
        self._check_system(first)
        for row in rows:
            kind = None if isinstance(row, UnreadableRow) else self._kind_of_non_account(row)
            if kind is None:
                yield row
            else:
                self._system.skip(kind)

    def _kind_of_non_account(self, row: Mapping[str, object]) -> str | None:
        try:
            return self._system.kind_of_non_account(self._with_canonical_names(row))
        except BadRow:
            return None  # `read` raises it again

    def _with_canonical_names(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """The row with canonical column names; a column that has one already takes precedence."""
        known = self.known_columns
        if row.keys() <= known:
            return row
        canonical = self._system.canonical_name
        return {canonical(name): value for name, value in row.items() if name not in known} | {
            name: value for name, value in row.items() if name in known
        }

    def _is_email_column(self, column: str) -> bool:
        return self._system.canonical_name(column) in self._system.email_columns

    def _check_system(self, rows: Sequence[Row]) -> None:
        """Raise `BrokenFile` if the first rows cannot be an export of this system."""
        readable = [row for row in rows if not isinstance(row, UnreadableRow)]
        if rows and not readable:
            raise BrokenFile(f"has no rows of this system: {join_faults(rows)}")
        columns = {name for row in readable for name in self._system.columns(row)}
        is_recognized = not columns.isdisjoint(self._system.distinctive_columns)
        if not is_recognized and (others := find_better_matches(type(self._system), columns)):
            raise BrokenFile(
                f"looks like an export of another system: --from {' or '.join(others)}"
            )
        may_lack_email = is_recognized and not self._system.has_every_column
        if readable and not may_lack_email and not any(map(self._is_email_column, columns)):
            raise missing_email_column(columns)
