"""The module that Alembic runs: on a given connection, or on its own for `alembic` commands."""

import asyncio
import logging
import sys
from typing import Any, Literal, NoReturn

from alembic import command, context
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from gatepost.db.base import PREFIX, UtcDateTime
from gatepost.db.diagnosis import explain_failure
from gatepost.db.engine import open_engine
from gatepost.migrations.comparing import compare_type
from gatepost.migrations.exclusive import MigrationBusy, connect_exclusively
from gatepost.migrations.models import metadata
from gatepost.migrations.obstacles import Obstacle, refuse_obstacles
from gatepost.migrations.resuming import STEPS_TABLE, MigrationChanged, resuming
from gatepost.migrations.revisions import VERSION_TABLE, read_revision
from gatepost.settings import DatabaseSettings, SettingsError


def render_item(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:  # noqa: ANN401 - Alembic's own
    """Render our time type by its name, and leave all other types to Alembic."""
    if kind == "type" and isinstance(item, UtcDateTime):
        autogen.imports.add("from gatepost.db.base import PREFIX, UtcDateTime")
        return "UtcDateTime()"
    return False


def write_no_empty_revision(
    _context: MigrationContext, _revision: object, directives: list[MigrationScript]
) -> None:
    """Write no file if `alembic revision --autogenerate` finds no difference."""
    is_asked = getattr(context.config.cmd_opts, "autogenerate", False)
    operations = directives[0].upgrade_ops if is_asked else None
    if operations is not None and operations.is_empty():
        directives.clear()
        sys.stdout.write("The models match the schema: there is nothing to migrate.\n")


def is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """Exclude a host's tables in the same database, and the table of interrupted migrations."""
    return kind != "table" or ((name or "").startswith(PREFIX) and name != STEPS_TABLE)


def run(connection: Connection) -> None:
    """Run the command's migrations on a connection."""
    is_sqlite = connection.dialect.name == "sqlite"
    with resuming(connection) as end_revision:
        context.configure(
            connection=connection,
            target_metadata=metadata,
            version_table=VERSION_TABLE,
            include_name=is_ours,
            render_as_batch=is_sqlite,
            # Python's driver does not support it, but our own BEGIN does.
            transactional_ddl=True if is_sqlite else None,
            compare_type=compare_type,
            compare_server_default=True,
            render_item=render_item,
            process_revision_directives=write_no_empty_revision,
            on_version_apply=lambda **_: end_revision(),
        )
        with context.begin_transaction():
            context.run_migrations()


def is_upgrade() -> bool:
    """Whether the command is `alembic upgrade`, the only one that creates tables."""
    called = getattr(context.config.cmd_opts, "cmd", (None,))
    return called[0] is command.upgrade


def refuse_obstacles_to_head(connection: Connection) -> None:
    """Raise `Obstacle` if an upgrade is necessary and impossible; change nothing."""
    if read_revision(connection) != context.get_head_revision():
        refuse_obstacles(connection)


async def connect_and_run() -> None:
    """Run the command's migrations on a new connection to `DATABASE_URL`."""
    engine = open_engine(DatabaseSettings.from_environment(), without_statement_timeout=True)
    try:
        async with connect_exclusively(engine) as connection:
            if is_upgrade():
                await connection.run_sync(refuse_obstacles_to_head)
            await connection.run_sync(run)
    finally:
        await engine.dispose()


def run_by_command_line() -> None:
    """Run the command line's own commands, such as `alembic upgrade head`."""
    logging.basicConfig(format="%(message)s")
    for name in ("alembic.runtime.migration", "alembic.autogenerate.compare"):
        logging.getLogger(name).setLevel(logging.INFO)
    try:
        asyncio.run(connect_and_run())
    except SettingsError as error:
        refuse(str(error), status=2)
    except Obstacle as obstacle:
        refuse(f"The database cannot be migrated. {obstacle}")
    except MigrationBusy:
        refuse("Another process has been migrating the database for minutes. Try again later.")
    except MigrationChanged:
        refuse(
            "A migration by another version of Gatepost was interrupted. Run the version that "
            "began it, or restore the database from a backup."
        )
    except (DBAPIError, OSError) as error:
        refuse(f"The database cannot be migrated: {explain_failure(error)}.")


def refuse(sentence: str, status: int = 1) -> NoReturn:
    """End the command with a sentence on stderr."""
    sys.stderr.write(f"{sentence}\n")
    sys.exit(status)


if context.is_offline_mode():
    sys.exit("Alembic's --sql is not supported: gatepost migrate runs on a database.")
handed_over: Connection | None = context.config.attributes.get("connection")
if handed_over is None:
    run_by_command_line()
else:
    run(handed_over)
