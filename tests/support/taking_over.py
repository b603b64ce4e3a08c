"""Takes over the users of a sample export, as an import does."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gatepost.features.imports.imported_user import BadRow, ImportedUser
from gatepost.files.rows import Row, UnreadableRow
from gatepost.importers.names import SystemName
from gatepost.importers.options import SourceOptions
from gatepost.importers.source import ImportSource
from gatepost.security.hash_pool import HashPool
from gatepost.security.passwords import Passwords
from tests.support.cheap_hashes import cheap_settings
from tests.support.foreign_hashes import SIGNER_KEY

NOW = datetime(2026, 11, 21, tzinfo=UTC)
EXPORTS = Path(__file__).with_name("exports")
HASH_CONFIG = EXPORTS / "firebase-hash-config.txt"


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of each row, and what stays behind."""

    users: dict[str, ImportedUser]
    refused: dict[int, tuple[str, str | None]]
    skipped: dict[str, int]


def identify(hashed: str) -> bool:
    """As a service does that has the sample project's signer key."""
    pool = HashPool(threads=1, queue_limit=0)
    try:
        passwords = Passwords(cheap_settings(firebase_signer_key=SIGNER_KEY), pool)
        return passwords.identify(hashed)
    finally:
        pool.close()


def begin(name: str, **options: Any) -> ImportSource:
    is_supported_hash = options.pop("is_supported_hash", identify)
    options = {"system": SystemName(name)} | options
    return ImportSource(SourceOptions(**options), is_supported_hash, NOW)


def take(source: ImportSource, rows: Iterator[Row]) -> Taken:
    users, refused = {}, {}
    for number, row in enumerate(rows, 1):
        assert not isinstance(row, UnreadableRow)
        try:
            user = source.read(row)
        except BadRow as bad:
            refused[number] = (bad.reason.value, bad.field)
        else:
            users[user.email.lower()] = user
    return Taken(users, refused, dict(source.skipped))


def take_over(name: str, export: str, **options: Any) -> Taken:
    """Take over a file of the samples, or a folder of them."""
    source, path = begin(name, **options), EXPORTS / export
    if path.is_dir():
        return take(source, source.rows_of_folder(path))
    with path.open("rb") as file:
        return take(source, source.rows_of_file(file))
