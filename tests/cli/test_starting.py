"""A database that is late is waited for; one that does not come is told in a sentence."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import make_url

from gatepost.db.engine import open_engine
from gatepost.starting import DatabaseUnreachable, await_database
from tests.support.command import Gatepost
from tests.support.service import make_settings

pytestmark = pytest.mark.slow

LateServer = tuple[str, Callable[[], None]]


@pytest.fixture
def late_url(fresh_database_url: str, tmp_path: Path) -> LateServer:
    """The URL of a PostgreSQL whose socket is not there yet, and what makes it be there."""
    url = make_url(fresh_database_url)
    folder = Path(str(url.query["host"]))
    empty = tmp_path / "s"
    empty.mkdir()

    def come_up() -> None:
        for socket in folder.glob(".s.PGSQL.*"):
            (empty / socket.name).symlink_to(socket)

    late = url.set(query={"host": str(empty)})
    return late.render_as_string(hide_password=False), come_up


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_postgresql_that_comes_up_late_is_waited_for(
    gatepost: Gatepost, late_url: LateServer, workers: str
) -> None:
    url, come_up = late_url
    patient = gatepost.having(DATABASE_URL=url, DATABASE_WAIT_SECONDS="600")
    with patient.start("serve", "--port", "0", "--workers", workers) as process:
        waiting = process.wait_for(r'\{.*"database\.awaited".*\}')[0]
        come_up()
        process.wait_for("Application startup complete")
        status, _ = process.terminate()
    told = json.loads(waiting)
    assert told["level"] == "warning"
    assert "there is no such socket" in told["reason"]
    assert 0 < told["seconds_left"] <= 600
    assert status == 0


def test_one_that_does_not_come_is_told_after_a_while(gatepost: Gatepost) -> None:
    away = gatepost.having(
        DATABASE_URL="postgresql://ada:lovelace@127.0.0.1:1/gatepost", DATABASE_WAIT_SECONDS="3"
    )
    done = away.run_process("serve", "--port", "0")
    assert done.returncode == 1
    *awaited, last = done.stderr.splitlines()
    assert {json.loads(line)["event"] for line in awaited} == {"database.awaited"}
    assert last.startswith("Error: Cannot use the PostgreSQL database gatepost on 127.0.0.1:1: ")
    assert "lovelace" not in done.stderr


@pytest.mark.databases("postgresql")
def test_what_waiting_does_not_mend_is_told_at_once(
    gatepost: Gatepost, fresh_database_url: str
) -> None:
    url = make_url(fresh_database_url).set(database="no_such_database")
    missing = gatepost.having(DATABASE_URL=url.render_as_string(hide_password=False))
    done = missing.run_process("serve", "--port", "0")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "it has no database of that name" in done.stderr


def test_a_file_that_cannot_be_opened_is_told_at_once(gatepost: Gatepost) -> None:
    nowhere = gatepost.having(DATABASE_URL="sqlite:///./nowhere/gatepost.db")
    assert "the file cannot be opened" in nowhere.run_process("serve", "--port", "0").stderr


@pytest.mark.parametrize(("seconds", "expected"), [(0, 1), (0.35, 3), (10, 9)])
def test_tries_are_bounded(monkeypatch: pytest.MonkeyPatch, seconds: float, expected: int) -> None:
    tries, now = 0, 0.0

    async def never(_: object) -> None:
        nonlocal tries
        tries += 1
        raise DatabaseUnreachable("it is not there", may_pass=True)

    async def sleep(pause: float) -> None:
        nonlocal now
        now += pause

    monkeypatch.setattr("gatepost.starting.reach_database", never)
    monkeypatch.setattr("gatepost.starting.time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr("gatepost.starting.asyncio", SimpleNamespace(sleep=sleep))
    engine = open_engine(make_settings("sqlite:///./never-opened.db").database)
    with pytest.raises(DatabaseUnreachable, match="it is not there"):
        asyncio.run(await_database(engine, seconds))
    assert tries == expected
