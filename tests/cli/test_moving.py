"""Moving to another database by the command, on every pair of kinds that matters to it."""

import sqlite3
from pathlib import Path

import pytest

from gatepost.migrations.models import metadata
from tests.support.command import Gatepost


@pytest.fixture
def full(gatepost: Gatepost, fresh_database_url: str) -> Gatepost:
    """The command on a database with an admin and an event in it."""
    full = gatepost.having(DATABASE_URL=fresh_database_url)
    full.done("migrate")
    full.done("create-admin", "ada@example.com", "--generate")
    return full


def test_a_move_tells_what_it_moved_and_the_log_verifies_there(
    full: Gatepost, target_url: str
) -> None:
    report = full.json("move", "--to", target_url)
    rows = {each["name"]: each["rows"] for each in report["tables"]}
    assert set(rows) == set(metadata.tables)
    assert rows["gatepost_users"] == 1
    assert (report["rows"], report["dry_run"]) == (sum(rows.values()), False)
    assert all(len(each["digest"]) == 64 for each in report["tables"])
    moved = full.having(DATABASE_URL=target_url)
    assert [each["email"] for each in moved.json("users", "list")] == ["ada@example.com"]
    assert moved.json("audit", "verify")["status"] == "intact"


@pytest.mark.parametrize("target_kind", ["sqlite"])
def test_a_move_says_what_to_do_next(full: Gatepost, target_url: str) -> None:
    elsewhere = full.having(DATABASE_URL="sqlite:///./elsewhere.db")
    said = elsewhere.done("move", "--from", full.environ["DATABASE_URL"], "--to", target_url)
    assert "Moved " in said
    assert "keep SECRET_KEY, and run `gatepost audit verify`" in said
    assert not (full.folder / "elsewhere.db").exists()


def test_a_rehearsal_counts_and_writes_nothing(full: Gatepost, target_url: str) -> None:
    said = full.done("move", "--to", target_url, "--dry-run")
    assert "Would move " in said
    there = full.having(DATABASE_URL=target_url)
    assert "Run `gatepost migrate`" in there.refused("users", "list")
    report = full.json("move", "--to", target_url, "--dry-run")
    assert report["dry_run"] is True
    assert {each["digest"] for each in report["tables"]} == {None}


def test_a_rehearsal_makes_no_file(gatepost: Gatepost) -> None:
    gatepost.done("move", "--to", "sqlite:///./new.db", "--dry-run")
    assert not (gatepost.folder / "new.db").exists()


@pytest.mark.parametrize("target_kind", ["sqlite"])
def test_a_database_with_users_is_not_moved_into(full: Gatepost, target_url: str) -> None:
    full.json("move", "--to", target_url)
    for words in (("--dry-run",), ()):
        said = full.refused("move", "--to", target_url, *words)
        assert "is not empty: it has rows in " in said


def test_another_programs_tables_are_left_alone(gatepost: Gatepost, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE gatepost_users (name TEXT)")
    connection.close()
    said = gatepost.refused("move", "--to", "sqlite:///./other.db")
    assert "has a table gatepost_users that Gatepost did not make" in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--to", "sqlite:///./test.db"], "--to is the database that is to be moved"),
        (["--from", "sqlite:///./no.db", "--to", "sqlite:///./new.db"], "There is no SQLite file"),
        (["--to", "postgresql://a:s3cret@127.0.0.1:1/x"], "nothing listens there"),
    ],
)
def test_what_cannot_be_moved_is_a_sentence(
    gatepost: Gatepost, words: list[str], sentence: str
) -> None:
    said = gatepost.refused("move", *words)
    assert sentence in said
    assert "s3cret" not in said


def test_a_url_that_is_none_is_told_without_repeating_it(gatepost: Gatepost) -> None:
    said = gatepost.refused("move", "--to", "oracle://ada:s3cret@host/x", status=2)
    assert said.startswith("Error: --to names a database that is not supported")
    assert "s3cret" not in said


def test_a_schema_that_is_not_at_head_is_brought_there_first(bare: Gatepost) -> None:
    (bare.folder / "old.db").touch()
    old = bare.having(DATABASE_URL="sqlite:///./old.db")
    assert "Run `gatepost migrate`" in old.refused("move", "--to", "sqlite:///./new.db")
