"""A migration that is killed, wherever it is, goes on when it is run again."""

import asyncio
import itertools
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gatepost.db.engine import open_engine
from gatepost.migrations import revisions, runner
from gatepost.migrations.models import metadata
from gatepost.migrations.resuming import STEPS_TABLE, MigrationChanged
from gatepost.migrations.revisions import VERSION_TABLE, current_revision, head_revision
from gatepost.migrations.runner import downgrade, upgrade
from gatepost.settings import DatabaseSettings
from tests.integration.test_migrations import differences_to_models, tables

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

CHANGES = re.compile(r"\s*(CREATE|ALTER|DROP|INSERT|UPDATE|DELETE|RENAME)", re.IGNORECASE)


class Killed(BaseException):
    """The process is no more, as far as the database can tell."""


@pytest.fixture
async def engine(fresh_database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(
        DatabaseSettings(database_url=fresh_database_url), without_statement_timeout=True
    )
    yield engine
    await engine.dispose()


@contextmanager
def killed_before(engine: AsyncEngine, number: int, since: str = "") -> Iterator[None]:
    """End what runs within just before its statement of this number that changes something.

    They are counted from the first one that begins with `since`, which is number 0, if it is given.
    """
    counter = itertools.count(0 if since else 1)
    is_counting = not since

    def kill(*arguments: Any) -> None:
        nonlocal is_counting
        is_counting = is_counting or arguments[2].startswith(since)
        if is_counting and CHANGES.match(arguments[2]) and next(counter) == number:
            raise Killed

    event.listen(engine.sync_engine, "before_cursor_execute", kill)
    try:
        yield
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", kill)


async def is_killed_before(engine: AsyncEngine, number: int, since: str = "") -> bool:
    """Migrate, and be killed; False where there are fewer statements."""
    try:
        with killed_before(engine, number, since):
            await upgrade(engine)
    except Killed:
        return True
    return False


async def drop_everything(engine: AsyncEngine) -> None:
    def drop(connection: Connection) -> None:
        is_mariadb = connection.dialect.name == "mysql"
        if is_mariadb:
            connection.execute(text("SET foreign_key_checks = 0"))
        for name in inspect(connection).get_table_names():
            cascade = " CASCADE" if connection.dialect.name == "postgresql" else ""
            connection.execute(text(f"DROP TABLE {name}{cascade}"))
        if is_mariadb:
            connection.execute(text("SET foreign_key_checks = 1"))

    async with engine.begin() as connection:
        await connection.run_sync(drop)


async def is_whole(engine: AsyncEngine) -> bool:
    assert await current_revision(engine) == head_revision()
    assert await tables(engine) == set(metadata.tables) | {VERSION_TABLE}
    async with engine.connect() as connection:
        return await connection.run_sync(differences_to_models) == []


async def migrate_by_small_steps(engine: AsyncEngine, number: int, most: int) -> int:
    """Migrate, each run killed at most so many statements after its first note; how many runs.

    A change and its note are two statements; from the last note of a revision to the first change
    of the next one there are five. What changes rows is done again until a change of a table ends
    its transaction.
    """
    for first in range(1, 7):  # what comes before the first note
        assert await is_killed_before(engine, first)
    for run in range(100):
        after = 1 + (number + run) % most
        if not await is_killed_before(engine, after, since=f"UPDATE {STEPS_TABLE}"):
            return run
    raise AssertionError("the migration gets no further")


# Before a change, between a change and its note, and before the notes are thrown away.
KILLED_AFTER_A_NOTE = pytest.mark.parametrize("number", [0, 1])


@pytest.mark.databases("mariadb")
@KILLED_AFTER_A_NOTE
async def test_killed_at_each_statement_it_goes_on(engine: AsyncEngine, number: int) -> None:
    assert await migrate_by_small_steps(engine, number, most=6) > 10
    assert await is_whole(engine)


@pytest.mark.databases("sqlite", "postgresql")
async def test_killed_anywhere_it_begins_anew(engine: AsyncEngine) -> None:
    for number in itertools.count(1, 5):
        if not await is_killed_before(engine, number):
            break
        assert await tables(engine) == set()
    assert number > 20
    assert await is_whole(engine)


@pytest.mark.databases("mariadb")
async def test_a_downgrade_that_is_killed_goes_on(engine: AsyncEngine) -> None:
    for number in (2, 3, 9):
        await upgrade(engine)
        with pytest.raises(Killed), killed_before(engine, number):
            await downgrade(engine, "base")
        await downgrade(engine, "base")
        assert await tables(engine) == {VERSION_TABLE}


@pytest.mark.databases("mariadb")
async def test_nothing_else_goes_on_from_where_a_migration_was_killed(engine: AsyncEngine) -> None:
    await upgrade(engine)
    with pytest.raises(Killed), killed_before(engine, 8):
        await downgrade(engine, "base")
    async with engine.begin() as connection:
        # As if the killed one had been an upgrade to a revision that this version does not have.
        await connection.execute(text(f"UPDATE {STEPS_TABLE} SET digest = 'of something else'"))
    with pytest.raises(MigrationChanged):
        await downgrade(engine, "base")


@pytest.mark.databases("mariadb")
async def test_a_server_with_other_defaults_is_migrated(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        name = engine.url.database
        await connection.execute(
            text(f"ALTER DATABASE {name} CHARACTER SET latin1 COLLATE latin1_swedish_ci")
        )
    for mode in ("ANSI_QUOTES,STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES", ""):
        async with other_defaults(engine, f"default_storage_engine = MyISAM, sql_mode = '{mode}'"):
            assert await upgrade(engine) is True
        async with engine.connect() as connection:
            engines = await connection.scalars(
                text("SELECT engine FROM information_schema.tables WHERE table_schema = database()")
            )
            assert set(engines) == {"InnoDB"}
        assert await is_whole(engine)
        await drop_everything(engine)


@asynccontextmanager
async def other_defaults(engine: AsyncEngine, words: str) -> AsyncIterator[None]:
    def set_defaults(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(f"SET SESSION {words}")
        cursor.close()

    event.listen(engine.sync_engine, "connect", set_defaults)
    await engine.dispose()
    try:
        yield
    finally:
        event.remove(engine.sync_engine, "connect", set_defaults)
        await engine.dispose()


MIGRATE_AND_DIE = """
import asyncio, os, signal, sys
from sqlalchemy import event
from gatepost.db.engine import open_engine
from gatepost.migrations.runner import upgrade
from gatepost.settings import DatabaseSettings

engine = open_engine(DatabaseSettings(database_url=sys.argv[1]), without_statement_timeout=True)

@event.listens_for(engine.sync_engine, "after_cursor_execute")
def die(connection, cursor, statement, *_):
    if "CREATE TABLE gatepost_sessions" in statement:
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(upgrade(engine))
"""


async def test_a_process_that_is_killed_leaves_what_the_next_one_completes(
    engine: AsyncEngine, fresh_database_url: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MIGRATE_AND_DIE, fresh_database_url
    )
    assert await process.wait() == -signal.SIGKILL
    await upgrade(engine)
    assert await is_whole(engine)


# A later history: it changes tables that have rows, and the rows.

LATER = """
revision: str = "{revision}"
down_revision: str | None = "{previous}"
branch_labels = None
depends_on = None

import sqlalchemy as sa
from alembic import op


def upgrade() -> None:
{steps}


def downgrade() -> None:
    pass
"""
FIRST = """
    op.add_column("gatepost_items", sa.Column("note", sa.String(20)))
    op.execute("UPDATE gatepost_items SET note = 'a'")
    op.create_index("ix_gatepost_items_note", "gatepost_items", ["note"])
    add = sa.text("UPDATE gatepost_items SET title = concat(title, :more)")
    op.execute(add.bindparams(more="!"))
    op.create_table("gatepost_notes", sa.Column("id", sa.Integer, primary_key=True))
    op.bulk_insert(sa.table("gatepost_notes", sa.column("id")), [{"id": 1}, {"id": 2}])
"""
SECOND = """
    op.drop_index("ix_gatepost_items_note", "gatepost_items")
    op.drop_column("gatepost_items", "note")
    op.rename_table("gatepost_notes", "gatepost_marks")
    op.execute("UPDATE gatepost_items SET title = concat(title, '?')")
    op.add_column("gatepost_items", sa.Column("note", sa.Integer))
"""


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The history, with two revisions more."""
    folder = tmp_path / "migrations"
    shutil.copytree(Path(runner.__file__).parent, folder)
    first = head_revision()
    for revision, previous, steps in (
        ("aaaaaaaaaaaa", first, FIRST),
        ("bbbbbbbbbbbb", "aaaaaaaaaaaa", SECOND),
    ):
        # The service reads the lines of each file.
        lines = LATER.format(revision=revision, previous=previous, steps=steps)
        (folder / "versions" / f"{revision}.py").write_text(lines)
    monkeypatch.setattr(runner, "__file__", str(folder / "runner.py"))
    monkeypatch.setattr(revisions, "_FOLDER", folder / "versions")
    revisions._history.cache_clear()
    yield
    monkeypatch.undo()
    revisions._history.cache_clear()


@pytest.mark.databases("mariadb")
@pytest.mark.usefixtures("later")
@KILLED_AFTER_A_NOTE
async def test_rows_are_changed_once_however_often_a_migration_is_killed(
    engine: AsyncEngine, number: int
) -> None:
    await upgrade(engine, revisions._history()["aaaaaaaaaaaa"] or "")
    async with engine.begin() as connection:
        await fill(connection)
    assert await migrate_by_small_steps(engine, number, most=8) > 3
    async with engine.connect() as connection:
        row = (await connection.execute(text("SELECT title, note FROM gatepost_items"))).one()
        assert tuple(row) == ("tea!?", None)
        assert await connection.scalar(text("SELECT count(*) FROM gatepost_marks")) == 2
    assert STEPS_TABLE not in await tables(engine)


async def fill(connection: AsyncConnection) -> None:
    at = "'2026-03-01 12:00:00'"
    await connection.execute(
        text(
            "INSERT INTO gatepost_users (id, email, email_key, role, is_active, email_verified,"
            " created_at, updated_at, password_changed_at)"
            f" VALUES (1, 'a', 'a', 'user', true, false, {at}, {at}, {at})"
        )
    )
    await connection.execute(
        text(
            "INSERT INTO gatepost_items (owner_id, title, created_at, updated_at)"
            f" VALUES (1, 'tea', {at}, {at})"
        )
    )


# As on two nodes of a cluster, of which each has locks of its own.
MIGRATE_WITHOUT_A_LOCK = """
import asyncio, sys
from contextlib import asynccontextmanager
from gatepost.db.engine import open_engine
from gatepost.migrations import exclusive, runner
from gatepost.settings import DatabaseSettings

@asynccontextmanager
async def hold_nothing(connection):
    if connection.dialect.name == "postgresql":
        async with connection.begin():
            yield
        return
    try:
        yield
        await connection.commit()
    finally:
        await connection.invalidate()

exclusive._hold = hold_nothing

async def main():
    engine = open_engine(DatabaseSettings(database_url=sys.argv[1]), without_statement_timeout=True)
    print("ready", flush=True)
    sys.stdin.readline()
    runner._PAUSE_SECONDS = 0.5
    await runner.upgrade(engine)
    await engine.dispose()

asyncio.run(main())
"""


@pytest.mark.databases("postgresql", "mariadb")
async def test_two_who_do_not_see_each_others_lock_make_one_schema(
    engine: AsyncEngine, fresh_database_url: str
) -> None:
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-c", MIGRATE_WITHOUT_A_LOCK, fresh_database_url)
    processes = [
        await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    ends = await asyncio.gather(*(process.communicate(b"\n") for process in processes))
    said = [end[1].decode() for end in ends]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(said)
    assert await is_whole(engine)


@pytest.mark.databases("postgresql", "mariadb")
async def test_what_another_process_has_not_done_is_told(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host's table of a name of ours, made between our look and our statement."""

    is_made = asyncio.Event()

    def interfere(_connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
        is_made_for_good = is_made.is_set() and engine.dialect.name == "mysql"
        if "CREATE TABLE gatepost_users" in statement and not is_made_for_good:
            cursor.execute("CREATE TABLE gatepost_items (id INTEGER)")
            is_made.set()

    monkeypatch.setattr(runner, "_PAUSE_SECONDS", 0.02)
    event.listen(engine.sync_engine, "before_cursor_execute", interfere)
    with pytest.raises(DBAPIError, match="already exists"):
        await upgrade(engine)
    event.remove(engine.sync_engine, "before_cursor_execute", interfere)
    # On PostgreSQL the table went with the transaction.
    if engine.dialect.name == "mysql":
        with pytest.raises(DBAPIError, match="already exists"):
            await upgrade(engine)
        async with engine.begin() as connection:
            await connection.execute(text("DROP TABLE gatepost_items"))
    await upgrade(engine)
    assert await is_whole(engine)
