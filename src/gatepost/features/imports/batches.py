"""Turns rows of a file into batches of validated rows, whose passwords are still to be hashed."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, compress, islice, pairwise
from typing import Any

from gatepost.features.imports.columns import BadRows, ColumnReader, is_empty
from gatepost.features.imports.imported_user import Reason
from gatepost.features.imports.validation import NewUserRow, RowValidator
from gatepost.files.rows import LONGEST_ROW, BrokenFile, ByteCounter, Row, UnreadableRow

_ROWS = 10_000
"""The most rows in a batch."""
_BYTES = 32 * LONGEST_ROW
"""The most bytes of the file in a batch: one of long rows has fewer rows."""
_STEP = 16
"""Rows that are read between two checks of their size."""

_MOST_NAMES = 1_000
_LONGEST_NAME = 100

_PASSWORDS = 256
"""The most plain passwords in a batch: hashing one takes longer than importing 1,000 rows."""


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that is not imported, and why; `original` is the row, for the rejects file only."""

    number: int
    reason: str
    field: str | None
    detail: str
    original: Mapping[str, Any] | str = dataclasses.field(repr=False)

    def entry(self) -> Mapping[str, Any]:
        """The entry in the rejects file."""
        return {
            "row": self.number,
            "reason": self.reason,
            "field": self.field,
            "detail": self.detail,
            "original": self.original,
        }


@dataclass(slots=True)
class Batch:
    """Neighbouring rows of the file, up to row number `last`.

    `numbers`, `originals`, `passwords` and `rows` are parallel, and hold the valid rows;
    `refused` holds the others.
    """

    last: int
    numbers: Sequence[int]
    originals: Sequence[Mapping[str, Any]] = dataclasses.field(repr=False)
    passwords: Sequence[str | None] = dataclasses.field(repr=False)
    rows: Sequence[NewUserRow] = dataclasses.field(repr=False)
    refused: list[RefusedRow]

    @property
    def has_passwords(self) -> bool:
        return not is_empty(self.passwords)

    def refused_row(
        self, position: int, reason: Reason, field: str | None, detail: str
    ) -> RefusedRow:
        """The valid row at `position`, as one that is refused after all."""
        original = self.originals[position]
        return RefusedRow(self.numbers[position], reason.value, field, detail, original)

    def refuse(self, bad: BadRows) -> None:
        """Move the rows at these positions from the valid ones to `refused`."""
        if not bad:
            return
        self.refused += [
            self.refused_row(position, error.reason, error.field, error.detail)
            for position, error in bad.items()
        ]
        is_kept = [position not in bad for position in range(len(self.rows))]
        self.numbers = list(compress(self.numbers, is_kept))
        self.originals = list(compress(self.originals, is_kept))
        self.passwords = list(compress(self.passwords, is_kept))
        self.rows = list(compress(self.rows, is_kept))

    def split(self) -> Iterator["Batch"]:
        """The same rows in batches with at most `_PASSWORDS` passwords each."""
        hashed = [position for position, each in enumerate(self.passwords) if each is not None]
        ends = [position + 1 for position in hashed[_PASSWORDS - 1 :: _PASSWORDS]]
        if not ends:
            yield self
            return
        after = 0
        for begin, end in pairwise(sorted({0, *ends, len(self.rows)})):
            last = self.last if end == len(self.rows) else self.numbers[end - 1]
            refused = [each for each in self.refused if after < each.number <= last]
            some = slice(begin, end)
            yield Batch(
                last,
                self.numbers[some],
                self.originals[some],
                self.passwords[some],
                self.rows[some],
                refused,
            )
            after = last


@dataclass(slots=True)
class IgnoredColumns:
    """The names of unknown columns, with the number of rows that have each; bounded in size."""

    counts: Counter[str] = dataclasses.field(default_factory=Counter)
    has_others: bool = False

    def add(self, names: Iterable[str]) -> None:
        """Count each name as often as it occurs."""
        for name, count in Counter(names).items():
            short = name[:_LONGEST_NAME]
            if short in self.counts or len(self.counts) < _MOST_NAMES:
                self.counts[short] += count
            else:
                self.has_others = True


@dataclass(slots=True)
class RowSource:
    """The rows of an import, and how to read them.

    `ignored` counts unknown columns. `skipped` counts what a system has that is not imported, such
    as second factors, by its name in the plural. If the file breaks off behind its first row, the
    rows end there, and `broken` has the error.
    """

    rows: Iterator[Row]
    read: ColumnReader
    is_known_column: Callable[[str], bool]
    bytes_read: ByteCounter = dataclasses.field(default_factory=ByteCounter)
    ignored: IgnoredColumns = dataclasses.field(default_factory=IgnoredColumns)
    skipped: Counter[str] = dataclasses.field(default_factory=Counter)
    broken: BrokenFile | None = None

    def batches(self, validator: RowValidator, done: int) -> Iterator[Batch]:
        """Batches of the rows behind the first `done`; raises `BrokenFile` if there is no row."""
        rows = self._until_broken()
        for chunk in self._chunks(islice(rows, done)):
            self._count_unknown_columns(_readable(chunk))
        for chunk in self._chunks(rows):
            yield from self._batch(validator, done, chunk).split()
            done += len(chunk)

    def _until_broken(self) -> Iterator[Row]:
        has_rows = False
        try:
            for row in self.rows:
                has_rows = True
                yield row
        except BrokenFile as broken:
            if not has_rows:
                raise
            self.broken = broken

    def _chunks(self, rows: Iterator[Row]) -> Iterator[Sequence[Row]]:
        """Lists of rows, bounded in number and in bytes."""
        chunk: list[Row] = []
        began_at, length = self.bytes_read.count, -1
        while len(chunk) > length:
            length = len(chunk)
            chunk.extend(islice(rows, min(_STEP, _ROWS - length)))
            if len(chunk) == _ROWS or self.bytes_read.count - began_at > _BYTES:
                yield chunk
                chunk, began_at, length = [], self.bytes_read.count, -1
        if chunk:
            yield chunk

    def _batch(self, validator: RowValidator, done: int, chunk: Sequence[Row]) -> Batch:
        numbers: Sequence[int] = range(done + 1, done + len(chunk) + 1)
        last, rows, refused = numbers[-1], _readable(chunk), []
        if len(rows) < len(chunk):
            numbered = list(zip(numbers, chunk, strict=True))
            numbers = [number for number, row in numbered if not isinstance(row, UnreadableRow)]
            refused = [
                RefusedRow(number, row.fault.value, None, row.detail, row.text)
                for number, row in numbered
                if isinstance(row, UnreadableRow)
            ]
        self._count_unknown_columns(rows)
        bad: BadRows = {}
        users = self.read(rows, bad)
        valid = validator.validate(users, bad)
        batch = Batch(last, numbers, rows, users.password, valid, refused)
        batch.refuse(bad)
        return batch

    def _count_unknown_columns(self, rows: Sequence[Mapping[str, Any]]) -> None:
        unknown = {name for name in set().union(*rows) if not self.is_known_column(name)}
        if unknown:
            self.ignored.add(name for name in chain.from_iterable(rows) if name in unknown)


def _readable(rows: Sequence[Row]) -> list[Mapping[str, Any]]:
    return [row for row in rows if not isinstance(row, UnreadableRow)]
