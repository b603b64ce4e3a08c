"""The schema and the purge at the command line."""

import asyncio

from gatepost.cli.output import print_json, say
from gatepost.cli.stories.running import (
    read_settings,
    run_runtime,
    telling_a_busy_database,
    telling_refusals,
)
from gatepost.db.engine import open_engine
from gatepost.purging import purge_all
from gatepost.settings import DatabaseSettings
from gatepost.starting import migrate as bring_to_head
from gatepost.starting import reach_database, schema_revision


def migrate(json: bool) -> None:
    """Bring the schema to head, and tell from where."""
    settings = read_settings(DatabaseSettings)
    with telling_refusals():
        before, after = asyncio.run(_migrate(settings))
    if json:
        print_json({"from": before, "to": after, "changed": before != after})
    elif before == after:
        say(f"The schema is up to date (revision {after}).")
    elif before is None:
        say(f"Made the schema (revision {after}).")
    else:
        say(f"Brought the schema from revision {before} to {after}.")


def purge(json: bool) -> None:
    """Delete what has had its day, and tell how much."""
    with telling_a_busy_database():
        purged = run_runtime(purge_all, without_statement_timeout=True)
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
