"""What of a database's failures passes, and is answered 503, and what is a fault of ours."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gatepost.db.diagnosis import explain_failure, invalidates_connection
from gatepost.web.problems import DatabaseUnavailable, transient_problem


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with a table."""
    with closing(sqlite3.connect(tmp_path / "test.db")) as connection:
        connection.execute("CREATE TABLE notes (text UNIQUE)")
    return tmp_path / "test.db"


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
        yield connection


def may_only_be_read(connection: sqlite3.Connection, _: Path) -> None:
    connection.execute("PRAGMA query_only = ON")
    connection.execute("INSERT INTO notes VALUES ('a')")


def is_full(connection: sqlite3.Connection, _: Path) -> None:
    connection.execute("PRAGMA max_page_count = 3")
    connection.execute("INSERT INTO notes VALUES (zeroblob(100000))")


def is_locked(connection: sqlite3.Connection, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        connection.execute("BEGIN IMMEDIATE")


def cannot_be_opened(_: sqlite3.Connection, path: Path) -> None:
    with closing(sqlite3.connect(path.parent)) as folder:
        folder.execute("SELECT 1 FROM notes")


def is_broken_by_the_disk(_connection: sqlite3.Connection, _path: Path) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    raise error


def is_misspelt(connection: sqlite3.Connection, _: Path) -> None:
    connection.execute("INSERT INTO nots VALUES ('locked')")


def is_taken(connection: sqlite3.Connection, _path: Path) -> None:
    for _ in range(2):
        connection.execute("INSERT INTO notes VALUES ('unable to open')")


Fault = Callable[[sqlite3.Connection, Path], None]


def error_of(fault: Fault, connection: sqlite3.Connection, path: Path) -> OperationalError:
    with pytest.raises(sqlite3.Error) as caught:
        fault(connection, path)
    return OperationalError("INSERT", None, caught.value)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (may_only_be_read, "the file may only be read"),
        (is_full, "the disk is full"),
        (is_locked, "another program keeps the file locked"),
        (cannot_be_opened, "the file cannot be opened"),
        (is_broken_by_the_disk, "the file cannot be read or written, or may grow no more"),
    ],
)
def test_a_file_that_fails_for_a_while_asks_to_come_back(
    fault: Fault, reason: str, connection: sqlite3.Connection, path: Path
) -> None:
    error = error_of(fault, connection, path)
    problem = transient_problem(error)
    assert isinstance(problem, DatabaseUnavailable)
    assert int(problem.headers["Retry-After"]) > 0
    assert explain_failure(error) == reason


@pytest.mark.parametrize("fault", [is_misspelt, is_taken])
def test_a_fault_of_ours_does_not_pass_whatever_words_are_in_it(
    fault: Fault, connection: sqlite3.Connection, path: Path
) -> None:
    assert transient_problem(error_of(fault, connection, path)) is None


@pytest.mark.parametrize(
    ("fault", "is_spoilt"),
    [(may_only_be_read, True), (is_broken_by_the_disk, True), (is_full, False), (is_locked, False)],
)
def test_only_a_connection_that_would_not_recover_is_given_up(
    fault: Fault, is_spoilt: bool, connection: sqlite3.Connection, path: Path
) -> None:
    error = error_of(fault, connection, path)
    assert invalidates_connection(error.orig) is is_spoilt


class ServersError(Exception):
    """As a driver raises it: asyncpg's has a SQLSTATE, asyncmy's begins with a number."""

    def __init__(self, *words: object, sqlstate: str | None = None) -> None:
        super().__init__(*words)
        self.sqlstate = sqlstate


def of_postgresql(sqlstate: str) -> OperationalError:
    return OperationalError("INSERT", None, ServersError("no", sqlstate=sqlstate))


def of_mariadb(code: int) -> OperationalError:
    return OperationalError("INSERT", None, ServersError(code, "no"))


@pytest.mark.parametrize(
    ("error", "reason", "is_spoilt"),
    [
        (of_postgresql("25006"), "it may only be read", True),
        (of_postgresql("53100"), "its disk is full", False),
        (of_postgresql("53200"), "it has no memory left", False),
        (of_postgresql("53300"), "it has no connection left (no)", False),
        (of_mariadb(1021), "its disk is full", False),
        (of_mariadb(1047), "its node is cut off from its cluster", True),
        (of_mariadb(1114), "a table or its disk is full", False),
        (of_mariadb(1203), "it has no connection left", False),
        (of_mariadb(1226), "it has no connection left", False),
        (of_mariadb(1290), "it may only be read", True),
        (of_mariadb(1792), "it may only be read", True),
        (of_mariadb(1836), "it may only be read", True),
    ],
)
def test_a_server_that_fails_for_a_while_asks_to_come_back(
    error: OperationalError, reason: str, *, is_spoilt: bool
) -> None:
    problem = transient_problem(error)
    assert isinstance(problem, DatabaseUnavailable)
    assert int(problem.headers["Retry-After"]) > 0
    assert explain_failure(error) == reason
    assert invalidates_connection(error.orig) is is_spoilt


@pytest.mark.parametrize("error", [of_postgresql("23505"), of_mariadb(1062), of_mariadb(1146)])
def test_a_servers_other_refusals_are_faults_of_ours(error: OperationalError) -> None:
    assert transient_problem(error) is None
    assert not invalidates_connection(error.orig)


def test_a_pool_without_a_free_connection_is_told_as_such() -> None:
    assert explain_failure(PoolTimeout()) == "every connection to it is in use"
