"""Lists are read from the replica, what decides from the database itself, and neither needs both.

The replica is a copy that nobody keeps up to date: what is read there is what was so before.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from gatepost.db.engine import open_engine
from gatepost.migrations.runner import upgrade
from gatepost.settings import DatabaseSettings
from gatepost.transfer.copy import copy_database
from tests.api.conftest import MakeService
from tests.support.databases import Databases, Kind
from tests.support.service import Account, log_in, register, sign_up, sign_up_as

pytestmark = [pytest.mark.anyio, pytest.mark.databases("postgresql", "mariadb")]

HERE = "192.0.2.0/24"

# Port 1 is tcpmux's: nothing has listened there for decades, and nobody else may bind it.
AWAY = {
    "postgresql": "postgresql://ada:s3cret@127.0.0.1:1/gatepost",
    "mariadb": "mysql://ada:s3cret@127.0.0.1:1/gatepost",
}


@pytest.fixture
def copies() -> Iterator[Databases]:
    """Databases that a test may drop before its end."""
    made = Databases()
    yield made
    made.drop_all()


@pytest.fixture
def copy_url(database_kind: Kind, database_server: str, copies: Databases) -> str:
    return copies.make(database_kind, database_server)


@pytest.fixture
async def before(
    make_service: MakeService, migrated_url: str, copy_url: str
) -> AsyncIterator[tuple[httpx.AsyncClient, Account]]:
    """A service with a replica that has what there was when it was made: an admin and an item."""
    service_with = make_service(database_read_url=copy_url, metrics_allowed=HERE)
    async with service_with as service, service.open_client() as client:
        admin = await sign_up_as(service, client, "admin")
        await client.post("/items/", json={"title": "before"}, headers=admin.headers)
        await copy(migrated_url, copy_url)
        yield client, admin


async def copy(url: str, to: str) -> None:
    source, target = (
        open_engine(DatabaseSettings(database_url=each), without_statement_timeout=True)
        for each in (url, to)
    )
    await upgrade(target)
    await copy_database(source, target, lambda *_: None)
    await source.dispose()
    await target.dispose()


async def titles(client: httpx.AsyncClient, caller: Account) -> list[str]:
    answer = await client.get("/items/", headers=caller.headers)
    assert answer.status_code == 200, answer.text
    return [item["title"] for item in answer.json()]


async def test_lists_show_what_the_replica_has(before: tuple[httpx.AsyncClient, Account]) -> None:
    client, admin = before
    await register(client, "late@example.com")
    made = await client.post("/items/", json={"title": "late"}, headers=admin.headers)
    assert await titles(client, admin) == ["before"]
    users = (await client.get("/users", headers=admin.headers)).json()
    assert [user["email"] for user in users] == [admin.email]
    for path in ("/audit?event=user.created", "/users/me/activity?event=user.created"):
        events = (await client.get(path, headers=admin.headers)).json()
        assert len(events) == 1, path
    # One of them, asked for by its id, is read where it was written.
    item = await client.get(made.headers["location"], headers=admin.headers)
    assert item.json()["title"] == "late"


async def test_what_decides_is_never_read_from_the_replica(
    before: tuple[httpx.AsyncClient, Account],
) -> None:
    client, admin = before
    late = await sign_up(client, "late@example.com")
    assert (await client.get("/users", headers=late.headers)).status_code == 403
    await client.patch(f"/users/{late.id}", json={"role": "moderator"}, headers=admin.headers)
    assert (await client.get("/users", headers=late.headers)).status_code == 200
    sessions = await client.get("/auth/sessions", headers=late.headers)
    assert len(sessions.json()) == 1
    renewed = await client.post("/auth/refresh", json={"refresh_token": late.refresh_token})
    assert renewed.status_code == 200
    await client.patch(f"/users/{late.id}", json={"is_active": False}, headers=admin.headers)
    assert (await client.get("/items/", headers=late.headers)).status_code == 401
    once = {"Idempotency-Key": "once-and-for-all", **admin.headers}
    answers = [
        (await client.post("/items/", json={"title": "once"}, headers=once)).json()
        for _ in range(2)
    ]
    assert answers[0] == answers[1]


async def test_a_replica_that_goes_is_done_without(
    before: tuple[httpx.AsyncClient, Account], copies: Databases
) -> None:
    client, admin = before
    await client.post("/items/", json={"title": "late"}, headers=admin.headers)
    assert await titles(client, admin) == ["before"]
    await asyncio.to_thread(copies.drop_all)
    assert await titles(client, admin) == ["before", "late"]
    assert await failures(client) == 1
    # It is left alone for a while.
    assert await titles(client, admin) == ["before", "late"]
    assert await failures(client) == 1


async def test_a_replica_that_was_never_there_is_done_without(
    make_service: MakeService, database_kind: Kind
) -> None:
    service_with = make_service(database_read_url=AWAY[database_kind], metrics_allowed=HERE)
    async with service_with as service, service.open_client() as client:
        ada = await sign_up(client)
        await client.post("/items/", json={"title": "tea"}, headers=ada.headers)
        assert await titles(client, ada) == ["tea"]
        assert await failures(client) == 1
        await log_in(client, ada.email)


async def failures(client: httpx.AsyncClient) -> float:
    lines = (await client.get("/metrics")).text.splitlines()
    [line] = [each for each in lines if each.startswith("gatepost_replica_failures_total")]
    return float(line.split()[-1])
