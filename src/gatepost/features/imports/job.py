"""The job, the progress and the result of an import."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gatepost.features.imports.batches import RowSource


class ImportStopped(Exception):  # noqa: N818 - it says what happened
    """The import cannot start or continue; the message is a sentence for the operator."""


class RejectSink(Protocol):
    """Where refused rows are written, such as `files.rejects.RejectsFile`."""

    @property
    def size(self) -> int: ...

    def write(self, after: int, entries: Sequence[Mapping[str, object]]) -> int:
        """Truncate to `after` bytes, append the entries, and return the new size."""


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """The number of rows processed so far, and what became of them."""

    row_count: int = 0
    made: int = 0
    already_there: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    rejects_size: int = 0

    @property
    def refused_count(self) -> int:
        return sum(self.refused.values())


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """The result of an import.

    `resumed_after` is the number of rows that earlier runs had processed. `finished_at` is set if
    one of those had finished, so that this run did nothing. `broken` says why the file could not be
    read to its end.
    """

    progress: ImportProgress
    resumed_after: int = 0
    finished_at: datetime | None = None
    broken: str | None = None


@dataclass(frozen=True, slots=True)
class ImportJob:
    """One import: its rows, its options, and a callback for its progress.

    `key` identifies the file and the options. None if the source may change between two runs: then
    no progress is stored, and a second run starts at the first row. `restarts` discards the stored
    progress.
    """

    source: RowSource
    key: str | None
    rejects: RejectSink
    allows_admins: bool = False
    checks_passwords: bool = False
    restarts: bool = False
    on_progress: Callable[[ImportProgress], None] = lambda _: None

    @property
    def broken(self) -> str | None:
        """Why the file could not be read to its end."""
        return None if self.source.broken is None else str(self.source.broken)
