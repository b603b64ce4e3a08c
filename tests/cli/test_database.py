"""Migrating, checking and purging, on every database."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from gatepost.db.engine import open_engine
from gatepost.migrations.revisions import head_revision
from gatepost.purging import purges
from gatepost.security.argon2 import NATIVE_FOLDER
from gatepost.settings import DatabaseSettings
from tests.support.command import Gatepost

NAMES = {
    "sqlite": "SQLite file",
    "postgresql": "PostgreSQL database",
    "mariadb": "MariaDB database",
}


@pytest.fixture
def empty(gatepost: Gatepost, fresh_database_url: str) -> Gatepost:
    """The command on an empty database."""
    return gatepost.having(DATABASE_URL=fresh_database_url)


def test_migrating_makes_the_schema_once(empty: Gatepost) -> None:
    head = head_revision()
    assert empty.json("migrate") == {"from": None, "to": head, "changed": True}
    assert empty.json("migrate") == {"from": head, "to": head, "changed": False}
    assert empty.done("migrate") == f"The schema is up to date (revision {head}).\n"


def test_check_looks_at_everything(empty: Gatepost, database_kind: str) -> None:
    empty.done("migrate")
    report = empty.json("check")
    findings = {each["name"]: each["detail"] for each in report["checks"]}
    assert report["ok"] is True
    assert list(findings)[:5] == ["settings", "passwords", "database", "schema", "tokens"]
    assert NAMES[database_kind] in findings["database"]
    assert "version" in findings["database"]
    assert head_revision() in findings["schema"]
    assert "Argon2id" in findings["passwords"]
    assert "HS256" in findings["tokens"]


def test_check_prints_a_line_for_each(empty: Gatepost) -> None:
    empty.done("migrate")
    lines = empty.done("check").splitlines()
    assert [line.split()[:2] for line in lines[:5]] == [
        ["settings", "ok"],
        ["passwords", "ok"],
        ["database", "ok"],
        ["schema", "ok"],
        ["tokens", "ok"],
    ]


def test_check_tells_which_build_of_argon2_hashes(empty: Gatepost) -> None:
    empty.done("migrate")
    checks = empty.having(ARGON2_BACKEND="argon2-cffi").json("check")["checks"]
    assert "Argon2id by argon2-cffi, " in checks[1]["detail"]
    assert "native" not in checks[1]["detail"]


@pytest.mark.skipif(NATIVE_FOLDER.exists(), reason="make install NATIVE=1 has made one here")
def test_a_build_that_is_not_there_is_a_mistake_in_the_settings(empty: Gatepost) -> None:
    empty.done("migrate")
    said = empty.having(ARGON2_BACKEND="native").refused("check", status=2)
    assert "ARGON2_BACKEND is native, but there is no native build here" in said
    assert "make install NATIVE=1" in said


def test_check_counts_the_connections_of_all_processes(empty: Gatepost, database_kind: str) -> None:
    empty.done("migrate")
    finding = empty.having(WORKERS="3", DATABASE_POOL_SIZE="2").json("check")["checks"][-1]
    assert (finding["name"], finding["ok"], finding["warning"]) == ("connections", True, False)
    assert finding["detail"].startswith("3 processes of at most 2 connections")
    assert ("6 of the server's" in finding["detail"]) is (database_kind != "sqlite")


@pytest.mark.databases("postgresql", "mariadb")
def test_check_warns_of_more_connections_than_the_server_has(empty: Gatepost) -> None:
    empty.done("migrate")
    crowded = empty.having(WORKERS="256", DATABASE_POOL_SIZE="100")
    finding = crowded.json("check")["checks"][-1]
    assert (finding["ok"], finding["warning"]) == (True, True)
    assert "lower DATABASE_POOL_SIZE" in finding["detail"]
    assert ["connections", "warn"] in [
        line.split()[:2] for line in crowded.done("check").splitlines()
    ]


@pytest.mark.databases("postgresql")
def test_check_warns_of_a_replica_that_is_away(empty: Gatepost) -> None:
    empty.done("migrate")
    checks = empty.json("check")["checks"]
    [finding] = [each for each in checks if each["name"] == "replica"]
    assert (finding["ok"], finding["warning"]) == (True, False)
    away = empty.having(DATABASE_READ_URL="postgresql://ada:s3cret@127.0.0.1:1/gatepost")
    [finding] = [each for each in away.json("check")["checks"] if each["name"] == "replica"]
    assert (finding["ok"], finding["warning"]) == (True, True)
    assert "nothing listens there; lists are read from the primary database" in finding["detail"]
    assert "s3cret" not in finding["detail"]
    same = empty.having(DATABASE_READ_URL=empty.environ["DATABASE_URL"])
    [finding] = [each for each in same.json("check")["checks"] if each["name"] == "replica"]
    assert finding["detail"].endswith("ms away, at head")


def test_an_empty_database_fails_the_check_and_says_what_to_do(empty: Gatepost) -> None:
    result = empty.run("check")
    assert result.exit_code == 1
    assert "FAIL" in result.stdout
    assert "Run `gatepost migrate`." in result.stdout


def test_commands_ask_for_the_schema_before_they_touch_it(empty: Gatepost) -> None:
    assert "Run `gatepost migrate`." in empty.refused("users", "list")


def test_purging_counts_what_it_deletes(empty: Gatepost) -> None:
    empty.done("migrate")
    purged = empty.json("purge")
    assert set(purged) == set(purges())
    assert set(purged.values()) == {0}
    assert empty.done("purge").startswith(
        "Deleted 0 idempotent answers, 0 sessions, 0 signing keys"
    )


@pytest.mark.parametrize("words", [("check",), ("migrate",), ("users", "list"), ("purge",)])
@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_database_that_is_not_there_is_a_sentence_without_a_secret(
    gatepost: Gatepost, words: tuple[str, ...], scheme: str
) -> None:
    # Port 1 is tcpmux's: nothing has listened there for decades, and nobody else may bind it.
    away = gatepost.having(DATABASE_URL=f"{scheme}://ada:lovelace@127.0.0.1:1/gatepost")
    result = away.run(*words)
    assert result.exit_code == 1
    said = " ".join(result.output.split())
    assert "gatepost on 127.0.0.1:1: nothing listens there. Check DATABASE_URL" in said
    assert "lovelace" not in said


def test_a_file_that_is_no_database_is_a_sentence(gatepost: Gatepost) -> None:
    (gatepost.folder / "notes.txt").write_text("Dear diary, " * 200)
    said = gatepost.having(DATABASE_URL="sqlite:///./notes.txt").refused("migrate")
    assert said.startswith("Error: Cannot use the SQLite file ./notes.txt")


def test_a_folder_that_is_not_there_is_a_sentence(gatepost: Gatepost) -> None:
    said = gatepost.having(DATABASE_URL="sqlite:///./nowhere/gatepost.db").refused("migrate")
    assert "the file cannot be opened" in said


@pytest.mark.parametrize("words", [("check",), ("users", "list"), ("purge",), ("audit", "verify")])
def test_a_file_that_is_not_there_is_not_made_by_who_only_looks(
    gatepost: Gatepost, words: tuple[str, ...]
) -> None:
    result = gatepost.having(DATABASE_URL="sqlite:///./mistyped.db").run(*words)
    assert result.exit_code == 1
    assert "There is no SQLite file ./mistyped.db: it has not been created yet" in " ".join(
        result.output.split()
    )
    assert not list(gatepost.folder.glob("mistyped*"))


HOLD = {
    "sqlite": "SELECT 1",  # to begin is to hold it
    "postgresql": "LOCK TABLE gatepost_users IN ACCESS EXCLUSIVE MODE",
    "mysql": "LOCK TABLES gatepost_users WRITE",
}


@pytest.mark.slow
@pytest.mark.anyio
async def test_a_database_that_is_kept_from_us_is_a_sentence(
    empty: Gatepost, fresh_database_url: str
) -> None:
    hurried = empty.having(
        DATABASE_STATEMENT_TIMEOUT_SECONDS="2", DATABASE_POOL_TIMEOUT_SECONDS="30"
    )
    if fresh_database_url.startswith("sqlite"):
        hurried = empty.having(DATABASE_POOL_TIMEOUT_SECONDS="1")
    assert (await asyncio.to_thread(empty.run_process, "migrate")).returncode == 0
    engine = open_engine(
        DatabaseSettings(database_url=fresh_database_url), without_statement_timeout=True
    )
    async with engine.connect() as connection:
        await connection.execute(text(HOLD[connection.dialect.name]))
        words = ("users", "disable", "ada@example.com")
        result = await asyncio.to_thread(hurried.run_process, *words)
    await engine.dispose()
    assert result.returncode == 1
    assert result.stderr.startswith("Error: "), result.stderr
    assert result.stderr.count("\n") == 1, result.stderr


def test_a_schema_of_another_version_is_left_alone(gatepost: Gatepost) -> None:
    change_revision(gatepost.folder / "test.db", "fromthefuture")
    for words in (("migrate",), ("users", "list")):
        assert "made by another version of Gatepost" in gatepost.refused(*words)


def change_revision(file: Path, revision: str) -> None:
    connection = sqlite3.connect(file)
    connection.execute("UPDATE gatepost_alembic_version SET version_num = ?", (revision,))
    connection.commit()
    connection.close()
