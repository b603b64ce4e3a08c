"""Real worker processes that share limits and locks, and a Redis that goes and comes back."""

import asyncio
import importlib
import json
import re
import secrets
import sys
import time
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import patience
from tests.support.command import Gatepost, Process
from tests.support.redis_process import OwnRedis
from tests.support.service import PASSWORD, Service, make_settings, register, serving

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

WORKERS = 4


@pytest.fixture
def gatepost(tmp_path: Path) -> Gatepost:
    """The command on an SQLite file of its own, its hashes cheap and its limits low."""
    environ = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "DATABASE_URL": f"sqlite:///{tmp_path}/test.db",
        "DEBUG": "true",
        "ARGON2_MEMORY_KIB": "8",
        "ARGON2_TIME_COST": "1",
        "RATE_LIMIT_REQUESTS": "100",
        "RATE_LIMIT_WINDOW": "3600",
        **patience.ENVIRON,
        "TRUSTED_PROXIES": "127.0.0.1",
    }
    return Gatepost(tmp_path, environ)


@pytest.fixture
def migrated_sqlite_url(gatepost: Gatepost) -> str:
    gatepost.done("migrate")
    return gatepost.environ["DATABASE_URL"]


def started(process: Process) -> int:
    """The service's port, once every worker has said that it serves."""
    return port_of(process, WORKERS)


def port_of(process: Process, workers: int) -> int:
    """The same for another number of workers."""
    port = int(process.wait_for(r"http://127\.0\.0\.1:(\d+)")[1])
    for count in range(1, workers + 1):
        process.wait_for(rf"(?s)(startup complete.*){{{count}}}")
    return port


async def ask(port: int, method: str, path: str, address: str, body: str = "") -> int:
    """Send one request on a connection of its own, and return the status of its answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = [
        f"{method} {path} HTTP/1.1",
        "Host: localhost",
        "Connection: close",
        "Content-Type: application/json",
        f"X-Forwarded-For: {address}",
        f"Content-Length: {len(body)}",
    ]
    writer.write("\r\n".join([*head, "", body]).encode())
    answer = await reader.read()
    writer.close()
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize("kind", ["redis", "database"])
async def test_four_workers_let_in_and_try_no_more_than_one(
    gatepost: Gatepost, own_redis: OwnRedis, kind: str
) -> None:
    if kind == "redis":
        own_redis.start()
        gatepost = gatepost.having(REDIS_URL=own_redis.url)
    with gatepost.start("serve", "--port", "0", "--workers", str(WORKERS)) as process:
        port = started(process)
        counted = await asyncio.gather(
            *(ask(port, "GET", "/no/such", "192.0.2.1") for _ in range(1000))
        )
        wrong = json.dumps({"email": "nobody@example.com", "password": "a wrong password"})
        tried = await asyncio.gather(
            *(ask(port, "POST", "/auth/login", "192.0.2.2", wrong) for _ in range(50))
        )
        status, printed = process.terminate()
    assert status == 0, printed
    assert "store.lost" not in printed
    assert Counter(counted) == {404: 100, 429: 900}
    assert Counter(tried) == {401: 5, 429: 45}


async def test_bulk_registrations_with_a_key_are_counted_while_others_log_in(
    gatepost: Gatepost,
) -> None:
    """The store is the database, whose one writer nobody may be while they ask it."""
    roomy = gatepost.having(RATE_LIMIT_REQUESTS="1000", RATE_LIMIT_REGISTRATION="100/3600")
    with roomy.start("serve", "--port", "0", "--workers", "2") as process:
        base_url = f"http://127.0.0.1:{port_of(process, 2)}"
        async with httpx.AsyncClient(base_url=base_url, timeout=patience.SECONDS) as client:
            await register(client)

            async def add(number: int) -> int:
                users = [
                    {"email": f"{number}-{row}@example.com", "password": PASSWORD}
                    for row in range(60)
                ]
                headers = {"Idempotency-Key": f"key-{number}", "X-Forwarded-For": "192.0.2.9"}
                sent = {"users": users}
                answer = await client.post("/auth/register/bulk", json=sent, headers=headers)
                return answer.status_code

            async def log_in(_: int) -> int:
                body = {"email": "ada@example.com", "password": PASSWORD}
                return (await client.post("/auth/login", json=body)).status_code

            added, logged_in = await asyncio.gather(
                asyncio.gather(*map(add, range(3))), asyncio.gather(*map(log_in, range(10)))
            )
        status, printed = process.terminate()
    assert Counter(added) == {201: 1, 429: 2}
    assert Counter(logged_in) == {200: 10}
    assert status == 0
    assert not re.search(r"store\.lost|transaction\.held", printed), printed


FORKING = """
import os, socket, uvicorn

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(100)
print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
for _ in range(3):
    if os.fork() == 0:
        config = uvicorn.Config("gatepost.asgi:app", proxy_headers=False)
        uvicorn.Server(config).run(sockets=[listener])
        os._exit(0)
os.wait()
"""

PROGRAM = """
import uvicorn

if __name__ == "__main__":
    uvicorn.run("gatepost.asgi:app", port=0, workers=3, proxy_headers=False)
"""

UNTOLD = {
    "uvicorn, by its environment": (
        ("-m", "uvicorn", "gatepost.asgi:app", "--port", "0", "--no-proxy-headers"),
        {"UVICORN_WORKERS": "3"},
    ),
    "uvicorn, by a program": (("program.py",), {"WEB_CONCURRENCY": "1"}),
    "a server that forks": (("forking.py",), {}),
}


@pytest.mark.usefixtures("migrated_sqlite_url")
@pytest.mark.parametrize("server", UNTOLD)
async def test_workers_that_nobody_told_of_try_no_more_than_one(
    gatepost: Gatepost, server: str
) -> None:
    words, environ = UNTOLD[server]
    (gatepost.folder / "forking.py").write_text(FORKING)
    (gatepost.folder / "program.py").write_text(PROGRAM)
    wrong = json.dumps({"email": "nobody@example.com", "password": "a wrong password"})
    with gatepost.having(**environ).start(*words, command=(sys.executable,)) as process:
        port = port_of(process, 3)
        tried = await asyncio.gather(
            *(ask(port, "POST", "/auth/login", "192.0.2.2", wrong) for _ in range(40))
        )
        process.wait_for("the server that started this process may have started others")
    assert Counter(tried) == {401: 5, 429: 35}


@pytest.mark.usefixtures("migrated_sqlite_url")
async def test_the_command_line_unlocks_at_workers_that_it_does_not_know_of(
    gatepost: Gatepost,
) -> None:
    words = "create-admin", "ada@example.com", "--password-stdin"
    await asyncio.to_thread(gatepost.done, *words, typed=f"{PASSWORD}\n")
    server, environ = UNTOLD["uvicorn, by its environment"]
    with gatepost.having(**environ).start(*server, command=(sys.executable,)) as process:
        port = port_of(process, 3)
        for password, wanted in [("wrong", [401] * 5 + [429]), (PASSWORD, [429])]:
            body = json.dumps({"email": "ada@example.com", "password": password})
            tried = [await ask(port, "POST", "/auth/login", "192.0.2.2", body) for _ in wanted]
            assert tried == wanted
        await asyncio.to_thread(gatepost.done, "users", "unlock", "ada@example.com")
        assert await ask(port, "POST", "/auth/login", "192.0.2.2", body) == 200


def test_the_check_says_what_the_workers_share(gatepost: Gatepost, own_redis: OwnRedis) -> None:
    gatepost.done("migrate")
    assert "kept in this process's memory" in store_of(gatepost)
    several = gatepost.having(WEB_CONCURRENCY="2")
    assert "kept in the database, which 2 workers share" in store_of(several)
    with_redis = gatepost.having(REDIS_URL=own_redis.url)
    failed = with_redis.run("check")
    assert failed.exit_code == 1
    assert "there is no such socket" in failed.stdout
    assert "Check REDIS_URL" in failed.stdout
    own_redis.start()
    assert "kept in Redis" in store_of(with_redis)


def store_of(gatepost: Gatepost) -> str:
    """What the check says of the store."""
    details = {each["name"]: each["detail"] for each in gatepost.json("check")["checks"]}
    detail: str = details["store"]
    return detail


@pytest.mark.parametrize(
    "arguments", [["--workers", "3"], ["--workers=3"], ["-w", "3"], ["-w3"], ["-k", "x", "-w", "3"]]
)
def test_other_servers_workers_share_too(
    gatepost: Gatepost, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in gatepost.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WEB_CONCURRENCY", "9")
    monkeypatch.setattr(sys, "argv", ["gunicorn", *arguments, "gatepost.asgi:app"])
    asgi = importlib.reload(importlib.import_module("gatepost.asgi"))
    assert asgi._read_settings().stores.chosen_store == "database"
    assert asgi._read_settings().stores.workers == 3


async def test_redis_may_go_and_come_back_under_load(
    migrated_sqlite_url: str, own_redis: OwnRedis
) -> None:
    own_redis.start()
    settings = make_settings(
        migrated_sqlite_url, redis_url=own_redis.url, redis_timeout_milliseconds=1000
    )
    async with serving(settings) as service, service.open_client() as client:
        await register(client)
        load = Load(client)
        async with load.running():
            await load.answered(50)
            own_redis.stop()
            await load.answered(50)
            assert not service.runtime.store.is_available
            assert service.runtime.rate_limits.unchecked["default"] > 0
            await lockout_holds(client)
            own_redis.start()
            await until_available(service)
            counted = (await client.get("/")).headers
            assert counted["RateLimit-Policy"]
            own_redis.freeze()
            await load.answered(50)
            assert not service.runtime.store.is_available
            own_redis.thaw()
            await until_available(service)
            await load.answered(50)
        assert load.codes == {200: sum(load.codes.values())}
        assert load.slowest < patience.HANGING_SECONDS


async def lockout_holds(client: httpx.AsyncClient) -> None:
    """Although nothing is shared, no more than five passwords are tried in this process."""

    async def log_in(password: str) -> int:
        body = {"email": "ada@example.com", "password": password}
        return (await client.post("/auth/login", json=body)).status_code

    wrong = await asyncio.gather(*(log_in("a wrong password") for _ in range(20)))
    assert Counter(wrong) == {401: 5, 429: 15}
    assert await log_in(PASSWORD) == 429


async def test_a_lock_outlives_the_redis_that_kept_it(
    migrated_sqlite_url: str, own_redis: OwnRedis
) -> None:
    own_redis.start()
    settings = make_settings(migrated_sqlite_url, redis_url=own_redis.url)
    async with serving(settings) as service, service.open_client() as client:
        await register(client)
        await lockout_holds(client)
        own_redis.stop()
        body = {"email": "ada@example.com", "password": PASSWORD}
        assert (await client.post("/auth/login", json=body)).status_code == 429


async def until_available(service: Service) -> None:
    async with asyncio.timeout(patience.SECONDS):
        while not service.runtime.store.is_available:  # noqa: ASYNC110 - it has no event for that
            await asyncio.sleep(0.01)


class Load:
    """Four clients who ask and ask."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.codes: Counter[int] = Counter()
        self.slowest = 0.0

    @asynccontextmanager
    async def running(self) -> Any:
        tasks = [asyncio.create_task(self._ask()) for _ in range(4)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def answered(self, count: int) -> None:
        """Wait until so many more have been answered."""
        wanted = sum(self.codes.values()) + count
        async with asyncio.timeout(patience.SECONDS):
            while sum(self.codes.values()) < wanted:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)

    async def _ask(self) -> None:
        while True:
            began = time.monotonic()
            answer = await self.client.get("/")
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.codes[answer.status_code] += 1
            await asyncio.sleep(0.01)  # a request that waits for nothing leaves nobody else a turn
