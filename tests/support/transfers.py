"""Files of accounts for the tests that import them, and what became of them."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.support.command import Gatepost

HASH = (
    "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$EvSBmmPBK0M/gSZ6wPnRmVWrHFDAYh2lcnWtfuMCVwQ"
)


def a_row(number: int, **changes: object) -> dict[str, object]:
    """A row that becomes an account, if nobody has its address."""
    row: dict[str, object] = {
        "email": f"user{number}@example.com",
        "username": f"user{number}",
        "full_name": f"User {number}",
        "created_at": "2024-05-01T12:00:00.123456Z",
        "updated_at": "2025-05-01T14:00:00+02:00",
        "password_hash": HASH,
    }
    return row | changes


def write_rows(path: Path, rows: Iterable[Mapping[str, object]]) -> str:
    """Write JSON Lines; returns the path as a word of a command."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return str(path)


def imported(gatepost: Gatepost, *words: str, status: int = 0) -> dict[str, Any]:
    """Import, and return what the command tells in JSON."""
    result = gatepost.run("import-users", *words, "--json")
    assert result.exit_code == status, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def exported(gatepost: Gatepost, *words: str) -> list[dict[str, Any]]:
    """Every account, as an export writes it."""
    return [json.loads(line) for line in gatepost.done("export-users", *words).splitlines()]


def rejected(path: Path) -> list[dict[str, Any]]:
    """The entries of a rejects file; none where there is no file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
