"""Temporary folders: on a disk, else in memory, else none."""

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
"""The file in each folder that is locked by its process."""


@cache
def has_temporary_folder() -> bool:
    """Whether a folder for temporary files, such as `TMPDIR`, is writable, as SQLite needs."""
    try:
        tempfile.gettempdir()
    except OSError:
        return False
    return True


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path | None]:
    """A new folder, deleted when the block ends; None if none can be created.

    Also deletes folders of the same prefix whose processes were killed.
    """
    made = _make(prefix)
    if made is None:
        yield None
        return
    with made as name:
        folder = Path(name)
        claim = _claim(folder)
        _delete_abandoned(folder.parent, prefix)
        try:
            yield folder
        finally:
            if claim is not None:
                claim.close()


def _claim(folder: Path) -> BinaryIO | None:
    """Lock a file in a folder until this process ends, however it ends; None if that fails."""
    new = folder / f"{_CLAIM}.new"
    try:
        claim = new.open("wb")
    except OSError:
        return None
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        new.rename(folder / _CLAIM)  # so that the file never has this name without the lock
    except OSError:
        claim.close()
        return None
    return claim


def _delete_abandoned(place: Path, prefix: str) -> None:
    """Delete the folders of this user's processes that were killed."""
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
