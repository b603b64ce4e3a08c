"""A database server that is restarted under load costs requests a 503, and nothing else."""

import itertools
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.command import Process
from tests.support.databases import Databases, Kind
from tests.support.load import Act, Load, open_client, until
from tests.support.processes import events_of, gatepost_on, serving, sign_up_over, titles_of_items
from tests.support.servers import MissingServerError, start_own_server
from tests.support.servers.lair import Daemon
from tests.support.service import PASSWORD

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.faults,
    pytest.mark.databases("postgresql", "mariadb"),
]

RESTARTS = 2


@pytest.fixture
def server(database_kind: Kind) -> Iterator[tuple[str, Daemon]]:
    """The URL of a database on a server that no other test has, and its process."""
    assert database_kind != "sqlite"
    try:
        own = start_own_server(database_kind)
    except MissingServerError as error:
        pytest.skip(str(error))
    assert own.daemon is not None
    try:
        yield Databases().make(database_kind, own.url), own.daemon
    finally:
        own.stop()


@pytest.mark.parametrize("store", ["memory", "database"])
async def test_a_restart_costs_requests_a_503_and_no_written_row(
    server: tuple[str, Daemon], store: str, tmp_path: Path
) -> None:
    url, daemon = server
    gatepost = gatepost_on(url, tmp_path, STORE=store, DATABASE_POOL_SIZE="5")
    titles: list[str] = []
    with serving(gatepost) as (process, address):
        async with open_client(address) as client:
            client.headers.update(await sign_up_over(client))
            load = Load(client, acts(titles))
            async with load.running():
                for _ in range(RESTARTS):
                    await load.answered(40, 201)
                    daemon.pause()
                    await load.answered(40, 503)
                    assert (await client.get("/health/live")).status_code == 200
                    down = await client.get("/health")
                    assert (down.status_code, down.json()["status"]) == (503, "unhealthy")
                    assert (await client.get("/health/ready")).status_code == 503
                    daemon.resume()
                    await until(lambda: is_healthy(client))
                    # Each connection of the pool, and more than once.
                    await load.answered(40, 201)
            unlike = [answer for answer in load.answers if not answer.is_as_asked]
            assert not unlike, crashes_of(process)
            assert (await client.get("/health/ready")).status_code == 200
            assert set(titles) <= await titles_of_items(client)
        events = events_of(process)
    told = {event.get("reason") for event in events if event["event"] == "database.unavailable"}
    assert told
    assert None not in told


def crashes_of(process: Process) -> list[object]:
    """What crashed, as the log tells it; ends the process."""
    told = events_of(process)
    return [event.get("exception") for event in told if event["event"] == "request.crashed"]


def acts(titles: list[str]) -> list[Act]:
    """Reading, writing, making accounts, and logging in, which hashes between two transactions.

    Each logs in as somebody else: an attempt that the database did not see end holds its place.

    What was answered as written is noted in `titles`.
    """
    numbers = itertools.count()
    emails = deque(["ada@example.com"])

    async def read(client: httpx.AsyncClient) -> httpx.Response:
        return await client.get("/users/me")

    async def make_item(client: httpx.AsyncClient, **headers: str) -> httpx.Response:
        title = f"item {next(numbers)}"
        answer = await client.post("/items/", json={"title": title}, headers=headers)
        titles.extend([title] * (answer.status_code == 201))
        return answer

    async def write(client: httpx.AsyncClient) -> httpx.Response:
        return await make_item(client)

    async def write_once(client: httpx.AsyncClient) -> httpx.Response:
        return await make_item(client, **{"Idempotency-Key": f"key-{next(numbers)}"})

    async def register(client: httpx.AsyncClient) -> httpx.Response:
        account = {"email": f"n{next(numbers)}@example.com", "password": PASSWORD}
        answer = await client.post("/auth/register", json=account)
        emails.extend([account["email"]] * (answer.status_code == 201))
        return answer

    async def log_in(client: httpx.AsyncClient) -> httpx.Response:
        emails.rotate()
        credentials = {"email": emails[0], "password": PASSWORD, "transport": "bearer"}
        return await client.post("/auth/login", json=credentials)

    return [read, write, write_once, register, log_in]


async def is_healthy(client: httpx.AsyncClient) -> bool:
    answer = await client.get("/health")
    assert answer.status_code in {200, 503}
    return answer.status_code == 200
