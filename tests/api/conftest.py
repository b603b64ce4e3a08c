"""The service on each database, empty at the start of every test."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest

from gatepost import Settings
from gatepost.db.engine import open_engine
from tests.support.clock import SetClock
from tests.support.service import (
    Account,
    Service,
    make_settings,
    serving,
    sign_up,
    sign_up_as,
    wipe,
)

MakeService = Callable[..., AbstractAsyncContextManager[Service]]


@pytest.fixture
def wiped_url(migrated_url: str) -> Iterator[str]:
    """The same, wiped after a test that starts its service for itself."""
    yield migrated_url

    async def wipe_all() -> None:
        engine = open_engine(make_settings(migrated_url).database)
        await wipe(engine)
        await engine.dispose()

    asyncio.run(wipe_all())


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def settings(migrated_url: str) -> Settings:
    return make_settings(migrated_url)


@pytest.fixture
def make_service(migrated_url: str, clock: SetClock) -> MakeService:
    """Start the service with other settings: `async with make_service(algorithm="ES256")`."""

    def make(**changes: Any) -> AbstractAsyncContextManager[Service]:
        hooks = changes.pop("hooks", None)
        return serving(make_settings(migrated_url, **changes), clock, hooks)

    return make


@pytest.fixture
async def service(settings: Settings, clock: SetClock) -> AsyncIterator[Service]:
    async with serving(settings, clock) as service:
        yield service


@pytest.fixture
async def client(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with service.open_client() as client:
        yield client


@pytest.fixture
async def account(client: httpx.AsyncClient) -> Account:
    """Somebody who has just logged in."""
    return await sign_up(client)


@pytest.fixture
async def moderator(service: Service, client: httpx.AsyncClient) -> Account:
    return await sign_up_as(service, client, "moderator")


@pytest.fixture
async def admin(service: Service, client: httpx.AsyncClient) -> Account:
    return await sign_up_as(service, client, "admin")
