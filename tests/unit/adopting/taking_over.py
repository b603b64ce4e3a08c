"""Takes over the users of a sample export, as an import does."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gatepost.adopting.adopters import Adoption
from gatepost.adopting.options import Options
from gatepost.features.accounts.imported_user import BadRow, ImportedUser
from gatepost.files.rows import Row, Unreadable
from gatepost.security.hash_pool import HashPool
from gatepost.security.passwords import Passwords
from tests.support.foreign_hashes import SIGNER_KEY
from tests.unit.security.cheap import cheap_settings

EXPORTS = Path(__file__).with_name("exports")
HASH_CONFIG = EXPORTS / "firebase-hash-config.txt"


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of each row, and what stays behind."""

    users: dict[str, ImportedUser]
    refused: dict[int, tuple[str, str | None]]
    left_behind: dict[str, int]


def recognises(hashed: str) -> bool:
    """As a service does that has the sample project's signer key."""
    pool = HashPool(threads=1, queue_limit=0)
    try:
        passwords = Passwords(cheap_settings(firebase_signer_key=SIGNER_KEY), pool)
        return passwords.recognises(hashed)
    finally:
        pool.close()


def begin(name: str, **options: Any) -> Adoption:
    usual: dict[str, Any] = {
        "now": datetime(2026, 11, 21, tzinfo=UTC),
        "recognises_hash": recognises,
    }
    return Adoption(name, Options(**usual | options))


def take(adoption: Adoption, rows: Iterator[Row]) -> Taken:
    users, refused = {}, {}
    for number, row in enumerate(rows, 1):
        assert not isinstance(row, Unreadable)
        try:
            user = adoption.read(row)
        except BadRow as bad:
            refused[number] = (bad.reason.value, bad.field)
        else:
            users[user.email.lower()] = user
    return Taken(users, refused, dict(adoption.left_behind))


def take_over(name: str, export: str, **options: Any) -> Taken:
    """Take over a file of the samples, or a folder of them."""
    adoption, path = begin(name, **options), EXPORTS / export
    if path.is_dir():
        return take(adoption, adoption.rows_of_folder(path))
    with path.open("rb") as file:
        return take(adoption, adoption.rows_of_file(file))
