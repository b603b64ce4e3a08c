"""Serves in production: settings, port and database are in order before any process is started."""

import asyncio
import logging
import os
import sys

from gatepost.cli.output import REFUSED, leave, note
from gatepost.cli.stories.running import read_settings, telling_refusals
from gatepost.configuration import Settings
from gatepost.db.diagnosis import describe_database
from gatepost.observability.logs import configure_logging, writes_json
from gatepost.runtime import start_runtime
from gatepost.security.hash_pool import cores_each
from gatepost.serving.listening import address_of, listen
from gatepost.serving.processes import run_processes
from gatepost.settings.passwords import MOST_HASH_THREADS
from gatepost.starting import prepare
from gatepost.stores.choice import describe_session_cache, describe_store

log = logging.getLogger(__name__)


def serve(host: str, port: int, workers: int | None, root_path: str | None) -> None:
    """Serve until told to stop."""
    if root_path is not None:
        os.environ.pop("SCRIPT_NAME", None)
        os.environ["ROOT_PATH"] = root_path or "/"
    if workers is not None:
        # For the processes too, which read the environment themselves.
        os.environ.pop("WEB_CONCURRENCY", None)
        os.environ["WORKERS"] = str(workers)
    settings = read_settings(Settings)
    if settings.hash_threads == 0 and settings.workers > 1:
        os.environ["HASH_THREADS"] = str(min(cores_each(settings.workers), MOST_HASH_THREADS))
    configure_logging(settings, settings.secret_texts)
    with telling_refusals():
        listener = listen(host, port)
    with listener:
        with telling_refusals():
            asyncio.run(_prepare(settings))
        _announce(settings, address_of(listener))
        if not run_processes(listener, settings, os.environ):
            leave(REFUSED)


def _announce(settings: Settings, address: str) -> None:
    """Tell where it is: a person in words, a program as an event like all that follow."""
    count, database = settings.workers, describe_database(settings.sqlalchemy_url)
    if writes_json(settings, sys.stderr):
        about = {"address": address, "processes": count, "database": database}
        log.info("service.starting", extra={"version": settings.version, **about})
        return
    processes = "1 process" if count == 1 else f"{count} processes"
    note(
        f"Gatepost {settings.version} serves {address} with {processes}, on {database}.",
        f"{describe_store(settings)} {describe_session_cache(settings)} Ctrl+C stops it.",
    )


async def _prepare(settings: Settings) -> None:
    """Once, and in words: each process does the same again, and then finds nothing to do."""
    async with start_runtime(settings) as runtime:
        await prepare(runtime)
