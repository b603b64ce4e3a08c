"""The entry point: opens the accounts at a location, and identifies an import."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, TypeAlias

from gatepost.features.imports.batches import RowSource
from gatepost.files.formats import Format
from gatepost.importers.native import read_native_file
from gatepost.importers.options import SourceOptions
from gatepost.importers.source import ImportSource
from gatepost.runtime import Runtime

_PIECE = 1024 * 1024

ReadAs: TypeAlias = Format | SourceOptions
"""Gatepost's own format, or the system that the users come from."""


@contextmanager
def open_rows(
    location: str, file: BinaryIO | None, read_as: ReadAs, runtime: Runtime
) -> Iterator[RowSource]:
    """The accounts in the open file, or without one in a folder or a database of another system.

    Raises `BrokenFile`, also while the rows are read.
    """
    if isinstance(read_as, SourceOptions):
        is_supported = runtime.passwords.identify
        source = ImportSource(read_as, is_supported, runtime.clock.now())
        with source.open(location, file) as rows:
            yield rows
    else:
        assert file is not None  # noqa: S101 - Gatepost's own format is always in a file
        yield read_native_file(file, read_as)


def import_key(
    file: BinaryIO, read_as: ReadAs, *, allows_admins: bool, checks_passwords: bool
) -> str:
    """Identify an import: a hash of the file and the options. The file must be seekable."""
    digest = hashlib.sha256()
    while piece := file.read(_PIECE):
        digest.update(piece)
    file.seek(0)
    digest.update(f"{read_as} {allows_admins} {checks_passwords}".encode())
    return digest.hexdigest()
