"""The log: a line an event, the request's id on each, nothing secret whatever happens."""

import io
import json
import logging
import re
import secrets
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import anyio
import httpx
import pytest
from fastapi import FastAPI, Request
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from gatepost import Settings, install
from gatepost.features.audit.models import AuditEvent
from gatepost.migrations.runner import downgrade, upgrade
from gatepost.observability.logs import configure_logging
from gatepost.observability.redaction import MASK, Redaction, is_secret_name
from gatepost.observability.request_ids import current_request_id
from tests.api.conftest import MakeService
from tests.support.logs import Log, logged, logging_left_alone
from tests.support.routes import routes_of
from tests.support.service import PASSWORD, SECRET, Service, make_settings, sign_up, sign_up_as

pytestmark = pytest.mark.anyio

ANSWERED = "request.answered"
HOSTILE = "x\r\n{}\x1b[2J\x00\x7f\u2028\u202e\x9b31m"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Terminal(Log):
    """A terminal, as far as anybody asks."""

    def isatty(self) -> bool:
        return True


def settings_of(**changes: Any) -> Settings:
    return make_settings("sqlite:///./never-opened.db", **changes)


@pytest.fixture
def log() -> Iterator[Log]:
    """The log of a process of the service, as JSON."""
    with logged(settings_of(log_format="json")) as log:
        yield log


async def test_a_request_is_one_line(log: Log, client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/users/42?token=s3cr3t")
    [line] = log.events(ANSWERED)
    assert line.pop("duration_ms") > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("timestamp"))
    assert line == {
        "level": "info",
        "event": ANSWERED,
        "logger": "gatepost.requests",
        "request_id": answer.headers["x-request-id"],
        "method": "GET",
        "route": "/api/v1/users/{user_id}",
        "status": 401,
        "address": "192.0.2.7",
    }


async def test_what_is_not_there_is_told_without_its_path(
    log: Log, client: httpx.AsyncClient
) -> None:
    await client.get("/s3cr3t/of/somebody?x=s3cr3t")
    [line] = log.events(ANSWERED)
    assert (line["route"], line["status"]) == ("none", 404)
    assert "s3cr3t" not in log.getvalue()


@pytest.mark.databases("sqlite")
async def test_the_client_is_who_the_trusted_proxy_says(
    log: Log, make_service: MakeService
) -> None:
    proxies = "192.0.2.7"
    async with make_service(trusted_proxies=proxies) as service, service.open_client() as client:
        await client.get("/health/live", headers={"X-Forwarded-For": "203.0.113.9"})
    [line] = log.events(ANSWERED)
    assert line["address"] == "203.0.113.9"


@pytest.mark.databases("sqlite")
async def test_requests_need_not_be_logged(log: Log, make_service: MakeService) -> None:
    async with make_service(log_requests=False) as service, service.open_client() as client:
        await client.get("/users/me")
    assert not log.events(ANSWERED)


async def test_every_line_of_a_request_bears_its_id_and_none_after_it_does(
    log: Log, client: httpx.AsyncClient
) -> None:
    account = await sign_up(client)
    log.clear()
    headers = account.headers | {"X-Request-ID": "an-id-of-the-client"}
    await client.patch("/users/me", json={"full_name": "Ada"}, headers=headers)
    ids = {line.get("request_id") for line in log.events()}
    assert [line["event"] for line in log.events()] == ["user.updated", ANSWERED]
    assert ids == {"an-id-of-the-client"}
    assert current_request_id() is None
    logging.getLogger("gatepost").warning("afterwards")
    assert "request_id" not in log.events("afterwards")[0]


async def test_requests_at_once_do_not_mix_their_ids(log: Log, client: httpx.AsyncClient) -> None:
    async def ask(number: int) -> None:
        answer = await client.post(
            "/auth/register",
            json={"email": f"user{number}@example.com", "password": PASSWORD},
            headers={"X-Request-ID": f"request-{number}"},
        )
        assert answer.status_code == 201

    async with anyio.create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(ask, number)
    created = {line["request_id"] for line in log.events("user.created")}
    assert created == {f"request-{number}" for number in range(10)}


async def test_a_security_event_is_told_once_it_is_committed(
    log: Log, client: httpx.AsyncClient
) -> None:
    account = await sign_up(client)
    bad = {"email": account.email, "password": "not the password"}
    answer = await client.post("/auth/login", json=bad)
    [line] = log.events("login.failed")
    assert line["logger"] == "gatepost.audit"
    assert (line["outcome"], line["user_id"]) == ("failure", account.id)
    assert line["request_id"] == answer.headers["x-request-id"]
    [started] = log.events("session.started")
    assert started["outcome"] == "success"
    assert isinstance(started["session_id"], int)
    assert account.email not in log.getvalue()


async def test_a_crash_is_told_with_its_traceback_on_one_line(log: Log, service: Service) -> None:
    async def crash() -> None:
        raise RuntimeError(f"it said {HOSTILE}")

    service.app.add_api_route("/crash", crash)
    async with service.open_client() as client:
        answer = await client.get("/crash")
    [line] = log.events("request.crashed")
    assert line["level"] == "error"
    assert line["request_id"] == answer.headers["x-request-id"]
    assert "RuntimeError" in line["exception"]
    [told] = log.events(ANSWERED)
    assert told["status"] == 500


@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_what_clients_write_forges_no_line_and_moves_no_cursor(
    log_format: Literal["json", "console"],
) -> None:
    with logged(settings_of(log_format=log_format)) as log:
        logger = logging.getLogger("gatepost.test")
        logger.info(f"event {HOSTILE}", extra={"agent": HOSTILE, "nested": {"deep": [HOSTILE]}})  # noqa: G004 - what one must not do
        logger.error("crash", exc_info=RuntimeError(HOSTILE.replace("\n", "")))
    text = log.getvalue()
    assert text.splitlines()[0].count("{}") == 3
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", text)
    if log_format == "json":
        assert len(text.splitlines()) == 2
        assert log.events()[0]["agent"] == HOSTILE


def test_auto_is_for_a_person_where_one_looks_on() -> None:
    for stream, is_json in ((Terminal(), False), (Log(), True)):
        with logging_left_alone():
            configure_logging(settings_of().observability, (), stream)
            logging.getLogger("gatepost").info("hello")
        assert stream.getvalue().startswith("{") == is_json
        assert ("\x1b[" in stream.getvalue()) == (not is_json)


def test_only_what_is_grave_enough_is_told() -> None:
    with logged(settings_of(log_level="WARNING")) as log:
        logging.getLogger("gatepost").info("little")
        logging.getLogger("gatepost").warning("much")
    assert [line["event"] for line in log.events()] == ["much"]


def test_other_libraries_tell_of_warnings_only_even_at_debug() -> None:
    with logged(settings_of(log_level="DEBUG")) as log:
        for name in (
            "aiosqlite",
            "sqlalchemy.engine",
            "httpx",
            "asyncio",
            "gatepost.db.sqlalchemy_parts.X",
        ):
            logging.getLogger(name).info("a statement with its values")
            logging.getLogger(name).warning("trouble")
        logging.getLogger("gatepost").debug("ours")
    events = [line["event"] for line in log.events()]
    assert events == ["trouble"] * 5 + ["ours"]


@pytest.mark.parametrize("name", ["uvicorn.error", "gunicorn.error", "alembic.runtime.migration"])
def test_servers_and_alembic_write_in_the_same_shape(name: str) -> None:
    with logging_left_alone():
        own = logging.StreamHandler(io.StringIO())
        logging.getLogger(name).addHandler(own)
        logging.getLogger(name).propagate = name.startswith("alembic")
        log = Log()
        configure_logging(settings_of().observability, (), log)
        logging.getLogger(name).warning("on %s", "time", extra={"color_message": "\x1b[1mon %s"})
        logging.getLogger(name).removeHandler(own)
    [line] = log.events()
    assert (line["event"], line["logger"]) == ("on time", name)
    assert "color_message" not in line


def test_the_servers_own_access_logs_are_off() -> None:
    with logged(settings_of()) as log:
        for name in ("uvicorn.access", "gunicorn.access"):
            logging.getLogger(name).info('"GET /?token=s3cr3t HTTP/1.1" 200')
            assert not logging.getLogger(name).hasHandlers()
    assert not log.getvalue()


def test_a_warning_is_an_event_too() -> None:
    with logged(settings_of()) as log, warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    [line] = log.events()
    assert line["logger"] == "py.warnings"


async def test_migrations_write_in_the_same_shape(log: Log, service: Service) -> None:
    await downgrade(service.runtime.engine)
    await upgrade(service.runtime.engine)
    assert all(line["event"] for line in log.events())


@pytest.mark.databases("sqlite")
async def test_a_hosts_logging_is_its_own(migrated_url: str) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers), logging.getLogger("uvicorn").handlers)
    host = FastAPI()
    install(host, make_settings(migrated_url))
    async with host.router.lifespan_context(host):
        pass
    assert (root.level, list(root.handlers), logging.getLogger("uvicorn").handlers) == before
    assert logging.getLogger("gatepost").level == logging.NOTSET
    assert not logging.getLogger("gatepost").handlers


JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"

TEXTS = [
    (f"sent {JWT}!", f"sent {MASK}!"),
    ("Authorization: Bearer abc.def-ghi", MASK),
    ("Basic dXNlcjpwYXNz==", f"Basic {MASK}"),
    ("postgresql://ada:l0ve%40lace@db/x", f"postgresql://ada:{MASK}@db/x"),
    ("redis://:hunter2@cache:6379/0", f"redis://:{MASK}@cache:6379/0"),
    ("{'password': 'correct horse battery'}", MASK),
    ('{"new_password": "correct horse"}', MASK),
    ("password=hunter2&x=1", f"password={MASK}&x=1"),
    ("refresh_token=opaque; path=/", f"refresh_token={MASK}; path=/"),
    ("Cookie: access_token=hunter2", MASK),
    ("idempotency-key: hunter2", f"idempotency-key: {MASK}"),
    ("client_secret: 'x y z'", MASK),
    ("link /reset/kKQ8aOX55dtHH94vJ4sGsqJ2_JTrzAY93Er0F7lJzcI sent", MASK),
    (f"our own {SECRET} here", f"our own {MASK} here"),
]


@pytest.mark.parametrize(("text", "masked"), TEXTS)
def test_what_has_a_secrets_shape_is_masked_in_any_text(text: str, masked: str) -> None:
    told = Redaction([SECRET]).mask_text(text)
    assert masked in told
    for secret in ("hunter2", "horse", "abc.def", JWT, "l0ve", "opaque", "y z", "dXNl", SECRET):
        assert secret not in told


@pytest.mark.parametrize(
    "text",
    [
        "the database does not answer",
        "/api/v1/users/{user_id}",
        "f" * 43 + "_of_a_test",
        "a_function_of_exactly_forty_three_letters_x",
        "0f6c" * 8,
        "token_type bearer",
    ],
)
def test_what_has_not_is_left_as_it_is(text: str) -> None:
    assert Redaction([SECRET]).mask_text(text) == text


def test_our_random_secrets_are_known_by_their_shape() -> None:
    made = [secrets.token_urlsafe(32) for _ in range(500)]
    told = Redaction().mask_text(" ".join(made))
    assert not [secret for secret in made if secret in told]


@pytest.mark.parametrize(
    "part", ["token-", "eyJaaaaaa-", "password='", "bearer   ", "://a:", "a-", "cookie: x "]
)
def test_a_long_hostile_text_is_looked_through_in_linear_time(part: str) -> None:
    began = time.process_time()
    told = Redaction([SECRET]).mask_text(part * 50_000 + " token")
    assert time.process_time() - began < 5  # a quadratic look takes an hour
    assert told.endswith("... [cut]")
    assert len(told) < 100_000


def test_a_secret_across_the_cut_of_a_long_text_is_masked() -> None:
    for lead in range(17_900, 18_001, 10):
        told = Redaction([SECRET]).mask_text("x" * lead + f" Bearer {JWT} {SECRET} " + "x " * 9000)
        assert not [part for part in (JWT, SECRET) if part[:12] in told]


@pytest.mark.parametrize(
    "name",
    [
        *("password", "new_password", "Authorization", "Set-Cookie", "access_token", "api_key"),
        *("SECRET_KEY", "client_secret", "apikey", "Idempotency-Key", "passphrase", "private_key"),
    ],
)
def test_a_field_is_masked_by_its_name_however_deep(name: str) -> None:
    assert is_secret_name(name)
    with logged(settings_of()) as log:
        fields = {"about": {"list": [{name: "hunter2", "kept": 1}], "set": {"x"}}}
        logging.getLogger("gatepost").info("event", extra=fields)
    [line] = log.events()
    assert line["about"]["list"] == [{name: MASK, "kept": 1}]
    assert "hunter2" not in log.getvalue()


@pytest.mark.parametrize("name", ["event", "route", "status", "user_id", "address", "store"])
def test_our_own_fields_are_not(name: str) -> None:
    assert not is_secret_name(name)


def test_a_value_that_json_does_not_know_is_masked_as_the_text_that_it_is() -> None:
    class Odd:
        def __str__(self) -> str:
            return f"odd {JWT}"

    with logged(settings_of()) as log:
        logging.getLogger("gatepost").info("event", extra={"odd": Odd(), "both": (Odd(), 1.5)})
    [line] = log.events()
    assert line["odd"] == f"odd {MASK}"
    assert line["both"] == [f"odd {MASK}", 1.5]


# --- The whole API, with canaries -----------------------------------------------------------------


EMAIL = "somebody@example.com"


class Canaries:
    """Secrets that a test sends, each of its own, to look for wherever anything is written."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def make(self) -> str:
        """A secret that has none of the shapes by which a mask would know it."""
        self.sent.append(f"cAnary{len(self.sent)}z{secrets.token_hex(4)}")
        return self.sent[-1]

    def found_in(self, text: str) -> list[str]:
        return [canary for canary in self.sent if canary in text]


def operations_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    for route in routes_of(app):
        for method in METHODS:
            yield method, route.path_format


async def send_everywhere(
    client: httpx.AsyncClient, canaries: Canaries, method: str, template: str, **headers: str
) -> None:
    """Ask once with secrets in every place that a client has for them."""
    fields = ("password", "current_password", "new_password", "refresh_token")
    path = re.sub(r"\{[^}]*\}", lambda _: canaries.make(), template)
    await client.request(
        method,
        path,
        params={"token": canaries.make(), "q": canaries.make()},
        headers={
            "Authorization": f"Bearer {canaries.make()}",
            "Cookie": f"access_token={canaries.make()}; refresh_token={canaries.make()}",
            "Idempotency-Key": canaries.make(),
            "Content-Type": "application/json",
            **headers,
        },
        content=json.dumps({"email": EMAIL} | {name: canaries.make() for name in fields}),
    )


async def use_rightly(client: httpx.AsyncClient, canaries: Canaries) -> None:
    """What people do, whose passwords and tokens are right."""
    password = f"{canaries.make()} a horse"
    account = await sign_up(client, f"{secrets.token_hex(4)}@example.com", password=password)
    canaries.sent += [account.access_token, account.refresh_token]
    key = account.headers | {"Idempotency-Key": canaries.make()}
    for _ in range(2):
        assert (await client.post("/items/", json={"title": "x"}, headers=key)).status_code == 201
    await client.post("/auth/login", json={"email": account.email, "password": canaries.make()})
    form = {"username": account.email, "password": password}
    canaries.sent += (await client.post("/login", data=form)).cookies.values()
    pair = (
        await client.post("/auth/refresh", json={"refresh_token": account.refresh_token})
    ).json()
    canaries.sent += [pair["access_token"], pair["refresh_token"]]
    change = {"current_password": password, "new_password": f"{canaries.make()} a mule"}
    await client.post("/users/me/password", json=change, headers=account.headers)


def add_crashes(service: Service) -> None:
    """Routes that fail as ours must not, with what they were sent in their exceptions' texts."""

    async def crash(request: Request) -> None:
        raise RuntimeError(f"{dict(request.headers)} {request.cookies} {await request.json()}")

    async def break_database(request: Request) -> None:
        body = await request.json()
        raise OperationalError(f"password={body['password']}", body, Exception("x"))

    service.app.add_api_route("/crash", crash, methods=["POST"])
    service.app.add_api_route("/broken", break_database, methods=["POST"])


@asynccontextmanager
async def everything_done(
    make_service: MakeService, canaries: Canaries, **changes: Any
) -> AsyncIterator[Service]:
    limits = {"rate_limit_requests": 1_000_000, "metrics_token": canaries.make() + "m" * 32}
    async with make_service(**limits, **changes) as service:
        add_crashes(service)
        async with service.open_client() as client:
            for method, template in operations_of(service.app):
                await send_everywhere(client, canaries, method, template)
            admin = await sign_up_as(service, client, "admin")
            for method, template in operations_of(service.app):
                if "delete" not in template and "logout" not in template:
                    await send_everywhere(client, canaries, method, template, **admin.headers)
            await use_rightly(client, canaries)
            canaries.sent += [admin.access_token, admin.refresh_token, SECRET]
        yield service


async def stored_text(service: Service) -> str:
    """Every row of the audit log."""
    async with service.work() as work:
        rows = await work.db.execute(select(AuditEvent.__table__))
        return "\n".join(str(dict(row._mapping)) for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_no_canary_is_in_the_log_or_in_the_audit_log(
    make_service: MakeService,
    log_format: Literal["json", "console"],
    capfd: pytest.CaptureFixture[str],
) -> None:
    canaries = Canaries()
    with logged(settings_of(log_format=log_format, log_level="DEBUG")) as log:
        async with everything_done(make_service, canaries) as service:
            stored = await stored_text(service)
    printed = "".join(capfd.readouterr())
    assert log.getvalue().count("request.answered") > 300
    assert "request.crashed" in log.getvalue()
    assert len(canaries.sent) > 1000
    for text in (log.getvalue(), stored, printed):
        assert canaries.found_in(text) == []
