"""A refusal is the same problem wherever in a host its dependency is used, or looks as it says."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import (
    APIRouter,
    BackgroundTasks,
    Depends,
    FastAPI,
    Request,
    Security,
    WebSocket,
    routing,
)
from fastapi.exceptions import HTTPException
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from fastapi.routing import APIRoute
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute

from gatepost import (
    CurrentPrincipal,
    CurrentUser,
    Gatepost,
    OptionalUser,
    Principal,
    Problem,
    User,
    install,
    require_role,
)
from gatepost.features.accounts.errors import UserNotFound
from tests.support.asgi import open_websocket
from tests.support.hosts import ADA, Host, running, settings_for
from tests.support.service import bearer

pytestmark = pytest.mark.anyio

REFUSED = [
    ({}, 401, "not_authenticated"),
    (bearer("a.b.c"), 401, "invalid_token"),
]


@pytest.fixture
def app() -> FastAPI:
    return FastAPI()


@pytest.fixture
def gatepost(app: FastAPI, tmp_path: Path) -> Gatepost:
    return install(app, settings_for(f"sqlite:///{tmp_path}/host.db"))


@pytest.fixture
async def host(app: FastAPI, gatepost: Gatepost) -> AsyncIterator[Host]:
    async with running(app, gatepost) as host:
        yield host


def add_routes(to: FastAPI | APIRouter, gatepost: Gatepost) -> None:
    """What a team would ask for: each kind of caller, by the module's names and by the handle's."""
    add_routes_of_users(to, gatepost)
    add_routes_of_admins(to, gatepost)
    add_slow_routes(to)


def add_routes_of_users(to: FastAPI | APIRouter, gatepost: Gatepost) -> None:

    @to.get("/user")
    async def read_user(user: CurrentUser) -> str:
        return user.email

    @to.get("/own-user")
    async def read_own_user(user: Annotated[User, Security(gatepost.user)]) -> str:
        return user.email

    @to.get("/principal")
    def read_principal(_: CurrentPrincipal) -> str:
        return ADA

    @to.get("/maybe")
    def read_maybe(user: OptionalUser) -> str:
        return user.email if user else "nobody"


def add_routes_of_admins(to: FastAPI | APIRouter, gatepost: Gatepost) -> None:
    @to.get("/admins", dependencies=[Depends(require_role("admin"))])
    async def read_admins() -> None:
        pass

    @to.get("/own-admins")
    async def read_own_admins(
        _: Annotated[Principal, Depends(gatepost.require_role("admin"))],
    ) -> None:
        pass


def add_slow_routes(to: FastAPI | APIRouter) -> None:
    @to.websocket("/live")
    async def live(socket: WebSocket, user: CurrentUser) -> None:
        await socket.accept()
        await socket.send_text(user.email)

    @to.get("/stream")
    async def stream(user: CurrentUser) -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            yield user.email

        return StreamingResponse(lines())

    @to.post("/later", status_code=202)
    async def later(tasks: BackgroundTasks, user: CurrentUser, request: Request) -> str:
        tasks.add_task(_do_later, request, user.email)
        return user.email


done_later: list[str] = []


async def _do_later(request: Request, email: str) -> None:
    gatepost: Gatepost = request.app.state.gatepost_of_test
    assert (await gatepost.user(request)).email == email
    done_later.append(email)


async def check(host: Host, at: str = "") -> None:
    """Everybody is answered as in the host itself, below the path `at`."""
    done_later.clear()
    headers = await host.sign_up()
    for method, path in (
        ("GET", "/user"),
        ("GET", "/own-user"),
        ("GET", "/principal"),
        ("GET", "/admins"),
        ("GET", "/own-admins"),
        ("GET", "/stream"),
        ("POST", "/later"),
    ):
        for wrong, status, code in REFUSED:
            expect(await host.client.request(method, at + path, headers=wrong), status, code)
        answer = await host.client.request(method, at + path, headers=headers)
        if "admins" in path:
            expect(answer, 403, "permission_denied")
        else:
            assert answer.status_code in (200, 202), (path, answer.text)
            assert ADA in answer.text
    assert (await host.client.get(f"{at}/maybe")).json() == "nobody"
    assert (await host.client.get(f"{at}/maybe", headers=headers)).json() == ADA
    expect(await host.client.get(f"{at}/maybe", headers=bearer("a")), 401, "invalid_token")
    assert done_later == [ADA]
    refused, body = await open_websocket(host.app, f"{at}/live")
    assert (refused["type"], refused["status"]) == ("websocket.http.response.start", 401)
    assert json.loads(body["body"])["code"] == "not_authenticated"
    token = headers["Authorization"].encode()
    said = await open_websocket(host.app, f"{at}/live", [(b"authorization", token)])
    assert said[1]["text"] == ADA


def expect(answer: Any, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert answer.json()["request_id"]
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_in_the_host_itself(host: Host) -> None:
    host.app.state.gatepost_of_test = host.gatepost
    add_routes(host.app, host.gatepost)
    await check(host)


@pytest.mark.skipif(
    not hasattr(routing, "iter_route_contexts"),
    reason="before 0.138 FastAPI copies a router's routes when it is included",
)
async def test_in_a_router_that_is_included_once_the_host_runs(host: Host) -> None:
    host.app.state.gatepost_of_test = host.gatepost
    router = APIRouter()
    host.app.include_router(
        router, prefix="/v2", dependencies=[Depends(host.gatepost.optional_user)]
    )
    add_routes(router, host.gatepost)
    await check(host, "/v2")


def sub_application(gatepost: Gatepost, **options: Any) -> FastAPI:
    sub = FastAPI(**options)
    sub.state.gatepost_of_test = gatepost
    add_routes(sub, gatepost)
    return sub


async def test_in_a_mounted_application(host: Host) -> None:
    host.app.mount("/v2", sub_application(host.gatepost))
    await check(host, "/v2")


async def test_in_an_application_that_is_mounted_in_a_mounted_one(host: Host) -> None:
    middle, outer = FastAPI(), Starlette()
    middle.mount("/c", GZipMiddleware(sub_application(host.gatepost)))
    outer.router.routes.append(Mount("/b", middle))
    host.app.mount("/a", GZipMiddleware(outer))
    await check(host, "/a/b/c")


@pytest.mark.parametrize("kind", [FastAPI, Starlette])
async def test_in_an_application_that_is_mounted_in_a_host_that_is_mounted_itself(
    app: FastAPI, gatepost: Gatepost, kind: type[Starlette]
) -> None:
    sub, outer = FastAPI(), kind()
    app.mount("/v2", sub)
    outer.mount("/outer", app)
    add_routes_of_users(sub, gatepost)
    async with running(app, gatepost) as host:
        headers = await host.sign_up()
        transport = httpx.ASGITransport(outer, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="https://host.test") as client:
            for path in ("/outer/v2/user", "/outer/v2/principal", "/outer/v2/own-user"):
                expect(await client.get(path), 401, "not_authenticated")
                assert ADA in (await client.get(path, headers=headers)).text


async def test_in_a_mounted_application_that_answers_all_exceptions_itself(host: Host) -> None:
    async def tell(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"told": str(error)}, 418)

    sub = sub_application(host.gatepost)
    for kind in (Exception, HTTPException, RuntimeError, 401, 403, 500):
        sub.add_exception_handler(kind, tell)
    host.app.mount("/v2", sub)
    await check(host, "/v2")


async def test_in_a_host_that_answers_all_exceptions_itself(
    app: FastAPI, gatepost: Gatepost
) -> None:
    def tell(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"told": str(error)}, 418)

    for kind in (Exception, HTTPException, 401, 403):
        app.add_exception_handler(kind, tell)
    app.state.gatepost_of_test = gatepost
    add_routes(app, gatepost)

    @app.get("/forbidden")
    async def forbidden(_: CurrentUser) -> None:
        raise HTTPException(403, "of the host's own")

    async with running(app, gatepost) as host:
        await check(host)
        headers = await host.sign_up("bob@example.com")
        for _ in range(2):
            own = await host.client.get("/forbidden", headers=headers)
            assert (own.status_code, own.json()) == (418, {"told": "403: of the host's own"})


class Handling(APIRoute):
    """A route class that handles exceptions, as FastAPI's documentation shows."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        handle = super().get_route_handler()

        async def handle_all(request: Request) -> Response:
            try:
                return await handle(request)
            except HTTPException:
                raise
            except Exception as error:  # noqa: BLE001 - what the test is about
                return JSONResponse({"crashed": str(error)}, 500)

        return handle_all


async def test_in_a_router_whose_routes_handle_exceptions(host: Host) -> None:
    host.app.state.gatepost_of_test = host.gatepost
    router = APIRouter(route_class=Handling, prefix="/v2")
    add_routes(router, host.gatepost)
    host.app.include_router(router)
    await check(host, "/v2")


async def test_in_an_application_of_starlettes_own(host: Host) -> None:
    async def read_user(request: Request) -> Response:
        return PlainTextResponse((await host.gatepost.user(request)).email)

    async def read_admins(request: Request) -> Response:
        await host.gatepost.require_role("admin")(request)
        return PlainTextResponse("")

    async def live(socket: WebSocket) -> None:
        user = await host.gatepost.user(socket)
        await socket.accept()
        await socket.send_text(user.email)

    sub = Starlette(
        routes=[
            Route("/user", read_user),
            Route("/admins", read_admins),
            WebSocketRoute("/live", live),
        ]
    )
    host.app.mount("/plain", sub)
    headers = await host.sign_up()
    for wrong, status, code in REFUSED:
        expect(await host.client.get("/plain/user", headers=wrong), status, code)
    expect(await host.client.get("/plain/admins", headers=headers), 403, "permission_denied")
    assert (await host.client.get("/plain/user", headers=headers)).text == ADA
    refused = await open_websocket(host.app, "/plain/live")
    assert refused[0]["status"] == 401


async def test_a_dependency_of_the_hosts_own_may_catch_a_refusal(host: Host) -> None:
    async def greet(request: Request) -> str:
        try:
            return (await host.gatepost.user(request)).email
        except HTTPException as error:
            return f"nobody, for it is a {error.status_code}"

    @host.app.get("/greeting")
    async def greeting(text: Annotated[str, Depends(greet)]) -> str:
        return text

    assert (await host.client.get("/greeting")).json() == "nobody, for it is a 401"
    assert (await host.client.get("/greeting", headers=await host.sign_up())).json() == ADA


@pytest.mark.parametrize("extensions", [{}, None])
async def test_a_websocket_is_closed_where_the_server_cannot_answer_it(
    host: Host, extensions: dict[str, Any] | None
) -> None:
    add_routes(host.app, host.gatepost)
    said = await open_websocket(host.app, "/live", extensions=extensions)
    assert said == [{"type": "websocket.close", "code": 3000, "reason": "not_authenticated"}]


async def test_a_websocket_that_was_accepted_is_closed(host: Host) -> None:
    @host.app.websocket("/open")
    async def accept_first(socket: WebSocket) -> None:
        await socket.accept()
        await host.gatepost.require_role("admin")(socket)

    token = (await host.sign_up())["Authorization"].encode()
    for headers, code in (([], 3000), ([(b"authorization", token)], 3003)):
        _, closed = await open_websocket(host.app, "/open", headers)
        assert (closed["type"], closed["code"]) == ("websocket.close", code)


async def test_a_mounted_application_without_an_installation_says_so() -> None:
    app, sub = FastAPI(), FastAPI()
    app.mount("/v2", sub)

    @sub.get("/user")
    async def read_user(user: CurrentUser) -> str:
        return user.email

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://host.test") as client:
        with pytest.raises(RuntimeError, match=r"gatepost\.install"):
            await client.get("/v2/user")


def as_text(_: Request, problem: Problem) -> Response:
    return PlainTextResponse(f"{problem.code}: {problem.detail}", problem.status)


async def as_page(request: Request, problem: Problem) -> Response:
    assert request.url.path
    return PlainTextResponse(f"{problem.code}: {problem.detail}", problem.status)


def as_its_own(_: Request, problem: Problem) -> Response:
    raise HTTPException(problem.status, f"{problem.code}: {problem.detail}", problem.headers)


class AsText:
    async def __call__(self, _: Request, problem: Problem) -> Response:
        return PlainTextResponse(f"{problem.code}: {problem.detail}", problem.status)


@pytest.mark.parametrize("refusal", [as_text, as_page, as_its_own, AsText()])
@pytest.mark.parametrize("at", ["", "/v2"])
async def test_the_host_says_how_refusals_look(
    app: FastAPI, tmp_path: Path, refusal: Callable[..., Any], at: str
) -> None:
    settings = settings_for(f"sqlite:///{tmp_path}/host.db")
    gatepost = install(app, settings, refusal=refusal)
    if at:
        app.mount(at, sub_application(gatepost))
    else:
        add_routes(app, gatepost)
    async with running(app, gatepost) as host:
        headers = await host.sign_up()
        for path, sent, status, code in (
            ("/user", {}, 401, "not_authenticated"),
            ("/own-user", bearer("a.b.c"), 401, "invalid_token"),
            ("/maybe", bearer("a.b.c"), 401, "invalid_token"),
            ("/admins", headers, 403, "permission_denied"),
        ):
            answer = await host.client.get(at + path, headers=sent)
            assert (answer.status_code, f"{code}: " in answer.text) == (status, True), answer.text
            assert answer.headers["content-type"] != "application/problem+json"
            assert ("www-authenticate" in answer.headers) is (status == 401)
        expect(await host.client.get("/auth/me"), 401, "not_authenticated")
        said = await open_websocket(app, f"{at}/live")
        assert said[0]["status"] == 401
        assert b"not_authenticated" in said[1]["body"]


async def test_a_refusal_may_lead_to_the_login_page(app: FastAPI, tmp_path: Path) -> None:
    def to_login(_: Request, problem: Problem) -> Response:
        headers = {"Location": f"/login?why={problem.code}"}
        return Response(status_code=303, headers=headers)

    settings = settings_for(f"sqlite:///{tmp_path}/host.db")
    gatepost = install(app, settings, refusal=to_login)
    add_routes(app, gatepost)
    async with running(app, gatepost) as host:
        answer = await host.client.get("/user")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/login?why=not_authenticated"
        assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize("refusals", [(as_text, None), (None, as_text)])
async def test_each_instance_has_refusals_of_its_own(
    app: FastAPI, tmp_path: Path, refusals: tuple[Any, Any]
) -> None:
    first = install(app, settings_for(f"sqlite:///{tmp_path}/a.db"), "/a", refusal=refusals[0])
    second = install(app, settings_for(f"sqlite:///{tmp_path}/b.db"), "/b", refusal=refusals[1])

    @app.get("/first")
    async def of_first(_: Annotated[User, Depends(first.user)]) -> None:
        pass

    @app.get("/second")
    async def of_second(_: Annotated[User, Depends(second.user)]) -> None:
        pass

    async with running(app, first) as host:
        for path, refusal in zip(("/first", "/second"), refusals, strict=True):
            answer = await host.client.get(path)
            if refusal is None:
                expect(answer, 401, "not_authenticated")
            else:
                assert answer.text.startswith("not_authenticated: ")


def test_what_makes_refusals_is_a_function(app: FastAPI, tmp_path: Path) -> None:
    wrong: Any
    for wrong in ("a page", lambda problem: problem, lambda: None, lambda a, b, c: (a, b, c)):
        with pytest.raises(TypeError, match="refusal is a function of the request"):
            install(app, settings_for(f"sqlite:///{tmp_path}/a.db"), refusal=wrong)


@pytest.mark.parametrize("made", [None, {"error": "no"}, "no", 401, HTTPException(401)])
async def test_a_refusal_that_is_no_response_names_the_mistake(
    app: FastAPI, tmp_path: Path, made: Any
) -> None:
    async def refusal(_request: Any, _problem: Problem) -> Any:
        return made

    settings = settings_for(f"sqlite:///{tmp_path}/host.db")
    gatepost = install(app, settings, refusal=refusal)
    add_routes(app, gatepost)
    async with running(app, gatepost) as host:
        assert (await host.client.get("/user")).status_code == 500
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="https://host.test") as client:
            with pytest.raises(TypeError, match=f"refusal.* no Response: {type(made).__name__}"):
                await client.get("/user")


async def test_a_problem_of_a_hosts_own_route_looks_as_it_says(
    app: FastAPI, tmp_path: Path
) -> None:
    gatepost = install(app, settings_for(f"sqlite:///{tmp_path}/a.db"), refusal=as_text)

    @app.get("/users/9")
    async def read_user() -> int:
        raise UserNotFound

    async with running(app, gatepost) as host:
        answer = await host.client.get("/users/9")
        assert (answer.status_code, answer.text[:11]) == (404, "not_found: ")
