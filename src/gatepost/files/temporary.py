"""Where there is room for files that nobody keeps: a folder on a disk, memory, or nowhere."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

_IN_MEMORY = "/dev/shm"  # noqa: S108 - a name of its own is made in it, as in any such folder


@cache
def has_temporary_folder() -> bool:
    """Whether files that SQLite makes for a while have a place; `TMPDIR` names one."""
    try:
        tempfile.gettempdir()
    except OSError:
        return False
    return True


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path | None]:
    """A new folder, gone when the block ends; None where nothing can be written anywhere."""
    made = _make(prefix)
    if made is None:
        yield None
        return
    with made as folder:
        yield Path(folder)


def _make(prefix: str) -> tempfile.TemporaryDirectory[str] | None:
    for place in (None, _IN_MEMORY):
        try:
            return tempfile.TemporaryDirectory(prefix=prefix, dir=place, ignore_cleanup_errors=True)
        except OSError:
            continue
    return None
