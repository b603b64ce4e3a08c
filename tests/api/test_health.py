"""Load balancers learn whether the service works, quickly, and never why not."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest

from gatepost import starting
from gatepost.db.engine import open_engine
from gatepost.db.probe import is_reachable
from gatepost.migrations.revisions import head_revision
from gatepost.runtime import Runtime
from gatepost.web import health
from tests.api.conftest import MakeService
from tests.support import patience
from tests.support.service import Service, make_settings

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def every_connection_taken(service: Service) -> AsyncIterator[None]:
    """So that nobody gets one however long they wait; and they do not wait for long."""
    engine = service.runtime.engine
    size = service.runtime.settings.database.database_pool_size
    taken = [await engine.connect() for _ in range(size)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(health, "TIMEOUT_SECONDS", 0.3)
        try:
            yield
        finally:
            for connection in taken:
                await connection.close()


async def test_a_working_service_is_healthy(make_service: MakeService) -> None:
    async with make_service(version="1.2.3") as service, service.open_client() as client:
        answer = await client.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "healthy", "database": "connected", "version": "1.2.3"}


async def test_without_a_free_connection_it_is_unhealthy_soon(service: Service) -> None:
    async with every_connection_taken(service), service.open_client() as client:
        with anyio.fail_after(patience.SECONDS):
            answer = await client.get("/health")
    assert answer.status_code == 503
    body = answer.json()
    assert (body["status"], body["database"]) == ("unhealthy", "disconnected")
    assert set(body) == {"status", "database", "version"}


async def test_it_is_healthy_again_with_the_connection(service: Service) -> None:
    async with service.open_client() as client:
        async with every_connection_taken(service):
            assert (await client.get("/health")).status_code == 503
        assert (await client.get("/health")).status_code == 200


async def test_the_log_tells_only_the_kind_of_failure(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="gatepost"):
        async with every_connection_taken(service), service.open_client() as client:
            await client.get("/health")
    [record] = [each for each in caplog.records if each.getMessage() == "database.silent"]
    assert record.exc_info is None
    assert service.runtime.engine.url.render_as_string(False) not in str(vars(record))


async def test_a_writer_at_work_does_not_make_it_unhealthy(service: Service) -> None:
    async with service.runtime.engine.begin(), service.open_client() as client:
        assert (await client.get("/health")).status_code == 200


async def test_a_process_without_its_database_is_alive(service: Service) -> None:
    async with every_connection_taken(service), service.open_client() as client:
        answer = await client.get("/health/live")
    assert answer.status_code == 200
    assert answer.json() == {"status": "alive"}


async def test_a_prepared_service_is_ready(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health/ready")
    assert answer.status_code == 200
    body = answer.json()
    assert body["status"] == "ready"
    assert body["checks"]["database"] is True
    assert all(body["checks"].values())


async def test_a_service_without_its_database_is_not_ready(service: Service) -> None:
    async with every_connection_taken(service), service.open_client() as client:
        answer = await client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["status"] == "not_ready"
    assert answer.json()["checks"]["database"] is False


async def says_no(_: Runtime) -> bool:
    return False


async def breaks(_: Runtime) -> bool:
    raise RuntimeError("with a secret in its text")


async def hangs(_: Runtime) -> bool:
    await anyio.sleep_forever()
    return True


@pytest.mark.parametrize("check", [says_no, breaks])
async def test_a_check_that_does_not_pass_makes_it_not_ready(
    service: Service, check: health.ReadinessCheck
) -> None:
    service.app.state.readiness_checks = {"extra": check}
    async with service.open_client() as client:
        answer = await client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "not_ready",
        "checks": {"database": True, "extra": False, "store": True},
    }


async def test_a_check_that_hangs_makes_it_not_ready(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "TIMEOUT_SECONDS", 0.3)
    service.app.state.readiness_checks = {"extra": hangs}
    async with service.open_client() as client:
        with anyio.fail_after(patience.SECONDS):
            answer = await client.get("/health/ready")
    assert answer.status_code == 503
    # Of the others a busy machine may have as little to say in that time.
    assert answer.json()["status"] == "not_ready"
    assert answer.json()["checks"]["extra"] is False


async def test_a_store_that_is_down_is_told_and_takes_nobody_out_of_service(
    make_service: MakeService,
) -> None:
    nowhere = make_service(redis_url="unix:///nowhere/redis.sock")
    async with nowhere as service, service.open_client() as client:
        answer = await client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["checks"]["store"] is False


@pytest.mark.parametrize(
    ("revision", "status"), [("", 503), ("0000", 503), ("of a later version", 200)]
)
async def test_a_schema_that_is_behind_makes_it_not_ready(
    service: Service, revision: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"0000", head_revision()}

    async def current_revision(_: object) -> str | None:
        return revision or None

    monkeypatch.setattr(starting, "current_revision", current_revision)
    monkeypatch.setattr(starting, "is_known", known.__contains__)
    async with service.open_client() as client:
        answer = await client.get("/health/ready")
    assert answer.status_code == status
    checks = {"database": True, "schema": status == 200, "store": True}
    assert answer.json()["checks"] == checks


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:s3cr3t@/gatepost?host=/nowhere",
        "mysql://user:s3cr3t@localhost/gatepost?unix_socket=/nowhere/mysql.sock",
    ],
)
async def test_a_database_that_is_not_there_is_not_reachable(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine = open_engine(make_settings(url).database)
    with caplog.at_level(logging.WARNING, logger="gatepost"):
        assert not await is_reachable(engine, seconds=patience.SECONDS)
    await engine.dispose()
    [record] = caplog.records
    assert record.getMessage() == "database.silent"
    assert "s3cr3t" not in str(vars(record))
    assert "nowhere" not in str(vars(record))
