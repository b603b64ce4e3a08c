"""A shortcut answers plain requests; whatever it leaves, FastAPI finds untouched."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.requests import ClientDisconnect
from starlette.types import Message, Scope

from gatepost.web.shortcuts import with_shortcut

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}


async def answer_short(_: Scope, body: bytes) -> bytes | None:
    """Answers all but bodies that have an `l` in them."""
    return None if b"l" in body else b'{"by":"shortcut"}'


async def answer_long(request: Request, body: dict[str, str] | None = None) -> dict[str, Any]:
    return {"by": "FastAPI", "read": (await request.body()).decode(), "given": body}


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    for method in ("GET", "POST"):
        app.router.add_api_route(
            "/", answer_long, methods=[method], route_class_override=with_shortcut(answer_short)
        )
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_a_plain_request_is_answered_by_the_shortcut(client: httpx.AsyncClient) -> None:
    for answer in (await client.get("/"), await client.post("/", content=b"{}", headers=JSON)):
        assert (answer.status_code, answer.json()) == (200, {"by": "shortcut"})
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Content-Length"] == "17"


async def test_reading_may_be_done_by_cookie(client: httpx.AsyncClient) -> None:
    answer = await client.get("/", headers={"Cookie": "a=b"})
    assert answer.json()["by"] == "shortcut"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", {**JSON, "Cookie": "a=b"}),
        ("/", {"Content-Type": "application/json; charset=utf-8"}),
        ("/?x=1", JSON),
    ],
)
async def test_another_request_is_fastapis(
    client: httpx.AsyncClient, path: str, headers: dict[str, str]
) -> None:
    answer = await client.post(path, content=b"{}", headers=headers)
    assert answer.json() == {"by": "FastAPI", "read": "{}", "given": {}}


@pytest.mark.parametrize("pieces", [[b'{"a": "long"}'], [b'{"a": ', b'"long', b'"}']])
async def test_a_body_that_the_shortcut_leaves_is_read_again(
    client: httpx.AsyncClient, pieces: list[bytes]
) -> None:
    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    answer = await client.post("/", content=body(), headers=JSON)
    read = b"".join(pieces).decode()
    assert answer.json() == {"by": "FastAPI", "read": read, "given": {"a": "long"}}


async def test_no_body_is_none_to_the_shortcut_either(client: httpx.AsyncClient) -> None:
    answer = await client.post("/", headers=JSON)
    assert answer.json() == {"by": "FastAPI", "read": "", "given": None}


async def test_another_method_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.put("/", content=b"{}", headers=JSON)).status_code == 405


async def test_a_client_that_goes_within_its_body_is_not_answered(app: FastAPI) -> None:
    sent: list[Message] = []
    messages: list[Message] = [
        {"type": "http.request", "body": b'{"a"', "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    with pytest.raises(ClientDisconnect):
        await app.router(scope, receive, send)
    assert not sent
