"""The whole service in this process, on a real database, for a test to speak HTTP to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import Receive, Scope, Send

from gatepost import Hooks, Settings, create_app, holding
from gatepost.db.engine import open_engine
from gatepost.features.accounts import service as accounts
from gatepost.features.audit.models import AuditEvent
from gatepost.features.callers.roles import Role
from gatepost.migrations.models import metadata
from gatepost.migrations.runner import upgrade
from gatepost.runtime import Runtime
from gatepost.work import Origin, Work, begin_work
from tests.support import patience
from tests.support.clock import SetClock
from tests.support.memory import outdated_sessions

SECRET = "s3cr3t-of-the-t3sts-9f8e7d6c5b4a-0123456789"
PASSWORD = "correct horse battery staple"
BASE_URL = "https://gatepost.test"


def make_settings(database_url: str, **changes: Any) -> Settings:
    """Settings for tests: the product's defaults, but cheap hashes and no hurry."""
    values = {
        "secret_key": SECRET,
        "database_url": database_url,
        "debug": True,  # allows a hash this cheap
        "argon2_memory_kib": 8,
        "argon2_time_cost": 1,
        "migrate_on_start": False,
        "rate_limit_requests": 1_000_000,  # tests are many requests from one address
        **patience.SETTINGS,
    }
    return Settings(**(values | changes))


@dataclass(frozen=True, slots=True)
class Service:
    """A running service, and its clock."""

    app: FastAPI
    clock: SetClock

    @property
    def runtime(self) -> Runtime:
        runtime: Runtime = self.app.state.gatepost
        return runtime

    def open_client(self, **options: Any) -> httpx.AsyncClient:
        """A client with cookies of its own, as another browser has."""
        transport = httpx.ASGITransport(app=self._serve, client=("192.0.2.7", 4711))
        return httpx.AsyncClient(transport=transport, base_url=BASE_URL, **options)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request that is no part of what the test is in the middle of."""
        token = holding.current.set(None)
        try:
            await self.app(scope, receive, send)
        finally:
            holding.current.reset(token)

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Work]:
        """Work as the command line does it."""
        async with begin_work(self.runtime, Origin("test")) as work:
            yield work

    async def give_role(self, user_id: int, role: Role | str) -> None:
        async with self.work() as work:
            await accounts.set_role(work, user_id, Role(role))


@asynccontextmanager
async def started(
    settings: Settings, clock: SetClock | None = None, hooks: Hooks | None = None
) -> AsyncIterator[Service]:
    """Start the service; what it wrote stays when it stops."""
    clock = clock or SetClock()
    app = create_app(settings, clock=clock, hooks=hooks)
    async with app.router.lifespan_context(app):
        service = Service(app, clock)
        yield service
        assert await outdated_sessions(service.runtime) == []


@asynccontextmanager
async def serving(
    settings: Settings, clock: SetClock | None = None, hooks: Hooks | None = None
) -> AsyncIterator[Service]:
    """Start the service; when it stops, in whatever way, nothing that it wrote is left."""
    has_started = False
    try:
        async with started(settings, clock, hooks) as service:
            has_started = True
            yield service
    finally:
        # Its chores have ended: nothing writes between two tables any more.
        if has_started:
            engine = open_engine(settings.database)
            await wipe(engine)
            await engine.dispose()


async def migrate(url: str) -> None:
    """Bring a database to the head of the migrations."""
    engine = open_engine(make_settings(url).database)
    await upgrade(engine)
    await engine.dispose()


async def wipe(engine: AsyncEngine) -> None:
    """Delete every row of every table."""
    async with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            await connection.execute(table.delete())


@dataclass(frozen=True, slots=True)
class Account:
    """A user who is logged in."""

    id: int
    email: str
    password: str
    access_token: str
    refresh_token: str

    @property
    def headers(self) -> dict[str, str]:
        return bearer(self.access_token)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def register(
    client: httpx.AsyncClient, email: str = "ada@example.com", **fields: Any
) -> dict[str, Any]:
    """Make an account; returns the user."""
    body = {"email": email, "password": PASSWORD, **fields}
    answer = await client.post("/api/v1/auth/register", json=body)
    assert answer.status_code == 201, answer.text
    user: dict[str, Any] = answer.json()
    return user


async def log_in(
    client: httpx.AsyncClient, email: str = "ada@example.com", password: str = PASSWORD
) -> dict[str, Any]:
    """Log in with tokens in the body only; returns the body."""
    body = {"email": email, "password": password, "transport": "bearer"}
    answer = await client.post("/api/v1/auth/login", json=body)
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()
    return tokens


async def sign_up(
    client: httpx.AsyncClient, email: str = "ada@example.com", **fields: Any
) -> Account:
    """Make an account and log in."""
    user = await register(client, email, **fields)
    password = fields.get("password", PASSWORD)
    tokens = await log_in(client, email, password)
    return Account(user["id"], email, password, tokens["access_token"], tokens["refresh_token"])


async def sign_up_as(
    service: Service, client: httpx.AsyncClient, role: Role | str, email: str | None = None
) -> Account:
    """Make an account with a role and log in."""
    account = await sign_up(client, email or f"{role}@example.com")
    await service.give_role(account.id, role)
    return account


async def status_of(client: httpx.AsyncClient, access_token: str) -> int:
    """How a token is answered that asks who its user is."""
    answer = await client.get("/api/v1/users/me", headers=bearer(access_token))
    return answer.status_code


async def count(service: Service, column: Any, *conditions: Any) -> int:
    """How many rows of a column's table there are, under these conditions."""
    async with service.work() as work:
        return await work.db.scalar(select(func.count(column)).where(*conditions)) or 0


async def events_of(service: Service) -> list[AuditEvent]:
    """What the audit log holds, from the first to the last."""
    async with service.work() as work:
        return list(await work.db.scalars(select(AuditEvent).order_by(AuditEvent.id)))


async def event_names(service: Service) -> list[str]:
    """The names of the same."""
    return [each.event for each in await events_of(service)]
