"""Prometheus learns what the service does; who may not ask learns nothing; labels are few."""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from gatepost.configuration import Settings
from gatepost.documentation.metrics import all_metrics, render
from gatepost.observability.metrics import Metrics
from gatepost.purging import purge_all
from gatepost.settings import SettingsError
from tests.api.conftest import MakeService
from tests.support.clock import SetClock
from tests.support.hashing import held_up, until
from tests.support.service import PASSWORD, SECRET, Service, sign_up, sign_up_as

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "deploy" / "grafana" / "gatepost.json"
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
TOKEN = "a-token-f0r-the-metrics-0123456789abcdef"
HERE = "192.0.2.0/24"
"""Where the tests' clients come from."""

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(text: str) -> Series:
    """Every sample, by its name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def scrape(service: Service) -> Series:
    async with service.open_client() as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 200, answer.text
    return read(answer.text)


def value(series: Series, name: str, **labels: str) -> float:
    return series[name, tuple(sorted(labels.items()))]


async def test_requests_are_counted_by_route_and_status(make_service: MakeService) -> None:
    async with make_service(metrics_allowed=HERE) as service, service.open_client() as client:
        account = await sign_up(client)
        for user_id in (account.id, account.id + 1000):
            await client.get(f"/api/v1/users/{user_id}", headers=account.headers)
        await client.head("/users/me", headers=account.headers)
        await client.get("/users/me")
        series = await scrape(service)
    name = "gatepost_http_requests_total"
    route = "/api/v1/users/{user_id}"
    assert value(series, name, method="GET", route=route, status="200") == 1
    assert value(series, name, method="GET", route=route, status="403") == 1
    assert value(series, name, method="HEAD", route="/users/me", status="200") == 1
    assert value(series, name, method="GET", route="/users/me", status="401") == 1
    duration = "gatepost_http_request_duration_seconds"
    assert value(series, f"{duration}_count", method="GET", route=route) == 2
    assert 0 < value(series, f"{duration}_sum", method="GET", route=route) < 60
    assert value(series, "gatepost_http_requests_in_progress") == 1  # the one that asks


async def test_a_crash_and_a_refusal_before_routing_are_counted(make_service: MakeService) -> None:
    async with make_service(metrics_allowed=HERE) as service, service.open_client() as client:

        async def crash() -> None:
            raise RuntimeError

        service.app.add_api_route("/crash/{kind}", crash)
        await client.get("/crash/1")
        await client.post("/auth/login", content="x", headers={"Content-Type": "text/plain"})
        series = await scrape(service)
    name = "gatepost_http_requests_total"
    assert value(series, name, method="GET", route="/crash/{kind}", status="500") == 1
    assert value(series, name, method="POST", route="none", status="415") == 1


async def test_labels_stay_few_whatever_is_asked_for(make_service: MakeService) -> None:
    async with make_service(metrics_allowed=HERE, rate_limit_requests=1000) as service:
        async with service.open_client() as client:
            for number in range(50):
                await client.get(f"/nothing/{number}")
                await client.get(f"/api/v1/users/{number}/x")
                await client.get(f"/static/nothing-{number}")
                await client.request(f"M{number}", "/health")
        series = await scrape(service)
    labels = [dict(each[1]) for each in series if each[0] == "gatepost_http_requests_total"]
    assert {each["route"] for each in labels} <= {"none", "/static/{path}", "/health", "/metrics"}
    assert {each["method"] for each in labels} == {"GET", "other"}


async def test_logins_sessions_and_events_are_counted(
    make_service: MakeService, clock: SetClock
) -> None:
    async with make_service(metrics_allowed=HERE) as service, service.open_client() as client:
        account = await sign_up(client)
        bad = {"email": account.email, "password": "not the password"}
        for _ in range(5):
            await client.post("/auth/login", json=bad)
        assert (await client.post("/auth/login", json=bad)).status_code == 429
        first = {"refresh_token": account.refresh_token}
        for _ in range(2):  # the second is a retry, and renews nothing
            assert (await client.post("/auth/refresh", json=first)).status_code == 200
        clock.advance(timedelta(minutes=5))
        assert (await client.post("/auth/refresh", json=first)).status_code == 401
        series = await scrape(service)
    logins = "gatepost_logins_total"
    assert value(series, logins, outcome="succeeded") == 1
    assert value(series, logins, outcome="failed") == 5
    assert value(series, logins, outcome="locked") == 1
    assert value(series, "gatepost_lockout_refusals_total") == 1
    changes = "gatepost_session_changes_total"
    assert value(series, changes, change="started") == 1
    assert value(series, changes, change="renewed") == 1
    assert value(series, changes, change="replayed") == 1
    events = "gatepost_audit_events_total"
    assert value(series, events, event="login.failed", outcome="failure") == 5
    assert value(series, events, event="user.created", outcome="success") == 1


async def test_the_hash_queue_is_shown(make_service: MakeService) -> None:
    changes: dict[str, Any] = {"hash_threads": 1, "hash_queue_limit": 1}
    async with make_service(metrics_allowed=HERE, **changes) as service:
        pool = service.runtime.hash_pool
        async with held_up(pool), service.open_client() as client:
            login = {"email": "ada@example.com", "password": PASSWORD}
            waiting = asyncio.create_task(client.post("/auth/login", json=login))
            await until(lambda: pool.depth == 1)
            assert (await client.post("/auth/login", json=login)).status_code == 503
            series = await scrape(service)
        await waiting
        after = await scrape(service)
    assert value(series, "gatepost_password_hash_queue_depth") == 1
    assert value(series, "gatepost_password_hashes_in_progress") == 1
    assert value(series, "gatepost_password_hash_refusals_total") == 1
    assert value(after, "gatepost_password_hash_queue_depth") == 0
    assert value(after, "gatepost_password_hashes_total") == 2
    assert value(after, "gatepost_password_hash_wait_seconds_total") > 0


async def test_the_databases_connections_are_shown(make_service: MakeService) -> None:
    changes = {"database_pool_size": 2, "database_pool_timeout_seconds": 1}
    async with make_service(metrics_allowed=HERE, **changes) as service:
        engine = service.runtime.engine
        async with engine.connect(), engine.connect():
            async with service.open_client() as client:
                answer = await client.get("/users/me", headers={"Authorization": "Bearer x.y.z"})
                login = {"email": "ada@example.com", "password": PASSWORD}
                answer = await client.post("/auth/login", json=login)
            assert answer.status_code == 503
            series = await scrape(service)
    assert value(series, "gatepost_database_pool_size") == 2
    assert value(series, "gatepost_database_connections_in_use") == 2
    assert value(series, "gatepost_database_connections_taken_total") >= 2
    assert value(series, "gatepost_database_pool_timeouts_total") >= 1
    assert value(series, "gatepost_database_connection_wait_seconds_total") > 0.9


async def test_limits_and_a_store_that_is_down_are_shown(make_service: MakeService) -> None:
    async with make_service(metrics_allowed=HERE, rate_limit_requests=2) as service:
        async with service.open_client() as client:
            for _ in range(3):
                await client.get("/users/me")
        series = await scrape(service)
    assert value(series, "gatepost_rate_limit_refusals_total", limit="default") == 1
    assert value(series, "gatepost_store_available", store="memory") == 1
    away = "redis://127.0.0.1:1/0"
    async with make_service(metrics_allowed=HERE, redis_url=away) as service:
        async with service.open_client() as client:
            assert (await client.get("/users/me")).status_code == 401
        series = await scrape(service)
    assert value(series, "gatepost_rate_limit_unchecked_total", limit="default") >= 1
    assert value(series, "gatepost_store_available", store="redis") == 0
    assert value(series, "gatepost_store_failures_total", store="redis") >= 1


async def test_replays_and_purges_are_counted(make_service: MakeService, clock: SetClock) -> None:
    async with make_service(metrics_allowed=HERE) as service, service.open_client() as client:
        account = await sign_up(client)
        headers = {**account.headers, "Idempotency-Key": "a-key-of-this-test"}
        for _ in range(3):
            answer = await client.post("/items/", json={"title": "x"}, headers=headers)
            assert answer.status_code == 201
        clock.advance(timedelta(days=60))
        service.runtime.metrics.count_purged(await purge_all(service.runtime))
        series = await scrape(service)
    assert value(series, "gatepost_idempotent_replays_total") == 2
    assert value(series, "gatepost_purged_rows_total", kind="sessions") == 1


async def test_two_services_in_one_process_count_apart(make_service: MakeService) -> None:
    async with make_service(metrics_allowed=HERE) as one, make_service(metrics_allowed=HERE) as two:
        async with one.open_client() as client:
            await client.get("/health/live")
        ones, twos = await scrape(one), await scrape(two)
    asked = ("route", "/health/live")
    assert any(asked in labels for _, labels in ones)
    assert not any(asked in labels for _, labels in twos)


@pytest.mark.parametrize(
    ("settings", "headers", "status"),
    [
        ({}, {}, 403),
        ({"metrics_allowed": HERE}, {}, 200),
        ({"metrics_allowed": "198.51.100.0/24, 192.0.2.7"}, {}, 200),
        ({"metrics_allowed": HERE}, {"X-Forwarded-For": "192.0.2.7"}, 403),
        ({"metrics_allowed": HERE}, {"Forwarded": "for=192.0.2.7"}, 403),
        ({"metrics_allowed": HERE}, {"Via": "1.1 a"}, 403),
        ({"metrics_allowed": HERE}, {"X-Real-IP": "192.0.2.7"}, 403),
        ({"trusted_proxies": HERE}, {"X-Forwarded-For": "127.0.0.1"}, 200),
        ({"trusted_proxies": HERE}, {"X-Forwarded-For": "127.0.0.1, 203.0.113.9"}, 403),
        ({"metrics_token": TOKEN}, {}, 403),
        ({"metrics_token": TOKEN}, {"Authorization": f"Bearer {TOKEN}"}, 200),
        ({"metrics_token": TOKEN}, {"Authorization": f"bearer {TOKEN}"}, 200),
        ({"metrics_token": TOKEN}, {"Authorization": f"Bearer {TOKEN[:-1]}"}, 403),
        ({"metrics_token": TOKEN}, {"Authorization": f"Bearer {TOKEN}x"}, 403),
        ({"metrics_token": TOKEN}, {"Authorization": f"Basic {TOKEN}"}, 403),
        ({"metrics_token": TOKEN}, {"Authorization": TOKEN}, 403),
        ({"metrics_token": TOKEN}, {"Authorization": "Bearer \xff"}, 403),
        ({"metrics_token": TOKEN}, {"Authorization": "Bearer"}, 403),
        ({}, {"Authorization": "Bearer "}, 403),
    ],
)
@pytest.mark.databases("sqlite")
async def test_only_those_who_are_let_in_see_them(
    make_service: MakeService, settings: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    async with make_service(**settings) as service, service.open_client() as client:
        encoded = [(name.encode(), text.encode("latin-1")) for name, text in headers.items()]
        answer = await client.get("/metrics", headers=encoded)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["code"] == "metrics_refused"
        assert "gatepost_" not in answer.text


@pytest.mark.databases("sqlite")
async def test_of_two_tokens_none_is_right(make_service: MakeService) -> None:
    async with make_service(metrics_token=TOKEN) as service, service.open_client() as client:
        twice = [("Authorization", f"Bearer {TOKEN}"), ("Authorization", f"Bearer {TOKEN}")]
        assert (await client.get("/metrics", headers=twice)).status_code == 403


def test_a_token_that_could_be_guessed_or_not_sent_is_refused() -> None:
    for token in ("x" * 31, "x" * 31 + " ", "x" * 31 + "\u00e9", "x" * 31 + "\n"):
        with pytest.raises(SettingsError, match="METRICS_TOKEN") as caught:
            Settings(secret_key=SECRET, metrics_token=token)
        assert token not in str(caught.value)


@pytest.mark.databases("sqlite")
async def test_metrics_are_no_part_of_the_api(client: httpx.AsyncClient) -> None:
    document = (await client.get("/api/v1/openapi.json")).json()
    assert not [path for path in document["paths"] if "metrics" in path]


def families(text: str) -> set[str]:
    """The names of metrics, as descriptions have them."""
    return set(re.findall(r"^# TYPE (\S+)", text, flags=re.MULTILINE))


async def exported(service: Service) -> str:
    async with service.open_client() as client:
        return (await client.get("/metrics")).text


async def test_every_metric_that_is_described_is_exported(make_service: MakeService) -> None:
    async with make_service(metrics_allowed=HERE) as service:
        assert families(await exported(service)) == {each.name for each in all_metrics()}


async def test_every_line_has_a_help_text_and_no_series_a_birthday(
    make_service: MakeService,
) -> None:
    async with make_service(metrics_allowed=HERE) as service:
        text = await exported(service)
    assert "_created" not in text
    assert text.count("# HELP") == len(all_metrics())


def queries(node: Any) -> Iterator[str]:
    """Every PromQL expression in a dashboard or in rules."""
    if isinstance(node, dict):
        yield from (node["expr"],) if "expr" in node else ()
        yield from (node["query"],) if node.get("type") == "query" else ()
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from queries(each)


def queries_in(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return list(queries(json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)))


def names_in(query: str) -> set[str]:
    return set(re.findall(r"\b(gatepost_\w+)", query))


async def samples_after_some_use(make_service: MakeService) -> set[str]:
    changes: dict[str, Any] = {"metrics_allowed": HERE, "redis_url": "redis://127.0.0.1:1/0"}
    async with make_service(**changes) as service, service.open_client() as client:
        admin = await sign_up_as(service, client, "admin")
        await client.get("/users", headers=admin.headers)
        service.runtime.metrics.count_purged({"sessions": 1})
        return {name for name, _ in await scrape(service)}


@pytest.mark.parametrize("path", [DASHBOARD, ALERTS], ids=lambda path: path.name)
@pytest.mark.databases("sqlite")
async def test_every_query_names_metrics_that_are_exported(
    make_service: MakeService, path: Path
) -> None:
    found = queries_in(path)
    seen = await samples_after_some_use(make_service)
    assert len(found) >= 8
    for query in found:
        assert names_in(query), query
        assert names_in(query) <= seen, query


def test_every_label_in_a_query_is_one_that_the_metric_has() -> None:
    known = {each.name: {*each.labels, "le"} for each in all_metrics()}
    for path in (DASHBOARD, ALERTS):
        for query in queries_in(path):
            for name, labels in re.findall(r"(gatepost_\w+)\{([^}]*)\}", query):
                family = re.sub(r"_(bucket|sum|count)$", "", name)
                used = set(re.findall(r"(\w+)\s*(?:=|!=|=~|!~)\s*\"", labels))
                assert used <= known[family] | {"job", "instance"}, query


def test_every_metric_has_a_row_in_the_documentation() -> None:
    page = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    assert render() in page


def test_names_follow_prometheuss_own_rules() -> None:
    for each in all_metrics():
        assert re.fullmatch(r"gatepost_[a-z_]+", each.name)
        assert each.name.endswith("_total") == (each.kind == "counter")
        assert each.help.endswith(".")


def test_a_total_that_falls_back_is_no_negative_count() -> None:
    metrics = Metrics("1")
    for total in (5, 3, 4):
        metrics.set_total("gatepost_password_hashes_total", total)
    assert b"gatepost_password_hashes_total 6.0" in metrics.expose()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus is not installed here")
def test_prometheus_itself_takes_the_alerts() -> None:
    subprocess.run(["promtool", "check", "rules", str(ALERTS)], check=True, capture_output=True)
