"""The schema's history: up, down, alike on every database, and safe when several start at once."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, delete, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from gatepost.db.engine import open_engine
from gatepost.features.accounts.models import User
from gatepost.features.audit.models import AuditEvent
from gatepost.features.items.models import Item
from gatepost.features.sessions.models import Session
from gatepost.migrations import revisions
from gatepost.migrations.comparing import compare_type
from gatepost.migrations.exclusive import connect_exclusively
from gatepost.migrations.models import metadata
from gatepost.migrations.obstacles import Obstacle
from gatepost.migrations.revisions import (
    VERSION_TABLE,
    UnknownRevision,
    current_revision,
    head_revision,
)
from gatepost.migrations.runner import downgrade, upgrade
from gatepost.runtime import start_runtime
from gatepost.settings import DatabaseSettings
from gatepost.starting import prepare
from tests.support.service import make_settings

pytestmark = [pytest.mark.anyio, pytest.mark.every_database]

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)

MIGRATE = """
import asyncio, sys
from gatepost.db.engine import open_engine
from gatepost.migrations.runner import upgrade
from gatepost.settings import DatabaseSettings

async def main():
    engine = open_engine(DatabaseSettings(database_url=sys.argv[1]), without_statement_timeout=True)
    print("ready", flush=True)
    sys.stdin.readline()
    await upgrade(engine)
    await engine.dispose()

asyncio.run(main())
"""


@pytest.fixture
async def engine(fresh_database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on an empty database."""
    engine = open_engine(
        DatabaseSettings(database_url=fresh_database_url), without_statement_timeout=True
    )
    yield engine
    await engine.dispose()


@pytest.fixture
async def migrated(engine: AsyncEngine) -> AsyncEngine:
    """An engine on a database that is at head."""
    await upgrade(engine)
    return engine


def a_user(**columns: object) -> dict[str, Any]:
    key = columns.get("email_key", "ada@example.com")
    return {
        "email": key,
        "email_key": key,
        "role": "user",
        "is_active": True,
        "email_verified": False,
        "created_at": NOON,
        "updated_at": NOON,
        "password_changed_at": NOON,
        **columns,
    }


def a_session(user_id: int) -> dict[str, Any]:
    times = ("created_at", "authenticated_at", "renewed_at", "expires_at", "absolute_expires_at")
    return {
        "user_id": user_id,
        "role": "user",
        "method": "password",
        "generation": 0,
        **dict.fromkeys(times, NOON),
    }


def an_event(user_id: int, **columns: object) -> dict[str, Any]:
    required = {column.name for column in AuditEvent.__table__.columns if not column.nullable}
    return {**dict.fromkeys(required - {"id"}, "x"), "at": NOON, "user_id": user_id, **columns}


async def tables(engine: AsyncEngine) -> set[str]:
    async with engine.connect() as connection:
        return set(await connection.run_sync(lambda c: inspect(c).get_table_names()))


async def test_an_empty_database_has_no_revision_and_goes_up_to_head(engine: AsyncEngine) -> None:
    assert await current_revision(engine) is None
    assert await upgrade(engine) is True
    assert await current_revision(engine) == head_revision()
    assert await tables(engine) == set(metadata.tables) | {"gatepost_alembic_version"}


async def test_at_head_there_is_nothing_to_do(migrated: AsyncEngine) -> None:
    assert await upgrade(migrated) is False


async def test_all_the_way_down_leaves_nothing_and_up_again_works(migrated: AsyncEngine) -> None:
    await downgrade(migrated, "base")
    assert await current_revision(migrated) is None
    assert await tables(migrated) == {"gatepost_alembic_version"}
    await upgrade(migrated)
    assert await current_revision(migrated) == head_revision()


def differences_to_models(connection: Connection) -> list[Any]:
    options = {
        "compare_type": compare_type,
        "compare_server_default": True,
        "version_table": VERSION_TABLE,
    }
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


async def test_the_migrations_make_what_the_models_say(migrated: AsyncEngine) -> None:
    async with migrated.connect() as connection:
        assert await connection.run_sync(differences_to_models) == []


def names_in(connection: Connection) -> set[str]:
    """Every table, and every index and constraint that a host's own could clash with."""
    inspector = inspect(connection)
    names = set(inspector.get_table_names())
    for table in sorted(names):
        names |= {str(index["name"]) for index in inspector.get_indexes(table)}
        names |= {str(each["name"]) for each in inspector.get_unique_constraints(table)}
        names |= {str(each["name"]) for each in inspector.get_foreign_keys(table)}
        names.add(str(inspector.get_pk_constraint(table)["name"] or table))
    if connection.dialect.name == "postgresql":
        names |= set(inspector.get_sequence_names())
    return names - {"PRIMARY"}  # MariaDB keeps no name of a primary key


async def test_all_that_is_made_is_called_gatepost(migrated: AsyncEngine) -> None:
    async with migrated.connect() as connection:
        names = await connection.run_sync(names_in)
    assert len(names) > 30
    assert {name for name in names if "gatepost_" not in name} == set()


async def test_a_hosts_own_tables_of_the_same_purpose_are_left_alone(engine: AsyncEngine) -> None:
    theirs = (
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
        " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))",
        "INSERT INTO alembic_version (version_num) VALUES ('hosts')",
        "CREATE TABLE users (id INTEGER NOT NULL, role INTEGER,"
        " CONSTRAINT pk_users PRIMARY KEY (id), CONSTRAINT uq_users_email_key UNIQUE (role))",
        "CREATE INDEX ix_users_role_id ON users (role, id)",
        "CREATE TABLE items (id INTEGER NOT NULL, owner_id INTEGER, PRIMARY KEY (id),"
        " CONSTRAINT fk_items_owner_id_users FOREIGN KEY (owner_id) REFERENCES users (id))",
    )
    async with engine.begin() as connection:
        for statement in theirs:
            await connection.execute(text(statement))
    assert await current_revision(engine) is None
    assert await upgrade(engine) is True
    await downgrade(engine, "base")
    assert await tables(engine) == {"alembic_version", "users", "items", VERSION_TABLE}
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT version_num FROM alembic_version")) == "hosts"


async def test_a_schema_of_another_version_is_left_alone(migrated: AsyncEngine) -> None:
    async with migrated.begin() as connection:
        await connection.execute(
            text("UPDATE gatepost_alembic_version SET version_num = 'fromthefuture'")
        )
    with pytest.raises(UnknownRevision):
        await upgrade(migrated)
    with pytest.raises(UnknownRevision):
        await downgrade(migrated)
    assert set(metadata.tables) <= await tables(migrated)


@pytest.mark.slow
async def test_four_processes_at_once_migrate_an_empty_database(
    engine: AsyncEngine, fresh_database_url: str
) -> None:
    pipe = asyncio.subprocess.PIPE
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", MIGRATE, fresh_database_url, stdin=pipe, stdout=pipe, stderr=pipe
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    # All are warm and at the same line: this sets them off together.
    ends = await asyncio.gather(*(process.communicate(b"\n") for process in processes))
    assert [(p.returncode, e[1]) for p, e in zip(processes, ends, strict=True)] == [(0, b"")] * 4
    assert await current_revision(engine) == head_revision()


async def test_one_process_migrates_from_several_tasks_at_once(engine: AsyncEngine) -> None:
    await asyncio.gather(*(upgrade(engine) for _ in range(4)))
    assert await current_revision(engine) == head_revision()


async def test_a_time_comes_back_to_the_microsecond_and_in_utc(migrated: AsyncEngine) -> None:
    in_kathmandu = NOON.astimezone(timezone(timedelta(hours=5, minutes=45)))
    async with migrated.begin() as connection:
        await connection.execute(insert(User).values(a_user(created_at=in_kathmandu)))
        created_at = await connection.scalar(select(User.created_at))
    assert created_at == NOON
    assert created_at.tzinfo is UTC
    assert created_at.microsecond == 123456


async def test_a_time_without_a_zone_is_refused(migrated: AsyncEngine) -> None:
    async with migrated.connect() as connection:
        with pytest.raises(Exception, match="without a time zone"):
            await connection.execute(
                insert(User).values(a_user(created_at=NOON.replace(tzinfo=None)))
            )


@pytest.mark.parametrize(
    "other",
    [
        "Mike@example.com",
        "m\u0131ke@example.com",
        "m\u00efke@example.com",
        "mi\u212ae@example.com",
    ],
    ids=["case", "dotless i", "diaeresis", "Kelvin sign"],
)
async def test_keys_that_differ_in_any_character_are_two_users(
    migrated: AsyncEngine, other: str
) -> None:
    async with migrated.begin() as connection:
        for key in ("mike@example.com", other):
            await connection.execute(insert(User).values(a_user(email_key=key)))
        found = await connection.scalars(select(User.email_key).where(User.email_key == other))
        assert found.all() == [other]


@pytest.mark.parametrize("column", ["email_key", "username_key"])
async def test_one_key_is_one_user(migrated: AsyncEngine, column: str) -> None:
    first = {"email_key": "a@example.com", "username_key": "ada"}
    second = {"email_key": "b@example.com", "username_key": "bob", column: first[column]}
    async with migrated.begin() as connection:
        await connection.execute(insert(User).values(a_user(**first)))
    async with migrated.connect() as connection:
        with pytest.raises(IntegrityError):
            await connection.execute(insert(User).values(a_user(**second)))


async def test_any_number_of_users_have_no_username(migrated: AsyncEngine) -> None:
    async with migrated.begin() as connection:
        for number in range(3):
            await connection.execute(insert(User).values(a_user(email_key=f"{number}@example.com")))


async def test_keys_are_sorted_alike_by_every_database(migrated: AsyncEngine) -> None:
    keys = ["B@x.org", "_@x.org", "a@x.org", "z@x.org", "\u00e9@x.org", "\U0001f600@x.org"]
    async with migrated.begin() as connection:
        for key in reversed(keys):
            await connection.execute(insert(User).values(a_user(email_key=key)))
        found = await connection.scalars(select(User.email_key).order_by(User.email_key))
        assert found.all() == keys


async def test_an_id_is_not_given_again_after_its_row_is_deleted(migrated: AsyncEngine) -> None:
    ids: list[int | None] = []
    for _ in range(3):
        async with migrated.begin() as connection:
            await connection.execute(insert(User).values(a_user()))
            ids.append(await connection.scalar(select(User.id)))
            await connection.execute(delete(User))
    assert len(set(ids)) == 3
    assert ids == sorted(ids, key=lambda each: each or 0)


async def test_what_a_user_has_goes_with_the_user_and_the_log_stays(migrated: AsyncEngine) -> None:
    async with migrated.begin() as connection:
        await connection.execute(insert(User).values(a_user()))
        user_id = await connection.scalar(select(User.id))
        assert user_id is not None
        await connection.execute(insert(Session).values(a_session(user_id)))
        await connection.execute(
            insert(Item).values(owner_id=user_id, title="tea", created_at=NOON, updated_at=NOON)
        )
        await connection.execute(
            insert(AuditEvent).values(
                an_event(user_id, details={"emoji": "\U0001f600", "list": [1, None]})
            )
        )
        await connection.execute(delete(User).where(User.id == user_id))
        assert (await connection.scalars(select(Session.id))).all() == []
        assert (await connection.scalars(select(Item.id))).all() == []
        details = await connection.scalar(select(AuditEvent.details))
        assert details == {"emoji": "\U0001f600", "list": [1, None]}


async def test_a_session_needs_a_user(migrated: AsyncEngine) -> None:
    async with migrated.connect() as connection:
        with pytest.raises(IntegrityError):
            await connection.execute(insert(Session).values(a_session(12345)))


@pytest.mark.databases("sqlite")
async def test_foreign_keys_are_watched_again_after_a_migration(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        wait = await connection.scalar(text("PRAGMA busy_timeout"))
    await upgrade(engine)
    async with engine.connect() as connection:
        assert await connection.scalar(text("PRAGMA foreign_keys")) == 1
        assert await connection.scalar(text("PRAGMA busy_timeout")) == wait


async def test_a_migration_that_cannot_be_done_changes_nothing(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE gatepost_items (id INTEGER)"))
    with pytest.raises(Obstacle, match="The table gatepost_items exists already"):
        await upgrade(engine)
    assert await tables(engine) == {"gatepost_items"}
    assert await current_revision(engine) is None


RUN_ALEMBIC = """
import sys
from alembic.config import main

while "then" in (words := sys.argv[1:]):
    end = words.index("then")
    main(words[:end])
    del sys.argv[1 : end + 2]
main()
"""


async def run_alembic(
    url: str, *words: str, config: Path = Path("alembic.ini")
) -> tuple[int | None, str]:
    """Run Alembic's command; its exit status, and what it printed.

    Of several, with "then" between them, each that fails is the last. They are run by one process:
    to load Alembic and the models takes longer than most commands do.
    """
    environ = {"PATH": os.environ["PATH"], "DATABASE_URL": url, "ALEMBIC_CONFIG": str(config)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        RUN_ALEMBIC,
        *words,
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


@pytest.mark.slow
async def test_alembics_own_command_needs_nothing_but_the_database(fresh_database_url: str) -> None:
    commands = ("upgrade", "head", "then", "check", "then", "current", "then", "downgrade", "-1")
    status, said = await run_alembic(fresh_database_url, *commands)
    assert status == 0, said
    assert "No new upgrade operations" in said
    assert f"{head_revision()} (head)" in said


@pytest.mark.slow
async def test_alembics_own_command_tells_an_obstacle_in_a_sentence_and_changes_nothing(
    fresh_database_url: str,
) -> None:
    engine = open_engine(DatabaseSettings(database_url=fresh_database_url))
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE gatepost_items (id INTEGER)"))
    status, said = await run_alembic(fresh_database_url, "current", "then", "upgrade", "head")
    assert status == 1
    told = said.partition("The database cannot be migrated. ")[2]
    assert told.startswith("The table gatepost_items exists already"), said
    assert "Traceback" not in said
    assert await tables(engine) == {"gatepost_items"}
    async with engine.begin() as connection:
        await connection.execute(text("DROP TABLE gatepost_items"))
    commands = ("upgrade", "head", "then", "upgrade", "head")
    status, said = await run_alembic(fresh_database_url, *commands)
    assert status == 0, said
    await engine.dispose()


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A copy of alembic.ini and of the history beside it, to write to."""
    shutil.copy("alembic.ini", tmp_path)
    folder = Path("src/gatepost/migrations")
    shutil.copytree(folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / folder / "versions"


def files_in(history: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in history.glob("*.py")}


@pytest.mark.slow
@pytest.mark.usefixtures("migrated")
async def test_autogenerate_writes_no_file_where_there_is_nothing_to_do(
    fresh_database_url: str, history: Path
) -> None:
    config = history.parents[3] / "alembic.ini"
    before = files_in(history)
    command = ("revision", "--autogenerate", "-m", "nothing")
    status, said = await run_alembic(fresh_database_url, *command, config=config)
    assert (status, "there is nothing to migrate" in said) == (0, True), said
    assert files_in(history) == before


@pytest.mark.slow
async def test_autogenerate_writes_a_revision_that_the_service_can_read(
    fresh_database_url: str,
    migrated: AsyncEngine,
    history: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = history.parents[3] / "alembic.ini"
    async with migrated.begin() as connection:
        await connection.execute(text("DROP TABLE gatepost_items"))
    command = ("revision", "--autogenerate", "-m", "items again", "--rev-id", "0123456789ab")
    status, said = await run_alembic(
        fresh_database_url, *command, "then", "upgrade", "head", config=config
    )
    assert status == 0, said
    [written] = [
        text for name, text in files_in(history).items() if name.endswith("_items_again.py")
    ]
    assert "op.create_table(" in written
    monkeypatch.setattr(revisions, "_FOLDER", history)
    revisions._history.cache_clear()
    try:
        assert head_revision() == "0123456789ab"
    finally:
        monkeypatch.undo()
        revisions._history.cache_clear()


@pytest.mark.slow
async def test_alembics_own_command_tells_mistakes_without_a_traceback() -> None:
    status, said = await run_alembic("oracle://somewhere/gatepost", "current")
    assert status == 2
    assert "names a database that is not supported" in said
    assert "Traceback" not in said


@pytest.mark.slow
async def test_alembics_history_names_the_head() -> None:
    status, said = await run_alembic("sqlite:///./unused.db", "history")
    assert (status, f"{head_revision()} (head)" in said) == (0, True), said


@pytest.mark.databases("postgresql", "mariadb")
async def test_a_start_waits_for_a_migration_longer_than_for_other_statements(
    engine: AsyncEngine, fresh_database_url: str
) -> None:
    hasty = make_settings(
        fresh_database_url,
        migrate_on_start=True,
        database_statement_timeout_seconds=1,
        database_pool_timeout_seconds=1,
    )
    async with start_runtime(hasty) as runtime:
        async with connect_exclusively(engine):
            start = asyncio.create_task(prepare(runtime))
            # Whatever the machine's pace: the start cannot end before the block does.
            done, _ = await asyncio.wait({start}, timeout=3.5)
            assert not done
        await start
    assert await current_revision(engine) == head_revision()
