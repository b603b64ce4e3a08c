"""The commands about the database and the state of things."""

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
