"""What tells that only another transaction was in the way."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from gatepost.db.diagnosis import is_transaction_conflict


def test_a_reader_that_turns_writer_too_late_may_try_again(tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as first,
        closing(sqlite3.connect(path, isolation_level=None)) as second,
    ):
        first.execute("PRAGMA journal_mode = WAL")
        first.execute("CREATE TABLE things (id INTEGER)")
        first.execute("BEGIN")
        first.execute("SELECT * FROM things").fetchall()
        second.execute("INSERT INTO things VALUES (1)")
        with pytest.raises(sqlite3.OperationalError) as refused:
            first.execute("INSERT INTO things VALUES (2)")
    error = OperationalError("INSERT", None, refused.value)
    assert is_transaction_conflict(error)


def test_a_file_that_is_kept_locked_is_not_waited_for_again(tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as first,
        closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as second,
    ):
        first.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError) as refused:
            second.execute("BEGIN IMMEDIATE")
    assert not is_transaction_conflict(OperationalError("BEGIN", None, refused.value))
