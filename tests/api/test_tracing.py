"""Traces tell which request ran which statements, and nothing that anybody sent."""

from collections.abc import Iterator, Sequence

import pytest

pytest.importorskip("fastapi.telemetry", reason="FastAPI makes spans from 0.142 on")
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gatepost.configuration import Settings
from gatepost.settings import SettingsError, observability
from tests.api.conftest import MakeService
from tests.support.service import PASSWORD, SECRET, register, sign_up

pytestmark = pytest.mark.anyio


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Where the spans of this test end up: the process's own provider can be set only once."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    yield exporter
    provider.shutdown()


def named(spans: Sequence[ReadableSpan], name: str) -> ReadableSpan:
    [span] = [each for each in spans if each.name == name]
    return span


def children_of(parent: ReadableSpan, spans: Sequence[ReadableSpan]) -> list[ReadableSpan]:
    assert parent.context is not None
    return [each for each in spans if each.parent and each.parent.span_id == parent.context.span_id]


def text_of(spans: Sequence[ReadableSpan]) -> str:
    """Everything in them."""
    return "\n".join(str(each.to_json()) for each in spans)


async def test_a_login_is_a_span_with_its_statements_below(
    make_service: MakeService, exporter: InMemorySpanExporter
) -> None:
    async with make_service(tracing_enabled=True) as service, service.open_client() as client:
        await register(client)
        exporter.clear()
        await client.post(
            "/api/v1/auth/login", json={"email": "ada@example.com", "password": PASSWORD}
        )
        spans = exporter.get_finished_spans()
    request = named(spans, "POST /api/v1/auth/login")
    attributes = dict(request.attributes or {})
    assert attributes["http.route"] == "/api/v1/auth/login"
    assert attributes["http.response.status_code"] == 200
    below = children_of(request, spans)
    statements = [str((each.attributes or {})["db.query.text"]) for each in below]
    assert any(text.startswith("SELECT") and "users" in text for text in statements)
    assert any(text.startswith("INSERT INTO gatepost_sessions") for text in statements)


async def test_no_span_holds_what_anybody_sent(
    make_service: MakeService, exporter: InMemorySpanExporter
) -> None:
    async with make_service(tracing_enabled=True) as service, service.open_client() as client:
        account = await sign_up(client)
        await client.get("/s3cr3t-path?q=s3cr3t-query", headers=account.headers)
        await client.post("/auth/login", json={"email": account.email, "password": "s3cr3t-wrong"})
        again = {"email": account.email, "password": PASSWORD}
        assert (await client.post("/auth/register", json=again)).status_code == 409
        spans = exporter.get_finished_spans()
    told = text_of(spans)
    assert len(spans) > 10
    sent = (account.email, account.access_token, account.refresh_token, PASSWORD, "s3cr3t")
    for text in (*sent, SECRET, "argon2id"):
        assert text not in told


async def test_a_statement_that_fails_is_told_by_its_kind_alone(
    make_service: MakeService, exporter: InMemorySpanExporter
) -> None:
    async with make_service(tracing_enabled=True) as service, service.open_client() as client:
        await register(client)
        exporter.clear()
        same = {"email": "ada@example.com", "password": PASSWORD}
        assert (await client.post("/auth/register", json=same)).status_code == 409
        spans = exporter.get_finished_spans()
    failed = [each for each in spans if "error.type" in (each.attributes or {})]
    assert failed
    assert all(each.status.description is None and not each.events for each in failed)


async def test_a_redis_command_is_a_span_without_its_arguments(
    make_service: MakeService, exporter: InMemorySpanExporter, redis_url: str
) -> None:
    async with make_service(tracing_enabled=True, redis_url=redis_url) as service:
        async with service.open_client() as client:
            await client.get("/api/v1/users/me")
        spans = exporter.get_finished_spans()
    redis = [each for each in spans if "EVALSHA" in str(each.attributes)]
    assert redis
    assert "192.0.2.7" not in text_of(redis)
    assert "rate:" not in text_of(redis)


async def test_without_being_asked_for_nothing_is_traced(
    make_service: MakeService, exporter: InMemorySpanExporter
) -> None:
    async with make_service() as service, service.open_client() as client:
        await sign_up(client)
    assert exporter.get_finished_spans() == ()


def test_tracing_without_its_packages_is_a_mistake_in_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(observability, "is_installed", lambda _: False)
    with pytest.raises(SettingsError) as caught:
        Settings(secret_key=SECRET, tracing_enabled=True)
    [problem] = caught.value.problems
    assert problem.name == "TRACING_ENABLED"
    assert "pip install 'gatepost[otel]'" in problem.advice


def test_a_package_whose_parent_is_not_there_is_not_installed() -> None:
    assert observability.is_installed("opentelemetry.sdk")
    assert not observability.is_installed("no_such_package.of_this_name")
