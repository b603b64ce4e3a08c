"""The index finds the routes that the framework finds, whatever is asked for."""

import itertools
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from starlette.routing import NoMatchFound

from gatepost.web.route_table import RouteTable, route_template

pytestmark = pytest.mark.anyio

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW")
PATHS = (
    *("/", "", "/users", "/users/", "/users/me", "/users/me/", "/users/7", "/users/x%20y"),
    *("/api/users/me", "/api/users/7", "/api/users/7/keys/8", "/api", "/api/", "//users/me"),
    *("/files/a/b/c", "/files/", "/own", "/own/5", "/later", "/mounted/here", "/Users/me"),
)


def echo(name: str) -> Any:
    async def endpoint(request: Request) -> dict[str, Any]:
        return {
            "endpoint": name,
            "template": route_template(request.scope),
            "values": request.path_params,
            "is_its_own": request.scope["endpoint"] is endpoint,
            "path": request.url.path,
        }

    return endpoint


def application(*, indexed: bool, mount: bool = False) -> FastAPI:
    """Routes placed twice; one that hides a fixed one, and one that only seems to."""
    users = APIRouter(prefix="/users")
    users.add_api_route("/me", echo("me"), methods=["GET", "PATCH"])
    users.add_api_route("/{user_id}", echo("user"), methods=["GET", "DELETE"])
    users.add_api_route("/hidden", echo("hidden"), methods=["GET", "POST"])
    users.add_api_route("/{user_id}/keys/{key_id}", echo("key"))
    files = APIRouter()
    files.add_api_route("/files/{path:path}", echo("file"))
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    routes = app.router.routes
    table = RouteTable(routes)
    for router, prefix in ((users, "/api"), (users, ""), (files, "")):
        table.add(router, prefix)
    if not indexed:
        routes.remove(table)
    app.add_api_route("/own", echo("own"), methods=["GET", "PUT"])
    app.add_api_route("/own/{number:int}", echo("numbered"))
    app.add_api_route("/own", echo("never"))
    if mount:
        app.mount("/mounted", application(indexed=indexed))
        app.add_api_route("/mounted/here", echo("shadowed"))
    return app


async def ask(app: FastAPI, method: str, path: str, root: str = "") -> tuple[int, Any]:
    transport = httpx.ASGITransport(app=app, root_path=root)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.request(method, f"http://test{path}")
    allowed = set(answer.headers.get("allow", "").split(", "))
    return answer.status_code, (allowed, answer.content)


@pytest.mark.parametrize("mount", [False, True])
async def test_every_request_gets_the_answer_that_it_gets_without(*, mount: bool) -> None:
    plain = application(indexed=False, mount=mount)
    indexed = application(indexed=True, mount=mount)
    seen = set()
    for method, path in itertools.product(METHODS, (*PATHS, "/users/hidden", "/api/users/hidden")):
        expected = await ask(plain, method, path)
        assert await ask(indexed, method, path) == expected, (method, path)
        seen.add(expected[0])
    assert seen == {200, 404, 405}


@pytest.mark.parametrize("root", ["/root", "/root/", "/users"])
@pytest.mark.parametrize("prefix", ["/root", "/users", ""])
async def test_a_root_path_is_read_as_the_framework_reads_it(root: str, prefix: str) -> None:
    plain, indexed = application(indexed=False), application(indexed=True)
    for path in PATHS:
        expected = await ask(plain, "GET", f"{prefix}{path}", root)
        assert await ask(indexed, "GET", f"{prefix}{path}", root) == expected, path


async def test_a_mounted_application_has_its_own() -> None:
    answers = []
    for indexed in (False, True):
        host = FastAPI()
        host.mount("/auth", application(indexed=indexed))
        answers.append([await ask(host, "GET", f"/auth{path}") for path in PATHS])
    assert answers[0] == answers[1]


async def test_a_route_that_is_added_while_it_serves_is_found() -> None:
    app = application(indexed=True)
    assert (await ask(app, "GET", "/later"))[0] == 404
    app.add_api_route("/later", echo("later"))
    assert (await ask(app, "GET", "/later"))[0] == 200


def test_urls_are_made_as_without() -> None:
    app = application(indexed=True)
    assert app.url_path_for("endpoint") == application(indexed=False).url_path_for("endpoint")
    with pytest.raises(NoMatchFound):
        app.url_path_for("no-such-name")
