"""Empty databases on a server, made and dropped by name, whichever of the three kinds it is."""

import asyncio
import itertools
import secrets
import sqlite3
from pathlib import Path
from typing import Final, Literal, get_args

import asyncmy
import asyncpg
from sqlalchemy import URL, make_url

Kind = Literal["sqlite", "postgresql", "mariadb"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

CONNECT_SECONDS = 60


def create_database(kind: Kind, base_url: str, name: str) -> str:
    """Make an empty database and return its URL, of the sort that `DATABASE_URL` takes.

    `base_url` is the server's, or for SQLite `sqlite:///` and a folder.
    """
    if kind == "sqlite":
        return f"{base_url}/{name}.db"
    if kind == "postgresql":
        # template0: nobody can be connected to it, and a copied template must have no connections.
        _execute(kind, base_url, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    else:
        _execute(kind, base_url, f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    return make_url(base_url).set(database=name).render_as_string(hide_password=False)


def drop_database(kind: Kind, base_url: str, name: str) -> None:
    """Drop a database that `create_database` made, whoever is still connected to it."""
    if kind == "sqlite":
        path = f"{base_url}/{name}.db".removeprefix("sqlite:///")
        for suffix in ("", "-wal", "-shm", "-journal"):
            Path(path + suffix).unlink(missing_ok=True)
    elif kind == "postgresql":
        _execute(kind, base_url, f"DROP DATABASE {name} WITH (FORCE)")
    else:
        _execute(kind, base_url, f"DROP DATABASE {name}")


def server_version(kind: Kind, base_url: str) -> str:
    """Return the server's own word for its version; any exception means that it does not answer."""
    if kind == "sqlite":
        return sqlite3.sqlite_version
    statement = "SHOW server_version" if kind == "postgresql" else "SELECT version()"
    # What follows the number is the packager's: "15.8 (Debian 15.8-1)", "10.11.6-MariaDB".
    return str(_execute(kind, base_url, statement)).split(" ", 1)[0].split("-", 1)[0]


def _execute(kind: Kind, base_url: str, statement: str) -> object:
    """Run one statement on a connection of its own, and return the first value it answers."""
    url = make_url(base_url)
    ask = _on_postgresql if kind == "postgresql" else _on_mariadb
    return asyncio.run(ask(url, statement))


async def _on_postgresql(url: URL, statement: str) -> object:
    url = url.set(drivername="postgresql", database=url.database or "postgres")
    connection = await asyncpg.connect(
        url.render_as_string(hide_password=False), timeout=CONNECT_SECONDS
    )
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def _on_mariadb(url: URL, statement: str) -> object:
    socket = url.query.get("unix_socket")
    connection = await asyncmy.connect(
        host=url.host or "localhost",
        port=url.port or 3306,
        user=url.username or "root",
        password=url.password or "",
        database=url.database,
        unix_socket=str(socket) if socket else None,
        connect_timeout=CONNECT_SECONDS,
        # A test's forgotten transaction makes the drop fail, rather than wait for a day.
        init_command="SET SESSION lock_wait_timeout = 60",
    )
    try:
        async with connection.cursor() as cursor:
            await cursor.execute(statement)
            row = await cursor.fetchone()
            return row[0] if row else None
    finally:
        await connection.ensure_closed()


class Databases:
    """The databases that one process of the tests has made, under names that no other has."""

    def __init__(self) -> None:
        self._prefix = f"gatepost_{secrets.token_hex(4)}"
        self._numbers = itertools.count(1)
        self._made: dict[str, tuple[Kind, str, str]] = {}
        self._kept: dict[Kind, str] = {}

    def make(self, kind: Kind, base_url: str) -> str:
        """Make one more empty database and return its URL."""
        name = f"{self._prefix}_{next(self._numbers)}"
        url = create_database(kind, base_url, name)
        self._made[url] = (kind, base_url, name)
        return url

    def keep(self, kind: Kind, base_url: str) -> str:
        """Return the URL of this kind's lasting database, made empty at the first call."""
        if kind not in self._kept:
            self._kept[kind] = self.make(kind, base_url)
        return self._kept[kind]

    def drop(self, url: str) -> None:
        """Drop one that `make` returned."""
        drop_database(*self._made.pop(url))

    def drop_all(self) -> None:
        """Drop every one that is left."""
        for url in list(self._made):
            self.drop(url)
