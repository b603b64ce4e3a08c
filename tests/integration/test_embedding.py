"""The service inside a host application, as a team that embeds it would use it."""

import json
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, HTTPException, Request, WebSocket
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader, HTTPBearer, OAuth2PasswordBearer

from gatepost import (
    CurrentPrincipal,
    CurrentUser,
    Gatepost,
    HookEvent,
    Hooks,
    OptionalUser,
    Principal,
    User,
    install,
    require_role,
)
from gatepost.features.accounts import service as accounts
from gatepost.features.callers.roles import Role
from gatepost.work import Origin, begin_work
from tests.support.asgi import open_websocket
from tests.support.hosts import ADA, Host, running, settings_for
from tests.support.queries import counting_queries
from tests.support.service import PASSWORD, bearer

pytestmark = pytest.mark.anyio


@pytest.fixture
async def host(fresh_database_url: str) -> AsyncIterator[Host]:
    """A host with a few routes of its own, on each database."""
    app = FastAPI(title="A team's own application")
    gatepost = install(app, settings_for(fresh_database_url))

    @app.get("/hello")
    async def hello(user: CurrentUser) -> str:
        return f"Hello {user.email}"

    @app.post("/hello")
    async def change(principal: CurrentPrincipal) -> dict[str, Any]:
        return {"user_id": principal.user_id, "by_cookie": principal.by_cookie}

    @app.get("/reports", dependencies=[Depends(require_role("moderator", Role.ADMIN))])
    async def reports() -> str:
        return "All is well"

    @app.websocket("/greetings")
    async def greet(socket: WebSocket, user: CurrentUser) -> None:
        await socket.accept()
        await socket.send_text(f"Hello {user.email}")

    @app.websocket("/alarms")
    async def alarm(
        socket: WebSocket, _: Annotated[Principal, Depends(require_role("admin"))]
    ) -> None:
        await socket.accept()

    @app.get("/numbers/{number}")
    async def read_number(number: int) -> int:
        if number == 0:
            raise HTTPException(404, "There is no such number")
        return number

    async with running(app, gatepost) as host:
        yield host


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/host.db"


async def test_login_refresh_and_the_user_answer_below_the_prefix(host: Host) -> None:
    headers = await host.sign_up()
    login = await host.client.post("/auth/login", json={"email": ADA, "password": PASSWORD})
    sent = {"refresh_token": login.json()["refresh_token"]}
    refreshed = await host.client.post("/auth/refresh", json=sent)
    assert refreshed.status_code == 200
    assert refreshed.json()["refresh_token"] != sent["refresh_token"]
    for path in ("/auth/users/me", "/auth/me"):
        answer = await host.client.get(path, headers=headers)
        assert answer.json()["email"] == ADA, path
    devices = await host.client.get("/auth/sessions", headers=headers)
    assert len(devices.json()) == 2


async def test_the_service_answers_as_a_whole_below_the_prefix(host: Host) -> None:
    headers = await host.sign_up()
    for path in ("/auth/api/v1/users/me", "/auth/auth/me", "/auth/items/"):
        assert (await host.client.get(path, headers=headers)).status_code == 200, path
    front_page = (await host.client.get("/auth/")).json()
    for path in front_page["links"].values():
        assert path.startswith("/auth/")
        assert (await host.client.get(path)).status_code == 200, path


async def test_a_browser_stays_logged_in_by_cookies_below_the_prefix(host: Host) -> None:
    await host.sign_up()
    credentials = {"email": ADA, "password": PASSWORD, "transport": "cookie"}
    assert (await host.client.post("/auth/login", json=credentials)).status_code == 200
    assert (await host.client.get("/hello")).json() == f"Hello {ADA}"
    assert (await host.client.post("/auth/refresh")).status_code == 200
    assert (await host.client.post("/auth/logout")).status_code == 200
    assert not host.client.cookies


async def test_a_route_of_the_host_knows_who_is_calling(host: Host) -> None:
    headers = await host.sign_up()
    assert (await host.client.get("/hello", headers=headers)).json() == f"Hello {ADA}"
    answer = await host.client.post("/hello", headers=headers)
    assert answer.json() == {"user_id": 1, "by_cookie": False}


@pytest.mark.parametrize(
    ("headers", "code", "challenge"),
    [
        ({}, "not_authenticated", "Bearer"),
        (bearer("a.b.c"), "invalid_token", 'Bearer error="invalid_token"'),
    ],
)
async def test_a_route_of_the_host_refuses_strangers_with_a_problem(
    host: Host, headers: dict[str, str], code: str, challenge: str
) -> None:
    answer = await host.client.get("/hello", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == challenge
    assert answer.json()["code"] == code
    assert answer.json()["request_id"]


async def test_a_route_of_the_host_asks_for_a_role(host: Host) -> None:
    headers = await host.sign_up()
    refused = await host.client.get("/reports", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    await host.make_admin(1)
    allowed = await host.client.get("/reports", headers=headers)
    assert (allowed.status_code, allowed.json()) == (200, "All is well")


async def test_another_site_cannot_use_the_cookie_on_a_route_of_the_host(host: Host) -> None:
    await host.sign_up()
    credentials = {"email": ADA, "password": PASSWORD, "transport": "cookie"}
    await host.client.post("/auth/login", json=credentials)
    own = await host.client.post("/hello", headers={"Sec-Fetch-Site": "same-origin"})
    assert own.json() == {"user_id": 1, "by_cookie": True}
    foreign = await host.client.post("/hello", headers={"Sec-Fetch-Site": "cross-site"})
    assert (foreign.status_code, foreign.json()["code"]) == (403, "csrf_rejected")


async def test_a_websocket_of_the_host_knows_who_is_calling(host: Host) -> None:
    token = (await host.sign_up())["Authorization"].encode()
    said = await open_websocket(host.app, "/greetings", [(b"authorization", token)])
    assert [each["type"] for each in said] == ["websocket.accept", "websocket.send"]
    assert said[1]["text"] == f"Hello {ADA}"
    for path, headers, status, code in (
        ("/greetings", [], 401, "not_authenticated"),
        ("/greetings", [(b"authorization", b"Bearer of.bad.news")], 401, "invalid_token"),
        ("/alarms", [(b"authorization", token)], 403, "permission_denied"),
    ):
        refused, body = await open_websocket(host.app, path, headers)
        assert (refused["type"], refused["status"]) == ("websocket.http.response.start", status)
        assert json.loads(body["body"])["code"] == code


async def test_another_site_cannot_open_a_websocket_with_the_cookie(host: Host) -> None:
    token = (await host.sign_up())["Authorization"].removeprefix("Bearer ")
    cookie = (b"cookie", f"access_token={token}".encode())
    for origin, is_ours in ((b"https://host.test", True), (b"https://evil.test", False)):
        said = await open_websocket(host.app, "/greetings", [cookie, (b"origin", origin)])
        assert (said[0]["type"] == "websocket.accept") is is_ours
        assert said[0].get("status") == (None if is_ours else 403)


async def test_a_caller_who_is_known_costs_a_route_of_the_host_no_query(host: Host) -> None:
    headers = await host.sign_up()
    await host.make_admin(1)
    login = {"email": ADA, "password": PASSWORD, "transport": "cookie"}
    assert (await host.client.get("/hello", headers=headers)).status_code == 200
    assert (await host.client.post("/auth/login", json=login)).status_code == 200
    assert (await host.client.get("/hello")).status_code == 200
    with counting_queries(host.gatepost.runtime.engine) as sent:
        for each in (headers, {"Sec-Fetch-Site": "same-origin"}):
            assert (await host.client.get("/hello", headers=each)).json() == f"Hello {ADA}"
            assert (await host.client.post("/hello", headers=each)).status_code == 200
            assert (await host.client.get("/reports", headers=each)).status_code == 200
    assert sent == []


async def test_a_route_of_the_host_cannot_change_whom_others_are_shown(host: Host) -> None:
    @host.app.get("/spoil")
    async def spoil(user: CurrentUser) -> None:
        user.email = "mallory@example.com"  # type: ignore[misc] # type checkers refuse it too

    headers = await host.sign_up()
    assert (await host.client.get("/hello", headers=headers)).json() == f"Hello {ADA}"
    assert (await host.client.get("/spoil", headers=headers)).status_code == 500
    assert (await host.client.get("/hello", headers=headers)).json() == f"Hello {ADA}"


async def test_a_token_dies_at_logout_for_the_hosts_routes_too(host: Host) -> None:
    headers = await host.sign_up()
    await host.client.post("/auth/logout", headers=headers)
    assert (await host.client.get("/hello", headers=headers)).status_code == 401


async def test_the_hosts_own_refusals_stay_its_own(host: Host) -> None:
    for path, status, body in (
        ("/nothing", 404, {"detail": "Not Found"}),
        ("/numbers/0", 404, {"detail": "There is no such number"}),
    ):
        answer = await host.client.get(path)
        assert (answer.status_code, answer.json()) == (status, body)
        assert "x-frame-options" not in answer.headers
    invalid = await host.client.get("/numbers/many")
    assert invalid.json()["detail"][0]["type"] == "int_parsing"
    ours = await host.client.get("/auth/nothing")
    assert ours.json()["code"] == "not_found"
    assert ours.headers["x-frame-options"] == "DENY"


async def test_the_hosts_documentation_stays_its_own_and_can_log_in(host: Host) -> None:
    document = (await host.client.get("/openapi.json")).json()
    assert set(document["paths"]) == {"/hello", "/reports", "/numbers/{number}"}
    assert document["info"]["title"] == "A team's own application"
    (scheme,) = document["components"]["securitySchemes"].values()
    assert scheme["flows"]["password"]["tokenUrl"] == "auth/login"
    assert document["paths"]["/hello"]["get"]["security"]
    assert "security" not in document["paths"]["/numbers/{number}"]["get"]
    assert (await host.client.get("/docs")).status_code == 200


async def test_a_handler_of_the_host_for_everything_still_sees_everything(sqlite_url: str) -> None:
    app = FastAPI()

    @app.exception_handler(ValueError)
    async def tell(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"told": str(error)}, 418)

    gatepost = install(app, settings_for(sqlite_url))

    @app.get("/broken")
    async def broken(_: CurrentUser) -> None:
        raise ValueError("of the host's own")

    async with running(app, gatepost) as host:
        answer = await host.client.get("/broken", headers=await host.sign_up())
    assert (answer.status_code, answer.json()) == (418, {"told": "of the host's own"})


async def test_both_lifespans_run_ours_around_the_hosts(sqlite_url: str) -> None:
    seen: list[str] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
        gatepost: Gatepost = app.state.gatepost_installed
        async with begin_work(gatepost.runtime, Origin("host start"), writes=False) as work:
            seen.append(f"starts, admin: {await accounts.has_active_admin(work)}")
        yield {"of": "the host"}
        seen.append(f"stops, pool closed: {gatepost.runtime.hash_pool.closed}")

    app = FastAPI(lifespan=lifespan)
    superuser = {"first_superuser_email": ADA, "first_superuser_password": PASSWORD}
    gatepost = install(app, settings_for(sqlite_url, **superuser))
    with pytest.raises(RuntimeError, match="lifespan"):
        _ = gatepost.runtime
    async with app.router.lifespan_context(app) as state:
        assert state == {"of": "the host"}
        pool = gatepost.runtime.hash_pool
    assert seen == ["starts, admin: True", "stops, pool closed: False"]
    assert pool.closed
    with pytest.raises(RuntimeError, match="lifespan"):
        _ = gatepost.runtime


async def test_a_host_that_fails_to_start_leaves_nothing_open(sqlite_url: str) -> None:
    pools = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        pools.append(app.state.gatepost_installed.runtime.hash_pool)
        if pools:
            raise LookupError("the host's own trouble")
        yield

    app = FastAPI(lifespan=lifespan)
    install(app, settings_for(sqlite_url))
    with pytest.raises(LookupError):
        async with app.router.lifespan_context(app):
            pass
    assert pools[0].closed


async def test_two_hosts_in_one_process_do_not_accept_each_others_tokens(tmp_path: Path) -> None:
    def make(name: str) -> tuple[FastAPI, Gatepost]:
        app = FastAPI()
        secret = f"the-s3cret-of-host-{name}-0123456789-abcdef"
        gatepost = install(
            app, settings_for(f"sqlite:///{tmp_path}/{name}.db", secret_key=secret, issuer=name)
        )

        @app.get("/hello")
        async def hello(user: CurrentUser) -> str:
            return f"Hello {user.email} of {name}"

        return app, gatepost

    async with running(*make("one")) as one, running(*make("two")) as two:
        of_one, of_two = await one.sign_up(), await two.sign_up()
        assert (await one.client.get("/hello", headers=of_one)).json() == f"Hello {ADA} of one"
        assert (await two.client.get("/hello", headers=of_two)).json() == f"Hello {ADA} of two"
        assert (await one.client.get("/hello", headers=of_two)).status_code == 401
        assert (await two.client.get("/hello", headers=of_one)).status_code == 401
        # The same account and session numbers: only the keys tell them apart.
        assert (await one.client.get("/auth/me", headers=of_two)).status_code == 401


async def test_two_instances_on_one_host_do_not_accept_each_others_tokens(tmp_path: Path) -> None:
    app = FastAPI()
    staff = install(app, settings_for(f"sqlite:///{tmp_path}/a.db"), prefix="/a")
    customers = install(
        app,
        settings_for(
            f"sqlite:///{tmp_path}/b.db",
            secret_key="another-s3cret-0123456789-abcdef-ghijkl",
            algorithm="ES256",
        ),
        prefix="/b",
    )

    @app.get("/staff")
    async def of_staff(user: Annotated[User, Depends(staff.user)]) -> int:
        return user.id

    @app.get("/customers")
    async def of_customers(principal: Annotated[Principal, Depends(customers.principal)]) -> int:
        return principal.user_id

    @app.get("/customers/admin", dependencies=[Depends(customers.require_role("admin"))])
    async def of_admins() -> None:
        pass

    @app.get("/whoever")
    async def of_the_first(user: CurrentUser) -> str:
        return user.email

    async with running(app, staff) as host:
        first = await host.sign_up("staff@example.com", "/a")
        second = await host.sign_up("customer@example.com", "/b")
        for path, headers, status in (
            ("/staff", first, 200),
            ("/staff", second, 401),
            ("/customers", second, 200),
            ("/customers", first, 401),
            ("/customers/admin", second, 403),
            ("/customers/admin", first, 401),
            ("/whoever", first, 200),
            ("/whoever", second, 401),
            ("/a/me", second, 401),
            ("/b/me", first, 401),
        ):
            answer = await host.client.get(path, headers=headers)
            assert answer.status_code == status, (path, answer.text)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_route_may_write_to_the_same_sqlite_file(sqlite_url: str, method: str) -> None:
    path = sqlite_url.removeprefix("sqlite:///")
    app = FastAPI()
    gatepost = install(app, settings_for(sqlite_url))

    async def write(user: CurrentUser) -> int:
        with sqlite3.connect(path, timeout=0) as own:  # not one moment of waiting for a lock
            own.execute("CREATE TABLE IF NOT EXISTS notes (user_id INTEGER)")
            own.execute("INSERT INTO notes VALUES (?)", (user.id,))
        own.close()
        return user.id

    app.add_api_route("/notes", write, methods=[method])
    async with running(app, gatepost) as host:
        answer = await host.client.request(method, "/notes", headers=await host.sign_up())
    assert answer.status_code == 200, answer.text


async def test_a_lost_database_is_503_on_the_hosts_routes(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    app = FastAPI()
    gatepost = install(app, settings_for(f"sqlite:///{folder}/host.db"))

    @app.get("/hello")
    async def hello(user: CurrentUser) -> str:
        return user.email

    @app.get("/reports", dependencies=[Depends(require_role("admin"))])
    async def reports() -> None:
        pass

    async with running(app, gatepost) as host:
        headers = await host.sign_up()
        await gatepost.runtime.engine.dispose()
        shutil.rmtree(folder)
        for path in ("/hello", "/reports", "/auth/me"):
            answer = await host.client.get(path, headers=headers)
            assert answer.status_code == 503, answer.text
            assert answer.json()["code"] == "database_unavailable"
            assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("prefix", ["", "auth", "/auth/", "//", "/a b", "/{tenant}", "/a?b", "/.."])
async def test_a_prefix_is_a_path(sqlite_url: str, prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        install(FastAPI(), settings_for(sqlite_url), prefix=prefix)


async def test_a_prefix_is_given_away_once(sqlite_url: str) -> None:
    app = FastAPI()
    install(app, settings_for(sqlite_url))
    with pytest.raises(ValueError, match="already"):
        install(app, settings_for(sqlite_url))


@pytest.mark.parametrize("mounted", ["", "/auth", "/auth/of"])
async def test_a_prefix_that_a_mount_of_the_host_answers_is_told(
    sqlite_url: str, mounted: str
) -> None:
    app = FastAPI()
    app.mount(mounted, FastAPI())
    with pytest.raises(ValueError, match=f"mounted at {mounted or '/'} answers /auth/of/staff"):
        install(app, settings_for(sqlite_url), prefix="/auth/of/staff")


async def test_a_prefix_may_lie_beside_and_above_a_mount_of_the_host(sqlite_url: str) -> None:
    app = FastAPI()
    app.mount("/auth/of/staff", FastAPI())
    app.mount("/authors", FastAPI())
    assert install(app, settings_for(sqlite_url), prefix="/auth/of").prefix == "/auth/of"


async def test_a_prefix_may_be_long(sqlite_url: str) -> None:
    app = FastAPI()
    gatepost = install(app, settings_for(sqlite_url), prefix="/internal/accounts-v2")
    async with running(app, gatepost) as host:
        headers = await host.sign_up(prefix="/internal/accounts-v2")
        answer = await host.client.get("/internal/accounts-v2/users/me", headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize("hooks", [{"user.created": []}, [], Hooks])
def test_what_is_no_hooks_is_told_at_once(sqlite_url: str, hooks: Any) -> None:
    with pytest.raises(TypeError, match="Hooks"):
        install(FastAPI(), settings_for(sqlite_url), hooks=hooks)


async def test_hooks_are_told_after_the_commit(fresh_database_url: str) -> None:
    app, hooks = FastAPI(), Hooks()
    told: list[tuple[str, str]] = []

    async def greet(happening: HookEvent) -> None:
        assert happening.user_id is not None
        async with begin_work(gatepost.runtime, Origin("hook"), writes=False) as work:
            user = await accounts.get(work, happening.user_id)
        told.append((happening.event, user.email))

    hooks.on("user.created", greet)
    gatepost = install(app, settings_for(fresh_database_url), hooks=hooks)
    async with running(app, gatepost) as host:
        await host.sign_up()
        again = {"email": ADA, "password": PASSWORD}
        assert (await host.client.post("/auth/register", json=again)).status_code == 409
    assert told == [("user.created", ADA)]


async def test_a_hook_that_fails_breaks_nothing_and_is_told(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    app, hooks = FastAPI(), Hooks()
    heard: list[str] = []

    async def fail(_: HookEvent) -> None:
        raise OSError("the letterbox is full")

    async def listen(happening: HookEvent) -> None:
        heard.append(happening.event)

    hooks.on("user.created", fail)
    hooks.on("user.created", listen)
    hooks.on("login.succeeded", listen)
    gatepost = install(app, settings_for(sqlite_url), hooks=hooks)
    async with running(app, gatepost) as host:
        headers = await host.sign_up()
        assert (await host.client.get("/auth/me", headers=headers)).status_code == 200
    assert heard == ["user.created", "login.succeeded"]
    assert any("letterbox" in str(record.exc_info) for record in caplog.records)


async def test_current_user_needs_an_installation() -> None:
    app = FastAPI()

    @app.get("/hello")
    async def hello(user: CurrentUser) -> str:
        return user.email

    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="https://host.test") as client:
        with pytest.raises(RuntimeError, match=r"gatepost\.install"):
            await client.get("/hello")


@pytest.mark.parametrize("make", [require_role, Gatepost.require_role])
@pytest.mark.parametrize("roles", [(), ("root",), ("admin", "Admin")])
async def test_a_role_that_there_is_not_is_told_when_the_route_is_made(
    sqlite_url: str, make: Callable[..., Any], roles: tuple[str, ...]
) -> None:
    own = (install(FastAPI(), settings_for(sqlite_url)),) if make is not require_role else ()
    with pytest.raises(ValueError, match=r"role|Role"):
        make(*own, *roles)


@pytest.mark.parametrize("said", [{}, {"workers": 1}])
async def test_a_process_that_may_be_one_of_several_remembers_only_if_it_is_said_to_be_alone(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, said: dict[str, int]
) -> None:
    monkeypatch.setitem(sys.modules, "gunicorn.arbiter", sys)
    app = FastAPI()
    gatepost = install(app, settings_for(sqlite_url, **said))
    async with running(app, gatepost) as host:
        headers = await host.sign_up()
        for _ in range(2):
            assert (await host.client.get("/auth/me", headers=headers)).status_code == 200
        assert (gatepost.runtime.session_cache.hits > 0) == bool(said)
        assert gatepost.runtime.store.kind == ("memory" if said else "database")


async def test_the_hosts_own_schemes_stay_its_own_in_its_documentation(sqlite_url: str) -> None:
    app = FastAPI()
    gatepost = install(app, settings_for(sqlite_url), prefix="/accounts")
    schemes: list[Any] = [
        OAuth2PasswordBearer("legacy/token", auto_error=False),
        OAuth2PasswordBearer("other/token", scheme_name="Other", auto_error=False),
        HTTPBearer(auto_error=False),
        APIKeyHeader(name="X-Key", auto_error=False),
    ]
    declared = [Depends(scheme) for scheme in schemes]

    @app.get("/legacy", dependencies=declared)
    async def legacy() -> None:
        pass

    @app.get("/both", dependencies=declared)
    async def both(_: CurrentUser) -> None:
        pass

    async with running(app, gatepost) as host:
        document = (await host.client.get("/openapi.json")).json()
    told = document["components"]["securitySchemes"]
    assert set(told) == {
        "OAuth2PasswordBearer",
        "Other",
        "HTTPBearer",
        "APIKeyHeader",
        "GatepostLogin",
    }
    for name, address in (
        ("OAuth2PasswordBearer", "legacy/token"),
        ("Other", "other/token"),
        ("GatepostLogin", "accounts/login"),
    ):
        assert told[name]["flows"]["password"]["tokenUrl"] == address
    assert {"GatepostLogin": []} not in document["paths"]["/legacy"]["get"]["security"]
    assert {"GatepostLogin": []} in document["paths"]["/both"]["get"]["security"]


async def test_a_host_that_takes_only_cookies_documents_no_password_form(sqlite_url: str) -> None:
    app = FastAPI()
    gatepost = install(app, settings_for(sqlite_url, auth_transports="cookie"))

    @app.get("/me")
    async def me(_: CurrentUser) -> None:
        pass

    async with running(app, gatepost) as host:
        for _ in range(2):
            document = (await host.client.get("/openapi.json")).json()
            scheme = document["components"]["securitySchemes"]["GatepostLogin"]
            assert (scheme["type"], scheme["in"], scheme["name"]) == (
                "apiKey",
                "cookie",
                "access_token",
            )


async def test_documentation_that_the_host_describes_itself_logs_in_here(sqlite_url: str) -> None:
    app, sub = FastAPI(), FastAPI()
    gatepost = install(app, settings_for(sqlite_url), prefix="/accounts")
    for each in (app, sub):

        @each.get("/hello")
        async def hello(_: OptionalUser) -> None:
            pass

    app.mount("/v2", sub)
    app.openapi = lambda: get_openapi(title="Own", version="1", routes=app.routes)  # type: ignore[method-assign] # FastAPI documents this way to extend it
    async with running(app, gatepost) as host:
        for path, address in (
            ("/openapi.json", "accounts/login"),
            ("/v2/openapi.json", "/accounts/login"),
        ):
            document = (await host.client.get(path)).json()
            (scheme,) = document["components"]["securitySchemes"].values()
            assert scheme["flows"]["password"]["tokenUrl"] == address
