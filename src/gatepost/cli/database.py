"""The commands about the database and the state of things."""

from typing import Annotated

import typer

from gatepost.cli.options import Json


def migrate(json: Json = False) -> None:
    """Bring the database's schema up to date. Needs DATABASE_URL and nothing else.

    Any number of processes may do so at once: one does it, the others wait.
    The service does it by itself when it starts, unless MIGRATE_ON_START=false.

    Examples:
    $ gatepost migrate
    $ DATABASE_URL=postgresql://gatepost:password@db/gatepost gatepost migrate
    """
    from gatepost.cli.stories import database

    database.migrate(json)


def check(json: Json = False) -> None:
    """Check settings, database, schema, password hashing and tokens. Changes nothing.

    Examples:
    $ gatepost check
    $ gatepost check --json && gatepost serve
    """
    from gatepost.cli.stories import checking

    checking.check(json)


def purge(json: Json = False) -> None:
    """Delete what has had its day: sessions that are long over, keys that no token needs.

    The service does it by itself about once an hour.

    Examples:
    $ gatepost purge
    """
    from gatepost.cli.stories import database

    database.purge(json)


def move(
    to: Annotated[
        str,
        typer.Option(metavar="URL", help="Where to: an empty database.", envvar="MOVE_TO_URL"),
    ],
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="URL", help="From where, if not from DATABASE_URL."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check both and count; write nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Move everything to another database, of the same or of another kind.

    Stop the service first: what is written meanwhile would be lost, so the
    move refuses then. It makes the schema, copies all rows with their ids, and
    commits once every table was compared. Killed, it leaves nothing behind.
    Sessions live on, under the same SECRET_KEY.

    Examples:
    $ gatepost move --to postgresql://gatepost:password@db/gatepost --dry-run
    $ gatepost move --from sqlite:///./gatepost.db --to "$DATABASE_URL"
    """
    from gatepost.cli.stories import moving

    moving.move(to, from_, dry_run, json)
