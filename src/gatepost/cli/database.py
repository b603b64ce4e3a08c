"""The commands that bring the schema up to date and delete expired rows."""

import asyncio

from gatepost.cli.options import Json
from gatepost.cli.output import print_json, say
from gatepost.cli.running import (
    read_settings,
    reporting_database_errors,
    reporting_problems,
    run_with_runtime,
)
from gatepost.db.engine import open_engine
from gatepost.purging import purge_all
from gatepost.settings import DatabaseSettings
from gatepost.starting import migrate as bring_to_head
from gatepost.starting import reach_database, schema_revision


def migrate(json: Json = False) -> None:
    """Bring the database's schema up to date. Needs DATABASE_URL and nothing else.

    Several processes may run it at once: one migrates, the others wait. The
    service also migrates when it starts, unless MIGRATE_ON_START=false.

    Examples:
    $ gatepost migrate
    $ DATABASE_URL=postgresql://gatepost:password@db/gatepost gatepost migrate
    """
    settings = read_settings(DatabaseSettings)
    with reporting_problems():
        before, after = asyncio.run(_migrate(settings))
    if json:
        print_json({"from": before, "to": after, "changed": before != after})
    elif before == after:
        say(f"The schema is up to date (revision {after}).")
    elif before is None:
        say(f"Created the schema (revision {after}).")
    else:
        say(f"Migrated the schema from revision {before} to {after}.")


def purge(json: Json = False) -> None:
    """Delete expired rows, such as ended sessions and retired signing keys.

    The service also does this by itself, about once an hour.

    Examples:
    $ gatepost purge
    """
    with reporting_database_errors():
        purged = run_with_runtime(purge_all, without_statement_timeout=True)
    if json:
        print_json(purged)
    else:
        counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in purged.items())
        say(f"Deleted {counts}.")


async def _migrate(settings: DatabaseSettings) -> tuple[str | None, str | None]:
    engine = open_engine(settings, without_statement_timeout=True)
    try:
        await reach_database(engine)
        before = await schema_revision(engine)
        await bring_to_head(engine)
        return before, await schema_revision(engine)
    finally:
        await engine.dispose()
