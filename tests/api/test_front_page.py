"""The service's own address tells a program and a person where to go."""

import httpx
import pytest

from tests.api.conftest import MakeService
from tests.support.service import Service

# Nothing here depends on the database.
pytestmark = [pytest.mark.anyio, pytest.mark.databases("sqlite")]

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


async def test_a_program_gets_name_version_and_links(make_service: MakeService) -> None:
    changes = {"project_name": "Acme", "version": "1.2.3"}
    async with make_service(**changes) as service, service.open_client() as client:
        answer = await client.get("/")
    assert answer.json() == {
        "name": "Acme",
        "version": "1.2.3",
        "links": {
            "docs": "/docs",
            "redoc": "/redoc",
            "openapi": "/api/v1/openapi.json",
            "health": "/health",
            "jwks": "/.well-known/jwks.json",
        },
    }


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (BROWSER, "text/html"),
        ("text/html", "text/html"),
        ("TEXT/HTML; charset=utf-8, application/json;q=0.9", "text/html"),
        ("*/*", "application/json"),
        ("", "application/json"),
        ("application/json", "application/json"),
        ("application/json, text/html", "application/json"),
        ("text/html;q=0.5, application/json;q=0.8", "application/json"),
        ("text/html;q=0", "application/json"),
        ("text/html;q=nonsense", "application/json"),
        (";;;,,=,q=", "application/json"),
    ],
)
async def test_who_prefers_a_page_gets_one(
    client: httpx.AsyncClient, accept: str, media_type: str
) -> None:
    answer = await client.get("/", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].split(";")[0] == media_type
    assert "Accept" in answer.headers["vary"]


async def test_the_page_shows_the_projects_name_as_text(make_service: MakeService) -> None:
    name = "<script>alert(1)</script> \"$title\" & 'Co'"
    async with make_service(project_name=name) as service, service.open_client() as client:
        answer = await client.get("/", headers={"Accept": BROWSER})
    assert "<script" not in answer.text
    assert "<h1>&lt;script&gt;alert(1)&lt;/script&gt; &quot;$title&quot; &amp;" in answer.text


async def test_the_page_runs_no_script_and_takes_styles_from_here_only(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/", headers={"Accept": BROWSER})
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "style-src 'self'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert " style=" not in answer.text


async def test_every_link_leads_somewhere(client: httpx.AsyncClient) -> None:
    links = (await client.get("/")).json()["links"]
    for link in links.values():
        assert (await client.get(link)).status_code == 200


async def test_links_below_a_prefix_start_with_it(service: Service) -> None:
    transport = httpx.ASGITransport(app=service.app, root_path="/team/auth")
    async with httpx.AsyncClient(transport=transport, base_url="https://gatepost.test") as client:
        links = (await client.get("/team/auth/")).json()["links"]
        statuses = {(await client.get(link)).status_code for link in links.values()}
    assert links["docs"] == "/team/auth/docs"
    assert statuses == {200}


async def test_documentation_that_is_switched_off_is_not_linked(make_service: MakeService) -> None:
    async with make_service(docs_enabled=False) as service, service.open_client() as client:
        links = (await client.get("/")).json()["links"]
        page = await client.get("/", headers={"Accept": BROWSER})
    assert set(links) == {"health", "jwks"}
    assert "/docs" not in page.text
