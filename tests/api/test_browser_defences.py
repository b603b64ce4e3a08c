"""What a browser is told of every page, and how long a password and a cookie stay what they are."""

from datetime import timedelta

import httpx
import pytest

from tests.support.service import Service, log_in, register

# Nothing here depends on the database.
pytestmark = [pytest.mark.anyio, pytest.mark.databases("sqlite")]


@pytest.mark.parametrize("path", ["/", "/docs", "/redoc"])
async def test_every_page_stands_alone_and_in_no_frame(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(path, headers={"Accept": "text/html"})

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    policy = answer.headers["content-security-policy"]
    for directive in ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert directive in policy


async def test_a_password_does_not_expire(service: Service, client: httpx.AsyncClient) -> None:
    await register(client)

    service.clock.advance(timedelta(days=3 * 365))

    assert (await log_in(client))["access_token"]


async def test_a_logout_takes_both_cookies_away(client: httpx.AsyncClient) -> None:
    await register(client)
    body = {"email": "ada@example.com", "password": "correct horse battery staple"}
    await client.post("/auth/login", json=body)
    assert set(client.cookies) == {"access_token", "refresh_token"}

    answer = await client.post("/auth/logout")

    assert answer.status_code == 200
    assert not client.cookies
    assert all("Max-Age=0" in line for line in answer.headers.get_list("set-cookie"))
