"""Writes new files that only their owner can read."""

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

_OWNER_ONLY = 0o600


@contextmanager
def new_private_file(path: Path) -> Iterator[BinaryIO]:
    """A file that appears at `path` when the block ends, complete; a name in .gz compresses it.

    If the block fails, there is no file. Raises `OSError`, as where `path` exists by then.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        with _created(part) as file:
            yield file
        # Unlike a rename, this fails if the path exists.
        os.link(part, path, follow_symlinks=False)
    finally:
        with suppress(OSError):  # if nothing can be written, there is nothing to remove
            part.unlink()


@contextmanager
def _created(part: Path) -> Iterator[BinaryIO]:
    part.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(part, flags, _OWNER_ONLY), "wb") as file:
        if part.name.endswith(".gz.part"):
            with gzip.open(file, "wb") as compressed:
                yield cast("BinaryIO", compressed)
        else:
            yield file
        file.flush()
        os.fsync(file.fileno())
