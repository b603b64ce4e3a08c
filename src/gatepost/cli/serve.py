"""The command that serves in production.

Settings, port and database are checked before any process is started.
"""

import asyncio
import logging
import os
import sys
from typing import Annotated

import typer

from gatepost.serving.loading import load_fastapi

load_fastapi()

from gatepost.cli.options import Host, Port
from gatepost.cli.output import REFUSED, leave, note
from gatepost.cli.running import read_settings, reporting_problems
from gatepost.configuration import Settings
from gatepost.db.diagnosis import describe_database
from gatepost.observability.logs import configure_logging, writes_json
from gatepost.runtime import start_runtime
from gatepost.security.hash_pool import cores_each
from gatepost.serving.listening import address_of, listen
from gatepost.serving.processes import run_processes
from gatepost.settings.passwords import MOST_HASH_THREADS
from gatepost.starting import prepare
from gatepost.stores.factory import describe_session_cache, describe_store

log = logging.getLogger(__name__)


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="The number of processes.", show_default="WORKERS, or 1"),
    ] = None,
    root_path: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="The path below which a proxy serves it.",
            show_default="ROOT_PATH, or /",
        ),
    ] = None,
) -> None:
    """Serve until stopped. All settings come from the environment.

    At start it migrates the schema (MIGRATE_ON_START) and creates the first
    admin (FIRST_SUPERUSER_PASSWORD). After SIGTERM, requests have up to ten
    seconds to finish.

    Examples:
    $ gatepost serve
    $ gatepost serve --host 0.0.0.0 --port 80 --workers 4
    $ gatepost serve --root-path /accounts
    """
    if root_path is not None:
        os.environ.pop("SCRIPT_NAME", None)
        os.environ["ROOT_PATH"] = root_path or "/"
    if workers is not None:
        # In the environment, since the processes read their settings from it.
        os.environ.pop("WEB_CONCURRENCY", None)
        os.environ["WORKERS"] = str(workers)
    settings = read_settings(Settings)
    if settings.passwords.hash_threads == 0 and settings.stores.workers > 1:
        os.environ["HASH_THREADS"] = str(
            min(cores_each(settings.stores.workers), MOST_HASH_THREADS)
        )
    configure_logging(settings.observability, settings.secret_texts)
    with reporting_problems():
        listener = listen(host, port)
    with listener:
        with reporting_problems():
            asyncio.run(_prepare(settings))
        _announce(settings, address_of(listener))
        if not run_processes(listener, settings, os.environ):
            leave(REFUSED)


def _announce(settings: Settings, address: str) -> None:
    """Print the address: a sentence for people, or a log event if the log is JSON."""
    count, database = settings.stores.workers, describe_database(settings.database.sqlalchemy_url)
    if writes_json(settings.observability, sys.stderr):
        about = {"address": address, "processes": count, "database": database}
        log.info("service.starting", extra={"version": settings.service.version, **about})
        return
    processes = "1 process" if count == 1 else f"{count} processes"
    note(
        f"Gatepost {settings.service.version} serves {address} with {processes}, on {database}.",
        f"{describe_store(settings)} {describe_session_cache(settings)} Ctrl+C stops it.",
    )


async def _prepare(settings: Settings) -> None:
    """Prepare the database once before the processes start, so that errors are printed once.

    Each process does the same again, and finds nothing to do.
    """
    async with start_runtime(settings) as runtime:
        await prepare(runtime)
