"""A server that is killed at any moment leaves an effect with its answer, or neither.

Real processes are killed by SIGKILL under load, at moments drawn at random, and started again on
the same database. Every request is then sent once more under its key, and the effects are counted.
"""

import asyncio
import json
import random
import secrets
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gatepost.db.engine import open_engine
from gatepost.features.accounts.models import User
from gatepost.features.audit.models import AuditEvent
from gatepost.features.idempotency.models import StoredAnswer
from gatepost.features.items.models import Item
from tests.support import patience
from tests.support.command import Gatepost, Process
from tests.support.service import PASSWORD, make_settings

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

ROUNDS = 8
CLIENTS = 6
ANSWERS_BEFORE_A_KILL = 12
SECONDS_UNTIL_KILLED = 0.25

# What a server may answer that is not done with the request: come back later.
BUSY = 503


@dataclass(slots=True)
class Attempt:
    """A request that is sent until it is answered, and every answer that it got."""

    method: str
    path: str
    body: dict[str, Any]
    key: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    answers: list[tuple[int, bytes, str | None]] = field(default_factory=list)

    async def send(self, client: httpx.AsyncClient) -> httpx.Response:
        """Send it; a repetition of one that was answered has to be told as such."""
        was_answered = bool(self.answers)
        answer = await client.request(
            self.method, self.path, json=self.body, headers={"Idempotency-Key": self.key}
        )
        if answer.status_code != BUSY:
            assert answer.is_success, f"{self.method} {self.path}: {answer.text}"
            assert not was_answered or answer.headers.get("idempotency-replayed") == "true"
            seen = (answer.status_code, answer.content, answer.headers.get("location"))
            self.answers.append(seen)
        return answer


@dataclass(slots=True)
class Load:
    """All that was ever sent, and the chance that decides."""

    chance: random.Random
    attempts: list[Attempt] = field(default_factory=list)

    def next(self) -> Attempt:
        """One of those not answered yet, or a new one."""
        waiting = [attempt for attempt in self.attempts[-50:] if not attempt.answers]
        if waiting and self.chance.random() < 0.5:
            return self.chance.choice(waiting)
        name = f"n{len(self.attempts)}"
        account = {"email": f"{name}@example.com", "password": PASSWORD}
        kinds: list[tuple[str, str, dict[str, Any]]] = [
            ("POST", "/items/", {"title": name}),
            ("POST", "/api/v1/auth/register", account),
            ("POST", "/auth/register/bulk", {"users": [account, {"email": "nonsense"}]}),
            ("PATCH", "/users/me", {"full_name": name}),
        ]
        attempt = Attempt(*self.chance.choice(kinds))
        self.attempts.append(attempt)
        return attempt

    def count(self, path: str) -> int:
        return sum(attempt.path.endswith(path) for attempt in self.attempts)


@contextmanager
def serving(gatepost: Gatepost) -> Iterator[tuple[Process, str]]:
    with gatepost.start("serve", "--port", "0") as process:
        yield process, process.wait_for(r"(http://127\.0\.0\.1:\d+)")[1]


@pytest.fixture
def gatepost(tmp_path: Path, fresh_database_url: str) -> Gatepost:
    environ = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "DATABASE_URL": fresh_database_url,
        "DEBUG": "true",
        "ARGON2_MEMORY_KIB": "8",
        "ARGON2_TIME_COST": "1",
        "RATE_LIMIT_REQUESTS": "1000000",
        **patience.ENVIRON,
        "LOG_LEVEL": "WARNING",
        "LOG_FORMAT": "console",  # tells where it serves, whatever the level
    }
    return Gatepost(tmp_path, environ)


async def test_one_effect_and_one_answer_a_key_however_often_the_server_is_killed(
    gatepost: Gatepost, fresh_database_url: str
) -> None:
    seed = secrets.randbits(32)
    load = Load(random.Random(seed))
    token = None
    for _ in range(ROUNDS):
        with serving(gatepost) as (process, url):
            token = token or await log_in(url)
            await be_killed_under_load(process, url, token, load)

    assert token is not None
    with serving(gatepost) as (_, url):
        await send_all_again(url, token, load)
    engine = open_engine(make_settings(fresh_database_url).database)
    try:
        await check_effects(engine, load, f"seed {seed}")
    finally:
        await engine.dispose()


async def be_killed_under_load(process: Process, url: str, token: str, load: Load) -> None:
    """Let clients send until the process is killed, at some moment after the first answers."""
    answered = asyncio.Semaphore(0)

    async def send_until_it_dies(client: httpx.AsyncClient) -> None:
        while True:
            try:
                await load.next().send(client)
            except httpx.TransportError:
                return
            answered.release()

    async with client_of(url, token) as client, asyncio.TaskGroup() as clients:
        for _ in range(CLIENTS):
            clients.create_task(send_until_it_dies(client))
        for _ in range(ANSWERS_BEFORE_A_KILL):
            await answered.acquire()
        await asyncio.sleep(load.chance.uniform(0, SECONDS_UNTIL_KILLED))
        process.popen.kill()
    process.popen.wait()


async def send_all_again(url: str, token: str, load: Load) -> None:
    """Send each attempt until it is answered, and then once more."""
    gate = asyncio.Semaphore(CLIENTS)

    async def insist(attempt: Attempt, client: httpx.AsyncClient) -> None:
        wanted = len(attempt.answers) + 2
        async with gate:
            while len(attempt.answers) < wanted:
                await attempt.send(client)

    async with client_of(url, token) as client:
        await asyncio.gather(*(insist(attempt, client) for attempt in load.attempts))


async def check_effects(engine: AsyncEngine, load: Load, seed: str) -> None:
    unlike = [attempt for attempt in load.attempts if len(set(attempt.answers)) != 1]
    assert not unlike, seed
    registered = load.count("/register") + load.count("/register/bulk")
    async with engine.connect() as connection:
        effects = {
            "items": await connection.scalar(select(func.count(Item.id))),
            "users": await connection.scalar(select(func.count(User.id))),
            "answers": await connection.scalar(select(func.count(StoredAnswer.id))),
        }
        happened = Counter(list(await connection.scalars(select(AuditEvent.event))))
    assert effects == {
        "items": load.count("/items/"),
        "users": registered + 1,
        "answers": len(load.attempts),
    }, seed
    assert happened["user.created"] == registered + 1, seed
    assert happened["user.updated"] == load.count("/users/me"), seed
    _check_rows(load)


def _check_rows(load: Load) -> None:
    """The bad row of each bulk registration failed alone, and is told with the good one."""
    for attempt in load.attempts:
        if attempt.path.endswith("/bulk"):
            outcome = json.loads(attempt.answers[0][1])
            assert [len(outcome["created"]), len(outcome["failed"])] == [1, 1]


async def log_in(url: str) -> str:
    account = {"email": "ada@example.com", "password": PASSWORD}
    async with client_of(url) as client:
        registered = await client.post("/auth/register", json=account)
        assert registered.status_code == 201, registered.text
        answer = await client.post("/auth/login", json={**account, "transport": "bearer"})
        return str(answer.json()["access_token"])


def client_of(url: str, token: str | None = None) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(
        base_url=url, headers=headers, timeout=patience.SECONDS, trust_env=False
    )
