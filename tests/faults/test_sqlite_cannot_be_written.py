"""An SQLite file that is locked, read-only or on a full disk: 503 for who writes, until it ends."""

import itertools
import resource
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support import patience
from tests.support.command import COMMAND, Gatepost, Process
from tests.support.load import Act, Load, open_client
from tests.support.processes import events_of, gatepost_on, log_in_over, serving, sign_up_over

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

WRITERS = 32

UNPRIVILEGED = ("setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override", *COMMAND)
"""Even root may then write only what permissions let it write."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "test.db"


@pytest.fixture
def gatepost(path: Path, tmp_path: Path) -> Gatepost:
    path.parent.mkdir()
    return gatepost_on(f"sqlite:///{path}", tmp_path, DATABASE_POOL_TIMEOUT_SECONDS="1")


def writing() -> Act:
    """Make items, each under a title of its own."""
    numbers = itertools.count()

    async def write(client: httpx.AsyncClient) -> httpx.Response:
        return await client.post("/items/", json={"title": f"item {next(numbers)}"})

    return write


async def reading(client: httpx.AsyncClient) -> httpx.Response:
    return await client.get("/items/")


def reasons(process: Process) -> set[str]:
    """Stop the service; what it told of the database in its log."""
    told = [each for each in events_of(process) if each["event"] == "database.unavailable"]
    return {str(each["reason"]) for each in told}


def check(load: Load) -> None:
    """Everybody read, and whoever could not write was asked to come back."""
    assert [answer for answer in load.answers if not answer.is_as_asked] == []
    assert {answer.status for answer in load.answers if answer.act == "reading"} <= {200}


async def test_writers_who_never_stop_are_answered_or_asked_to_come_back(
    gatepost: Gatepost, path: Path
) -> None:
    with serving(gatepost) as (process, url):
        async with open_client(url) as client:
            client.headers.update(await sign_up_over(client))
            load = Load(client, [writing()], clients=WRITERS, pause_seconds=0)
            async with load.running():
                await load.answered(400, 201)
                with locked(path):
                    await load.answered(WRITERS, 503)
                await load.answered(400, 201)
            check(load)
        assert "another program keeps the file locked" in reasons(process)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Be the one writer for as long as the block takes."""
    with closing(sqlite3.connect(path, timeout=patience.SECONDS, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process from outside")
async def test_a_disk_without_room_is_read_and_later_written_again(
    gatepost: Gatepost, path: Path
) -> None:
    with serving(gatepost) as (process, url):
        async with open_client(url) as client:
            client.headers.update(await sign_up_over(client))
            load = Load(client, [writing(), reading], pause_seconds=0.02)
            async with load.running():
                await load.answered(30, 201)
                with without_room(process, path):
                    await load.answered(30, 503)
                    assert (await client.get("/health")).status_code == 200
                    assert (await client.post("/auth/refresh", json={})).status_code < 500
                await load.answered(30, 201)
            check(load)
            await log_in_over(client)
        assert "the file cannot be read or written, or may grow no more" in reasons(process)
    assert is_sound(path)


@contextmanager
def without_room(process: Process, path: Path) -> Iterator[None]:
    """Let no file of the service grow past what the log of its database is now."""
    pid, limit = process.popen.pid, resource.RLIMIT_FSIZE
    before = resource.prlimit(pid, limit)
    size = path.with_name(f"{path.name}-wal").stat().st_size
    resource.prlimit(pid, limit, (size, before[1]))
    yield
    resource.prlimit(pid, limit, before)


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="root may write whatever it likes")
async def test_a_file_that_may_only_be_read_is_read_and_later_written_again(
    gatepost: Gatepost, path: Path
) -> None:
    with serving(gatepost) as (_, url):
        async with open_client(url) as client:
            headers = await sign_up_over(client)
    protect(path)
    with gatepost.start("serve", "--port", "0", command=UNPRIVILEGED) as process:
        url = process.wait_for(r"(http://127\.0\.0\.1:\d+)")[1]
        async with open_client(url) as client:
            client.headers.update(headers)
            load = Load(client, [writing(), reading], pause_seconds=0.02)
            async with load.running():
                await load.answered(30, 503)
                unprotect(path)
                await load.answered(30, 201)
            check(load)
        assert "the file may only be read" in reasons(process)
    assert is_sound(path)


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="root may write whatever it likes")
def test_a_folder_that_may_only_be_read_stops_the_start_in_a_line(
    gatepost: Gatepost, path: Path
) -> None:
    gatepost.done("migrate")
    protect(path.parent)
    with gatepost.start("serve", "--port", "0", command=UNPRIVILEGED) as process:
        # Versions of SQLite differ in which it is.
        process.wait_for("Cannot use the SQLite file .*: the file (may only be read|cannot be op)")
        assert process.end()[0] == 1
    unprotect(path.parent)


def protect(path: Path) -> None:
    path.chmod(path.stat().st_mode & ~0o222)


def unprotect(path: Path) -> None:
    path.chmod(path.stat().st_mode | 0o200)


def is_sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)])
