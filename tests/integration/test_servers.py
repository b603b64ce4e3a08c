"""The tests' own ground: every kind of database answers, is empty, and leaves nothing behind."""

import socket
import sqlite3
import subprocess
import sys
from contextlib import closing

import asyncmy
import asyncpg
import pytest
import valkey
from sqlalchemy import make_url

from tests.support import patience
from tests.support.databases import Kind

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

TABLES = "SELECT count(*) FROM information_schema.tables WHERE table_schema = {}"

START_AND_WAIT = """
import time
from tests.support.servers import start_server
server = start_server("redis")
print(server.daemon.lair.path, flush=True)
time.sleep(600)
"""


async def count_tables(kind: Kind, url: str) -> int:
    if kind == "sqlite":
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            return int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if kind == "postgresql":
        return await count_postgresql_tables(url)
    return await count_mariadb_tables(url)


async def count_postgresql_tables(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(TABLES.format("'public'")))
    finally:
        await connection.close()


async def count_mariadb_tables(url: str) -> int:
    parts = make_url(url)
    connection = await asyncmy.connect(
        user=parts.username,
        password=parts.password or "",
        host=parts.host,
        port=parts.port or 3306,
        unix_socket=parts.query.get("unix_socket"),
        database=parts.database,
    )
    try:
        async with connection.cursor() as cursor:
            await cursor.execute(TABLES.format("database()"))
            return int((await cursor.fetchone())[0])
    finally:
        await connection.ensure_closed()


async def test_a_fresh_database_answers_and_is_empty(
    database_kind: Kind, fresh_database_url: str
) -> None:
    assert await count_tables(database_kind, fresh_database_url) == 0


async def test_the_lasting_database_answers_and_is_not_the_fresh_one(
    database_kind: Kind, database_url: str, fresh_database_url: str
) -> None:
    assert database_url != fresh_database_url
    assert await count_tables(database_kind, database_url) >= 0


@pytest.mark.databases("postgresql", "mariadb")
def test_a_server_is_the_kind_it_is_said_to_be(database_kind: Kind, database_url: str) -> None:
    scheme = {"postgresql": "postgresql", "mariadb": "mysql"}[database_kind]
    assert make_url(database_url).get_backend_name() == scheme


def test_the_redis_answers(redis_url: str) -> None:
    with valkey.Valkey.from_url(redis_url) as client:
        assert client.ping()


def test_a_server_goes_when_the_tests_are_killed() -> None:
    with (
        subprocess.Popen(
            [sys.executable, "-c", START_AND_WAIT], stdout=subprocess.PIPE, text=True
        ) as tests,
        socket.socket(socket.AF_UNIX) as connection,
    ):
        assert tests.stdout is not None
        connection.connect(f"{tests.stdout.readline().strip()}/socket")
        connection.settimeout(patience.SECONDS)
        connection.sendall(b"PING\r\n")
        assert connection.recv(16) == b"+PONG\r\n"
        tests.kill()
        # The end of the stream: whoever was at the other end is no more.
        assert connection.recv(1) == b""
