"""Services that use one Redis share nothing; the processes of one service share all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from gatepost import Settings, create_app
from gatepost.stores.naming import name_of_service
from tests.support import patience
from tests.support.clock import SetClock
from tests.support.redis_process import OwnRedis
from tests.support.service import PASSWORD, Service, log_in, make_settings, register

pytestmark = pytest.mark.anyio

WRONG = {"email": "ada@example.com", "password": "a wrong password"}


@asynccontextmanager
async def process(settings: Settings) -> AsyncIterator[Service]:
    """A process of a service; its database is left as it is."""
    clock = SetClock()
    app = create_app(settings, clock=clock)
    async with app.router.lifespan_context(app):
        yield Service(app, clock)


@pytest.fixture
def start(started_redis: OwnRedis, tmp_path: Path) -> Any:
    def start(name: str, **changes: Any) -> AbstractAsyncContextManager[Service]:
        url = f"sqlite:///{tmp_path}/{name}.db"
        few = {"rate_limit_login": "3/60", "lockout_failures_per_address": 2}
        common = {"redis_url": started_redis.url, "migrate_on_start": True, **few}
        return process(make_settings(url, **(common | changes)))

    return start


async def names_in(server: OwnRedis) -> set[str]:
    """Every key, and every channel that somebody hears."""
    async with Redis.from_url(server.url) as client:
        found = [*await client.keys("*"), *await client.pubsub_channels("*")]
    return {name if isinstance(name, str) else name.decode() for name in found}


async def statuses(service: Service, count: int, body: dict[str, str] = WRONG) -> list[int]:
    async with service.open_client() as client:
        return [(await client.post("/auth/login", json=body)).status_code for _ in range(count)]


@pytest.mark.parametrize("changes", [{}, {"secret_key": "another-secret-7f6e5d4c3b2a-9876543210"}])
async def test_another_database_is_another_service(start: Any, changes: dict[str, str]) -> None:
    async with start("one") as one, start("other", **changes) as other:
        for service in (one, other):
            async with service.open_client() as client:
                await register(client)
        assert await statuses(one, 4) == [401, 401, 429, 429]
        assert await statuses(other, 4) == [401, 401, 429, 429], "what one has counted is its own"


async def test_what_one_announces_the_other_does_not_hear(start: Any) -> None:
    async with start("one") as one, start("other") as other:
        async with one.open_client() as client:
            await register(client)
            token = (await log_in(client))["access_token"]
            headers = {"Authorization": f"Bearer {token}"}
            assert (await client.post("/auth/logout", headers=headers)).status_code == 200
        assert one.runtime.invalidation.figures["published"] == 1
        assert other.runtime.invalidation.figures["received"] == 0


async def test_all_processes_of_one_service_share_all(start: Any) -> None:
    async with start("one") as one, start("one") as another:
        async with one.open_client() as client:
            await register(client)
        assert await statuses(one, 2) == [401, 401]
        right = {"email": "ada@example.com", "password": PASSWORD}
        assert await statuses(another, 2, right) == [429, 429]


async def test_every_name_begins_with_the_services_own(start: Any, started_redis: OwnRedis) -> None:
    async with start("one") as one, start("two", redis_prefix="team:two") as two:
        for service in (one, two):
            await statuses(service, 2)
            assert await service.runtime.invalidation.explain_unavailability() is None
        async with asyncio.timeout(patience.SECONDS):
            while sum(name.endswith(":sessions") for name in await names_in(started_redis)) < 2:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        prefixes = {name_of_service(one.runtime.settings), "team:two"}
        found = await names_in(started_redis)
    assert {next((p for p in prefixes if n.startswith(f"{p}:")), n) for n in found} == prefixes


async def test_services_with_one_prefix_are_one(start: Any) -> None:
    async with (
        start("one", redis_prefix="both") as one,
        start("two", redis_prefix="both") as two,
    ):
        assert await statuses(one, 3) == [401, 401, 429]
        assert await statuses(two, 1) == [429]


@pytest.mark.parametrize(
    ("one", "another"),
    [
        (
            "postgresql://a:b@localhost/accounts",
            "postgres://c@10.0.0.7:6432/accounts?sslmode=require",
        ),
        ("mysql://a:b@localhost/accounts", "mariadb+pymysql://10.0.0.7:3307/accounts"),
        ("sqlite:///./accounts.db", "sqlite:///{folder}/sub/../accounts.db"),
    ],
)
def test_a_database_is_the_same_whatever_the_way_to_it(
    one: str, another: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = {name_of_service(make_settings(url.format(folder=tmp_path))) for url in (one, another)}
    assert len(names) == 1


def test_other_databases_have_other_names() -> None:
    urls = [
        "postgresql://localhost/accounts",
        "postgresql://localhost/accounts?options=-csearch_path%3Dother",
        "postgresql://localhost/others",
        "mysql://localhost/accounts",
        "sqlite:////tmp/accounts",
        "sqlite:////tmp/others/accounts",
    ]
    assert len({name_of_service(make_settings(url)) for url in urls}) == len(urls)
