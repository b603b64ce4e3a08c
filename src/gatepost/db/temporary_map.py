"""A dictionary in a temporary file, for data that does not fit into memory."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType

from gatepost.files.temporary import has_temporary_folder

_KEYS_IN_A_QUERY = 500


class TemporaryDiskMap:
    """Texts by text, in a temporary file that only this process can open.

    In memory where there is no place for such a file.
    """

    def __init__(self) -> None:
        """Open it, empty; any thread may use it, one at a time."""
        # SQLite makes the file once there is much to keep: too late to find that it cannot.
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
        """Remember them; what is there already stays as it is."""
        self._file.executemany("INSERT OR IGNORE INTO texts VALUES (?, ?)", pairs)

    def find(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Those of the keys that are there, with their values."""
        found: dict[str, str] = {}
        for start in range(0, len(keys), _KEYS_IN_A_QUERY):
            some = keys[start : start + _KEYS_IN_A_QUERY]
            marks = ",".join("?" * len(some))
            query = f"SELECT key, value FROM texts WHERE key IN ({marks})"  # noqa: S608 - marks only
            found.update(self._file.execute(query, some))
        return found
