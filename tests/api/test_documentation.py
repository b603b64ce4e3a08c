"""Both viewers of the API come from this host alone, under a policy that lets nothing else in."""

import re

import httpx
import pytest

from gatepost.web.static_files import FILES
from tests.api.conftest import MakeService
from tests.support.service import Service

# Nothing here depends on the database.
pytestmark = [pytest.mark.anyio, pytest.mark.databases("sqlite")]

VIEWERS = ["/docs", "/redoc"]
DOCUMENTS = ["/api/v1/openapi.json", "/openapi.json"]
ADDRESSES = re.compile(r'(?:href|src|data-document)="([^"]*)"')


def policy_of(answer: httpx.Response) -> dict[str, list[str]]:
    directives = (part.split() for part in answer.headers["content-security-policy"].split(";"))
    return {name: sources for name, *sources in directives}


@pytest.fixture
async def static_address(client: httpx.AsyncClient) -> str:
    page = await client.get("/docs")
    [address] = [each for each in ADDRESSES.findall(page.text) if each.endswith("viewer.css")]
    return str(address)


@pytest.mark.parametrize("path", VIEWERS)
async def test_a_viewer_is_a_page_with_the_projects_name(
    make_service: MakeService, path: str
) -> None:
    name = "Acme <Auth> & Co"
    async with make_service(project_name=name) as service, service.open_client() as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>Acme &lt;Auth&gt; &amp; Co</title>" in answer.text


@pytest.mark.parametrize("path", VIEWERS)
async def test_everything_a_viewer_loads_is_here_and_of_the_right_type(
    client: httpx.AsyncClient, path: str
) -> None:
    page = await client.get(path)
    types = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
    types["json"] = "application/json"
    addresses = ADDRESSES.findall(page.text)
    assert len(addresses) >= 5
    for address in addresses:
        answer = await client.get(address)
        assert address.startswith("/"), "no other host"
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(types[address.rpartition(".")[2]])


@pytest.mark.parametrize("path", VIEWERS)
async def test_a_viewers_policy_lets_only_this_hosts_scripts_run(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(path)
    policy = policy_of(answer)
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == policy["connect-src"] == ["'self'"]
    assert policy["frame-ancestors"] == ["'none'"]
    assert "'unsafe-inline'" not in str(policy)
    assert "'unsafe-eval'" not in str(policy)
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on\w+=", answer.text)


async def test_a_static_file_is_kept_for_a_year(
    client: httpx.AsyncClient, static_address: str
) -> None:
    answer = await client.get(static_address)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_another_version_of_a_static_file_is_not_here(
    client: httpx.AsyncClient, static_address: str
) -> None:
    other = re.sub(r"/static/\w+/", "/static/000000000000/", static_address)
    assert (await client.get(other)).status_code == 404


@pytest.mark.parametrize(
    "name", ["", "redoc", "LICENSE", "..%2fopenapi.py", "%2e%2e/%2e%2e/health.py", "viewer.css%00"]
)
async def test_no_other_file_can_be_asked_for(
    client: httpx.AsyncClient, static_address: str, name: str
) -> None:
    folder = static_address.rpartition("/")[0]
    answer = await client.get(f"{folder}/{name}")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


async def test_each_static_file_is_one_that_a_page_asks_for(client: httpx.AsyncClient) -> None:
    html = {"Accept": "text/html"}
    pages = [await client.get(path, headers=html) for path in ["/", *VIEWERS]]
    asked = [address for page in pages for address in ADDRESSES.findall(page.text)]
    assert set(FILES) <= {address.rpartition("/")[2] for address in asked}


@pytest.mark.parametrize("path", [*VIEWERS, *DOCUMENTS])
async def test_documentation_that_is_switched_off_is_not_there(
    make_service: MakeService, path: str
) -> None:
    async with make_service(docs_enabled=False) as service, service.open_client() as client:
        answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("path", VIEWERS)
async def test_a_viewer_finds_everything_below_a_prefix(service: Service, path: str) -> None:
    transport = httpx.ASGITransport(app=service.app, root_path="/team/auth")
    async with httpx.AsyncClient(transport=transport, base_url="https://gatepost.test") as client:
        page = await client.get(f"/team/auth{path}")
        addresses = ADDRESSES.findall(page.text)
        statuses = {(await client.get(address)).status_code for address in addresses}
    assert all(address.startswith("/team/auth/") for address in addresses)
    assert statuses == {200}


@pytest.mark.parametrize("path", DOCUMENTS)
@pytest.mark.parametrize("mount", ["/team/auth", "/api/v1"])
async def test_the_document_says_where_it_is_mounted(
    service: Service, path: str, mount: str
) -> None:
    transport = httpx.ASGITransport(app=service.app, root_path=mount)
    async with httpx.AsyncClient(transport=transport, base_url="https://gatepost.test") as client:
        document = (await client.get(mount + path)).json()
    [scheme] = [
        each for each in document["components"]["securitySchemes"].values() if "flows" in each
    ]
    assert document["servers"] == [{"url": mount}]
    assert scheme["flows"]["password"]["tokenUrl"] == f"{mount}/api/v1/auth/login"


async def test_the_document_is_the_same_with_and_without_the_prefix(
    client: httpx.AsyncClient,
) -> None:
    one, other = [await client.get(path) for path in DOCUMENTS]
    assert one.status_code == 200
    assert one.json() == other.json()


async def test_a_mount_is_forgotten_by_the_next_request(service: Service) -> None:
    transport = httpx.ASGITransport(app=service.app, root_path="/team/auth")
    async with httpx.AsyncClient(transport=transport, base_url="https://gatepost.test") as client:
        await client.get("/team/auth/api/v1/openapi.json")
    async with service.open_client() as client:
        document = (await client.get("/api/v1/openapi.json")).json()
    assert "/team" not in str(document)
