"""The file of rows that were refused: for its owner's eyes only, since it repeats them whole."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_OWNER_ONLY = 0o600


class RejectsFile:
    """A JSON object a line, made when there is a first one.

    Whoever keeps its size beside their own progress can go back to it: `write` cuts off what was
    written after.
    """

    def __init__(self, path: Path) -> None:
        """Take where the file is to be; nothing is opened yet."""
        self.path = path

    @property
    def size(self) -> int:
        """In bytes; 0 where there is no file."""
        try:
            return self.path.lstat().st_size
        except FileNotFoundError:
            return 0

    def write(self, after: int, entries: Iterable[Mapping[str, Any]]) -> int:
        """Leave `after` bytes and add the entries, safe on the disk; returns the new size."""
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
