"""Whatever path clients find the service at, all that it tells them of paths is right."""

import re
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from gatepost import CurrentUser, create_app, install
from tests.support.service import PASSWORD, make_settings

pytestmark = pytest.mark.anyio

LINKED = re.compile(r'(?:href|src|data-document)="([^"]+)"')
FOLDERS = ("/auth", "/api/v1/auth")
CREDENTIALS = {"email": "ada@example.com", "password": PASSWORD}


@dataclass(frozen=True, slots=True)
class Server:
    """How a server tells of a root path: what becomes of the path that arrives at it."""

    root_path: Callable[[str], str]
    path: Callable[[str, str], str]


# As each of them fills its scope, found out by asking them.
SERVERS = {
    "uvicorn": Server(lambda root: root, lambda root, path: root + path),
    "hypercorn, granian, gunicorn": Server(lambda root: root, lambda _, path: path),
    "one that is told a slash too many": Server(lambda root: f"{root}/", lambda _, path: path),
    "uvicorn with a slash too many": Server(
        lambda root: f"{root}/", lambda root, path: f"{root}/{path}"
    ),
    "uvicorn without the first slash": Server(
        lambda root: root.removeprefix("/"), lambda root, path: root.removeprefix("/") + path
    ),
    "one that is told nothing": Server(lambda _: "", lambda _, path: path),
}

SLASH = Server(lambda _: "/", lambda _, path: f"/{path}")
"""uvicorn, told that the root path is `/`."""


def behind(app: ASGIApp, server: Server, root: str, *, cut: bool) -> ASGIApp:
    """The application behind such a server, and a proxy that cuts the root path off or not."""

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(root) if cut else scope["path"]
        path = server.path(root, path)
        await app({**scope, "root_path": server.root_path(root), "path": path}, receive, send)

    return served


@asynccontextmanager
async def browsing(app: ASGIApp, *lifespans: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A browser, with a jar that keeps to the paths of its cookies."""
    async with AsyncExitStack() as stack:
        for each in lifespans:
            await stack.enter_async_context(each.router.lifespan_context(each))
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="https://host.test")
        yield await stack.enter_async_context(client)


async def tour(browser: httpx.AsyncClient, mount: str, *folders: str) -> None:
    """Do what a browser does: every answer is 200, and every path that is told leads somewhere."""
    for folder in folders or FOLDERS:
        auth = mount + folder
        answer = await browser.post(f"{auth}/register", json=CREDENTIALS)
        assert answer.status_code in {201, 409}, answer.text
        answer = await browser.post(f"{auth}/login", json=CREDENTIALS | {"transport": "cookie"})
        assert answer.status_code == 200, answer.text
        answer = await browser.post(f"{auth}/refresh")
        assert answer.status_code == 200, answer.text
        for path in ("/users/me", "/api/v1/users/me"):
            assert (await browser.get(mount + path)).status_code == 200, path
        if folder == "/auth":
            await follow_lists(browser, mount)
        assert (await browser.post(f"{auth}/logout")).status_code == 200
        assert dict(browser.cookies) == {}
    await look_around(browser, mount)


async def look_around(browser: httpx.AsyncClient, mount: str) -> None:
    for path in ("/docs", "/health", "/health/live"):
        assert (await browser.get(mount + path)).status_code == 200, path
    links = (await browser.get(f"{mount}/")).json()["links"].values()
    page = await browser.get(f"{mount}/", headers={"Accept": "text/html"})
    docs = await browser.get(f"{mount}/redoc")
    for address in {*links, *LINKED.findall(page.text), *LINKED.findall(docs.text)}:
        assert address.startswith(f"{mount}/"), address
        assert (await browser.get(address)).status_code == 200, address
    document = (await browser.get(f"{mount}/api/v1/openapi.json")).json()
    assert document.get("servers", [{"url": ""}]) == [{"url": mount}]
    [flow] = [
        each["flows"]["password"]
        for each in document["components"]["securitySchemes"].values()
        if "flows" in each
    ]
    answer = await browser.post(flow["tokenUrl"], data={"username": "ada", "password": "x"})
    assert answer.json()["code"] == "invalid_credentials"
    assert (await browser.get(f"{mount}/no/where")).status_code == 404


async def follow_lists(browser: httpx.AsyncClient, mount: str) -> None:
    for path in ("/items/", "/api/v1/items/"):
        for title in ("one", "two"):
            made = await browser.post(mount + path, json={"title": title})
            location = made.headers["location"]
            assert location.startswith(mount + path)
            assert (await browser.get(location)).json()["title"] == title
        answer = await browser.get(mount + path, params={"limit": 1})
        found = re.fullmatch(r'<([^>]+)>; rel="next"', answer.headers["link"])
        assert found
        assert (await browser.get(found[1])).status_code == 200


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/test.db"


@pytest.mark.parametrize("cut", [True, False], ids=["cut", "kept"])
@pytest.mark.parametrize("root", ["/sso", "/a/b/c"])
@pytest.mark.parametrize("server", SERVERS)
async def test_the_service_is_whole_below_any_root_path(
    url: str, server: str, root: str, cut: bool
) -> None:
    told = root if server == "one that is told nothing" else ""
    app = create_app(make_settings(url, migrate_on_start=True, root_path=told))
    async with browsing(behind(app, SERVERS[server], root, cut=cut), app) as browser:
        await tour(browser, root)


@pytest.mark.parametrize("root", ["/auth", "/auth/v2", "/api", "/users", "/health"])
@pytest.mark.parametrize("server", ["uvicorn", "hypercorn, granian, gunicorn"])
async def test_a_root_path_may_be_called_as_a_route_is(url: str, server: str, root: str) -> None:
    app = create_app(make_settings(url, migrate_on_start=True))
    async with browsing(behind(app, SERVERS[server], root, cut=True), app) as browser:
        await tour(browser, root, "/api/v1/auth")


@pytest.mark.parametrize("told", ["", "/"])
async def test_the_root_is_a_root_path_too(url: str, told: str) -> None:
    app = create_app(make_settings(url, migrate_on_start=True, root_path=told))
    async with browsing(app, app) as browser:
        await tour(browser, "")
    async with browsing(behind(app, SLASH, "", cut=False), app) as browser:
        await tour(browser, "")


async def test_a_root_path_is_written_in_headers_as_in_a_url(url: str) -> None:
    app = create_app(make_settings(url, migrate_on_start=True))
    server = SERVERS["hypercorn, granian, gunicorn"]
    async with browsing(behind(app, server, "/konten für; alle", cut=True), app) as browser:
        root = "/konten%20f%C3%BCr%3B%20alle"
        await tour(browser, root)


@pytest.mark.parametrize("prefix", ["/auth", "/sso", "/a/b/c", "/"])
async def test_a_host_may_give_it_any_prefix(url: str, prefix: str) -> None:
    host = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    install(host, make_settings(url, migrate_on_start=True), prefix=prefix)
    async with browsing(host, host) as browser:
        await tour(browser, prefix.rstrip("/"), "", *FOLDERS)


@pytest.mark.parametrize("prefix", ["/auth", "/sso", "/"])
@pytest.mark.parametrize("root", ["/x/y"])
@pytest.mark.parametrize("server", SERVERS)
async def test_a_host_may_be_below_a_root_path(
    url: str, server: str, root: str, prefix: str
) -> None:
    told = root if server == "one that is told nothing" else ""
    host = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    settings = make_settings(url, migrate_on_start=True, root_path=told)
    install(host, settings, prefix=prefix)
    async with browsing(behind(host, SERVERS[server], root, cut=True), host) as browser:
        await tour(browser, root + prefix.rstrip("/"), "", "/auth")


@pytest.mark.parametrize("cut", [True, False], ids=["cut", "kept"])
@pytest.mark.parametrize("prefix", ["/auth", "/sso", "/a/b/c", "/"])
async def test_a_host_may_know_its_root_path_itself(url: str, prefix: str, cut: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # FastAPI would rather have the server told
        host = FastAPI(root_path="/x", docs_url=None, redoc_url=None, openapi_url=None)
    install(host, make_settings(url, migrate_on_start=True), prefix=prefix)
    bare = Server(lambda _: "", lambda _, path: path)
    async with browsing(behind(host, bare, "/x", cut=cut), host) as browser:
        await tour(browser, f"/x{prefix.rstrip('/')}", "", "/auth")


@pytest.mark.parametrize("prefix", ["/auth", "/sso", "/"])
async def test_a_host_may_itself_be_mounted(url: str, prefix: str) -> None:
    host, outer = (FastAPI(docs_url=None, redoc_url=None, openapi_url=None) for _ in range(2))
    install(host, make_settings(url, migrate_on_start=True), prefix=prefix)
    outer.mount("/outer", host)
    app = behind(outer, SERVERS["uvicorn"], "/x", cut=True)
    async with browsing(app, host) as browser:
        await tour(browser, f"/x/outer{prefix.rstrip('/')}", "", "/auth")


async def test_at_the_root_a_host_keeps_its_own_routes(url: str) -> None:
    host = FastAPI()
    install(host, make_settings(url, migrate_on_start=True), prefix="/")

    @host.get("/hello")
    async def hello() -> str:
        return "Hello"

    async with browsing(host, host) as browser:
        assert (await browser.get("/hello")).json() == "Hello"
        assert (await browser.get("/docs")).status_code == 200
        assert (await browser.get("/nowhere")).json() == {"detail": "Not Found"}
        assert (await browser.put("/auth/login")).json()["code"] == "method_not_allowed"
        assert (await browser.options("/items/")).json()["code"] == "method_not_allowed"


@pytest.mark.parametrize("document", ["/openapi.json", "/api/v1/openapi.json"])
@pytest.mark.parametrize("root", ["", "/x"])
@pytest.mark.parametrize("server", ["uvicorn", "hypercorn, granian, gunicorn"])
async def test_the_hosts_own_documentation_logs_in_below_a_root_path(
    url: str, server: str, root: str, document: str
) -> None:
    """By the rule of Swagger UI: relative to the server it names, else to the document."""
    host, sub = FastAPI(openapi_url=document), FastAPI()
    install(host, make_settings(url, migrate_on_start=True), prefix="/accounts")
    for app in (host, sub):
        app.add_api_route("/hello", hello)
    host.mount("/v2", sub)
    host.mount("/deep/er", sub)
    mounted = ("/v2/openapi.json", "/deep/er/openapi.json")
    async with browsing(behind(host, SERVERS[server], root, cut=True), host) as browser:
        # What is mounted in a host is found by the framework where the path has the root path.
        places = (document, *mounted) if server == "uvicorn" else (document,)
        for place in places:
            asked = httpx.URL(f"https://host.test{root}{place}")
            told = (await browser.get(asked)).json()
            [scheme] = told["components"]["securitySchemes"].values()
            base = asked.join(told["servers"][0]["url"]) if "servers" in told else asked
            login = base.join(scheme["flows"]["password"]["tokenUrl"])
            assert login == f"https://host.test{root}/accounts/login"


async def hello(user: CurrentUser) -> str:
    return user.email
