"""The file of refused rows, which only its owner can read: it repeats the rows."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_OWNER_ONLY = 0o600


class RejectsFile:
    """JSON Lines, created with the first entry.

    An import stores the size with its progress, and `write` truncates to it: entries of a batch
    that was not committed are overwritten.
    """

    def __init__(self, path: Path) -> None:
        """Take the path; nothing is opened yet."""
        self.path = path

    @property
    def size(self) -> int:
        """The size in bytes; 0 if there is no file."""
        try:
            return self.path.lstat().st_size
        except FileNotFoundError:
            return 0

    def write(self, after: int, entries: Iterable[Mapping[str, Any]]) -> int:
        """Truncate to `after` bytes, append the entries, sync, and return the new size."""
        written = b"".join(
            json.dumps(entry, ensure_ascii=False, default=str).encode(errors="backslashreplace")
            + b"\n"
            for entry in entries
        )
        if not written and self.size <= after:
            return after
        with self._open() as file:
            file.truncate(after)
            file.seek(after)
            file.write(written)
            file.flush()
            os.fsync(file.fileno())
        return after + len(written)

    def _open(self) -> Any:  # noqa: ANN401 - a binary file
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, _OWNER_ONLY)
        os.fchmod(descriptor, _OWNER_ONLY)
        return os.fdopen(descriptor, "r+b")
