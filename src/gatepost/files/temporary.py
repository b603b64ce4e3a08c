"""Where there is room for files that nobody keeps: a folder on a disk, memory, or nowhere."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

_IN_MEMORY = "/dev/shm"  # noqa: S108 - a name of its own is made in it, as in any such folder

_CLAIM = "claim"
"""The file in a folder that its process keeps locked."""


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
    """A new folder, gone when the block ends; None where nothing can be written anywhere.

    Those of the same prefix go, too, whose processes were killed.
    """
    made = _make(prefix)
    if made is None:
        yield None
        return
    with made as name:
        folder = Path(name)
        claim = _claim(folder)
        _delete_forsaken(folder.parent, prefix)
        try:
            yield folder
        finally:
            if claim is not None:
                claim.close()


def _claim(folder: Path) -> BinaryIO | None:
    """Lock a file in a folder until this process ends, however it ends; None where nobody can."""
    new = folder / f"{_CLAIM}.new"
    try:
        claim = new.open("wb")
    except OSError:
        return None
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        new.rename(folder / _CLAIM)  # by this name nobody sees it without the lock
    except OSError:
        claim.close()
        return None
    return claim


def _delete_forsaken(place: Path, prefix: str) -> None:
    """Delete the folders of this user's processes that were killed, and so left them behind."""
    for folder in place.glob(f"{prefix}*"):
        with suppress(OSError):
            if folder.lstat().st_uid != os.geteuid() or folder.is_symlink():
                continue
            with (folder / _CLAIM).open("rb") as claim:
                fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)


def _make(prefix: str) -> tempfile.TemporaryDirectory[str] | None:
    for place in (None, _IN_MEMORY):
        try:
            return tempfile.TemporaryDirectory(prefix=prefix, dir=place, ignore_cleanup_errors=True)
        except OSError:
            continue
    return None
