"""Files of users to import, as many as are wanted: with hashes, as another system exports them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from argon2 import PasswordHasher

from bench.subjects.subject import PASSWORD

_FIRST = datetime(2020, 1, 1, tzinfo=UTC)
_BETWEEN = timedelta(minutes=8, seconds=37)
_CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def address(number: int) -> str:
    """The email address of the user of this number."""
    return f"somebody-{number:07}@example.org"


def write_users(path: Path, count: int) -> None:
    """Write so many users as JSON Lines."""
    hashed = _CHEAP.hash(PASSWORD)
    with path.open("w") as file:
        file.writelines(_lines(count, hashed))


def _lines(count: int, hashed: str) -> Iterator[str]:
    for number in range(count):
        user = {
            "email": address(number),
            "full_name": f"Somebody {number}",
            "password_hash": hashed,
            "email_verified": True,
            "created_at": f"{_FIRST + number * _BETWEEN:%Y-%m-%dT%H:%M:%SZ}",
        }
        yield json.dumps(user) + "\n"
