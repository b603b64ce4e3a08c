"""A dictionary in a temporary file, for data that does not fit into memory."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType

from gatepost.files.temporary import has_temporary_folder

_KEYS_IN_A_QUERY = 500


class TemporaryDiskMap:
    """A map of texts in a temporary file that only this process can open.

    It is in memory if no temporary file can be created.
    """

    def __init__(self) -> None:
        """Open an empty map, which any one thread at a time may use."""
        # SQLite creates the file only when it has much data, and would fail then.
        place = "" if has_temporary_folder() else ":memory:"
        self._file = sqlite3.connect(place, isolation_level=None, check_same_thread=False)
        self._file.execute("PRAGMA journal_mode = OFF")
        self._file.execute("PRAGMA synchronous = OFF")
        self._file.execute("CREATE TABLE texts (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID")

    def __enter__(self) -> "TemporaryDiskMap":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def put(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Add the pairs whose keys are new; existing pairs stay."""
        self._file.executemany("INSERT OR IGNORE INTO texts VALUES (?, ?)", pairs)

    def find(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Return the existing keys of these, with their values."""
        found: dict[str, str] = {}
        for start in range(0, len(keys), _KEYS_IN_A_QUERY):
            some = keys[start : start + _KEYS_IN_A_QUERY]
            marks = ",".join("?" * len(some))
            query = f"SELECT key, value FROM texts WHERE key IN ({marks})"  # noqa: S608 - marks only
            found.update(self._file.execute(query, some))
        return found
