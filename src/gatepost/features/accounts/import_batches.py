"""Turns the rows of a file into batches that are ready to be inserted, but for their passwords."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from gatepost.features.accounts.imported_user import BadRow, Reason, RowReader
from gatepost.features.accounts.judging import Judge, NewRow
from gatepost.files.framing import Row, Unreadable

_ROWS = 5_000

_PASSWORDS = 256
"""To be hashed in one batch: each takes longer than a thousand rows do."""


@dataclass(slots=True)  # not frozen, as `ImportedUser`
class Candidate:
    """A row that is fit to become an account, if nobody has its address."""

    number: int
    original: Mapping[str, Any] = dataclasses.field(repr=False)
    password: str | None = dataclasses.field(repr=False)


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
    """Neighbouring rows of the file, up to row number `last`; candidates and rows go together."""

    last: int
    candidates: list[Candidate]
    rows: list[NewRow]
    refused: list[Refusal]

    @property
    def has_passwords(self) -> bool:
        return any(candidate.password is not None for candidate in self.candidates)


@dataclass(frozen=True, slots=True)
class Reading:
    """How the rows of a file are to be taken; what it has of no use is counted in `ignored`."""

    rows: Iterator[Row]
    read: RowReader
    known_columns: frozenset[str] | None
    ignored: Counter[str] = dataclasses.field(default_factory=Counter)

    def batches(self, judge: Judge, done: int) -> Iterator[Batch]:
        """Batches of what comes after the first `done` rows."""
        number = 0
        for row in islice(self.rows, done):
            number += 1
            self._note_columns(row)
        while some := self._next_batch(judge, number):
            number = some.last
            yield some

    def _next_batch(self, judge: Judge, done: int) -> Batch | None:
        batch = Batch(done, [], [], [])
        passwords = 0
        for number, row in enumerate(islice(self.rows, _ROWS), done + 1):
            batch.last = number
            self._note_columns(row)
            passwords += self._take(batch, judge, number, row)
            if passwords >= _PASSWORDS:
                break
        return batch if batch.last > done else None

    def _take(self, batch: Batch, judge: Judge, number: int, row: Row) -> bool:
        """Add a row to the batch; whether a password of it is to be hashed."""
        if isinstance(row, Unreadable):
            batch.refused.append(Refusal(number, row.fault.value, None, row.detail, row.text))
            return False
        try:
            user = self.read(row)
            new = judge.judge(user)
        except BadRow as bad:
            refusal = Refusal(number, bad.reason.value, bad.field, bad.detail, row)
            batch.refused.append(refusal)
            return False
        batch.candidates.append(Candidate(number, row, user.password))
        batch.rows.append(new)
        return user.password is not None

    def _note_columns(self, row: Row) -> None:
        known = self.known_columns
        if known is not None and not isinstance(row, Unreadable) and not row.keys() <= known:
            self.ignored.update(row.keys() - known)


def refuse(candidate: Candidate, reason: Reason, field: str, detail: str) -> Refusal:
    """A candidate that becomes no account after all."""
    return Refusal(candidate.number, reason.value, field, detail, candidate.original)
