"""Turns the rows of a file into batches that are ready to be inserted, but for their passwords."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, compress, islice, pairwise
from typing import Any

from gatepost.features.accounts.import_columns import BadRows, ColumnReader, is_empty
from gatepost.features.accounts.imported_user import Reason
from gatepost.features.accounts.judging import Judge, NewRow
from gatepost.files.rows import LONGEST_ROW, BrokenFile, Meter, Row, Unreadable

_ROWS = 10_000
_BYTES = 32 * LONGEST_ROW
"""Of the file: a batch of long rows has fewer of them."""
_STEP = 16
"""Rows that are taken before their size is looked at."""

_MOST_NAMES = 1_000
_LONGEST_NAME = 100

_PASSWORDS = 256
"""To be hashed in one batch: each takes longer than a thousand rows do."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that becomes no account, and why; `original` is the row, for the rejects file only."""

    number: int
    reason: str
    field: str | None
    detail: str
    original: Mapping[str, Any] | str = dataclasses.field(repr=False)

    def entry(self) -> Mapping[str, Any]:
        """What the rejects file says."""
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

    Those that are fit to become accounts, if nobody has their addresses, have the same place in
    `numbers`, `originals`, `passwords` and `rows`.
    """

    last: int
    numbers: Sequence[int]
    originals: Sequence[Mapping[str, Any]] = dataclasses.field(repr=False)
    passwords: Sequence[str | None] = dataclasses.field(repr=False)
    rows: Sequence[NewRow] = dataclasses.field(repr=False)
    refused: list[Refusal]

    @property
    def has_passwords(self) -> bool:
        return not is_empty(self.passwords)

    def refusal(self, place: int, reason: Reason, field: str | None, detail: str) -> Refusal:
        """What the row at this place is told, if it becomes no account after all."""
        return Refusal(self.numbers[place], reason.value, field, detail, self.originals[place])

    def refuse(self, refusals: Mapping[int, Refusal]) -> None:
        """Take out the rows at these places."""
        if not refusals:
            return
        stays = [place not in refusals for place in range(len(self.rows))]
        self.numbers = list(compress(self.numbers, stays))
        self.originals = list(compress(self.originals, stays))
        self.passwords = list(compress(self.passwords, stays))
        self.rows = list(compress(self.rows, stays))
        self.refused += refusals.values()

    def parts(self) -> Iterator["Batch"]:
        """The same in batches of which none has more passwords than are hashed in one."""
        hashed = [place for place, each in enumerate(self.passwords) if each is not None]
        ends = [place + 1 for place in hashed[_PASSWORDS - 1 :: _PASSWORDS]]
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
class Ignored:
    """Columns without a meaning, and how many rows have each: no more names than are worth it."""

    counts: Counter[str] = dataclasses.field(default_factory=Counter)
    has_others: bool = False

    def add(self, names: Iterable[str]) -> None:
        """Count the names of some rows' columns, each as often as it comes."""
        for name, count in Counter(names).items():
            short = name[:_LONGEST_NAME]
            if short in self.counts or len(self.counts) < _MOST_NAMES:
                self.counts[short] += count
            else:
                self.has_others = True


@dataclass(slots=True)
class Reading:
    """How the rows of a file are to be taken; what it has of no use is counted in `ignored`.

    Where the file breaks off behind its first row, the rows end, and `broken` tells why.
    """

    rows: Iterator[Row]
    read: ColumnReader
    knows: Callable[[str], bool]
    meter: Meter = dataclasses.field(default_factory=Meter)
    ignored: Ignored = dataclasses.field(default_factory=Ignored)
    broken: BrokenFile | None = None

    def batches(self, judge: Judge, done: int) -> Iterator[Batch]:
        """Batches of what comes after the first `done` rows; raises `BrokenFile` if none comes."""
        rows = self._to_the_break()
        for some in self._pieces(islice(rows, done)):
            self._note_columns(_readable(some))
        for some in self._pieces(rows):
            yield from self._batch(judge, done, some).parts()
            done += len(some)

    def _to_the_break(self) -> Iterator[Row]:
        has_rows = False
        try:
            for row in self.rows:
                has_rows = True
                yield row
        except BrokenFile as broken:
            if not has_rows:
                raise
            self.broken = broken

    def _pieces(self, rows: Iterator[Row]) -> Iterator[Sequence[Row]]:
        """Some rows at a time, which are neither many nor large."""
        some: list[Row] = []
        begun_at, length = self.meter.count, -1
        while len(some) > length:
            length = len(some)
            some.extend(islice(rows, min(_STEP, _ROWS - length)))
            if len(some) == _ROWS or self.meter.count - begun_at > _BYTES:
                yield some
                some, begun_at, length = [], self.meter.count, -1
        if some:
            yield some

    def _batch(self, judge: Judge, done: int, some: Sequence[Row]) -> Batch:
        numbers: Sequence[int] = range(done + 1, done + len(some) + 1)
        last, rows, refused = numbers[-1], _readable(some), []
        if len(rows) < len(some):
            numbered = list(zip(numbers, some, strict=True))
            numbers = [number for number, row in numbered if not isinstance(row, Unreadable)]
            refused = [
                Refusal(number, row.fault.value, None, row.detail, row.text)
                for number, row in numbered
                if isinstance(row, Unreadable)
            ]
        self._note_columns(rows)
        bad: BadRows = {}
        users = self.read(rows, bad)
        batch = Batch(last, numbers, rows, users.password, judge.judge(users, bad), refused)
        refusals = {
            place: batch.refusal(place, why.reason, why.field, why.detail)
            for place, why in bad.items()
        }
        batch.refuse(refusals)
        return batch

    def _note_columns(self, rows: Sequence[Mapping[str, Any]]) -> None:
        unknown = {name for name in set().union(*rows) if not self.knows(name)}
        if unknown:
            self.ignored.add(name for name in chain.from_iterable(rows) if name in unknown)


def _readable(rows: Sequence[Row]) -> list[Mapping[str, Any]]:
    return [row for row in rows if not isinstance(row, Unreadable)]
