"""The commands that serve."""

from typing import Annotated

import typer

from gatepost.cli.options import Host, Port


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="How many processes.", show_default="WORKERS, or 1"),
    ] = None,
    root_path: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help="The path that a proxy has it at.", show_default="ROOT_PATH, or /"
        ),
    ] = None,
) -> None:
    """Serve, from the environment alone, until told to stop.

    First the schema is brought up to date (MIGRATE_ON_START) and the first
    admin is made (FIRST_SUPERUSER_PASSWORD). SIGTERM lets requests end for up
    to ten seconds.

    Examples:
    $ gatepost serve
    $ gatepost serve --host 0.0.0.0 --port 80 --workers 4
    $ gatepost serve --root-path /accounts
    """
    from gatepost.serving.loading import load_fastapi

    load_fastapi()
    from gatepost.cli.stories import serving

    serving.serve(host, port, workers, root_path)


def dev(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Set up what is missing and serve, reloading on change. For this machine only.

    Writes .env with a fresh secret if there is none, makes the database file
    and its tables, and an admin if there is none. What is there already stays
    as it is.

    Examples:
    $ gatepost dev
    $ gatepost dev --port 8080
    """
    from gatepost.cli.stories import developing

    developing.dev(host, port)
