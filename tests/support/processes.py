"""The command as a real process, its hashes cheap and its limits out of the way."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support import patience
from tests.support.command import Gatepost, Process
from tests.support.service import PASSWORD


def gatepost_on(database_url: str, folder: Path, **more: str) -> Gatepost:
    """The command on this database, with other settings if any are given."""
    environ = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "DATABASE_URL": database_url,
        "DEBUG": "true",
        "ARGON2_MEMORY_KIB": "8",
        "ARGON2_TIME_COST": "1",
        "RATE_LIMIT_REQUESTS": "1000000",
        "SESSIONS_PER_USER": "100000",  # few users log in all the time
        **patience.ENVIRON,
    }
    return Gatepost(folder, environ | more)


@contextmanager
def serving(gatepost: Gatepost, *words: str) -> Iterator[tuple[Process, str]]:
    """Serve as a process of its own; gives it, and its URL."""
    with gatepost.start("serve", "--port", "0", *words) as process:
        yield process, process.wait_for(r"(http://127\.0\.0\.1:\d+)")[1]


def events_of(process: Process) -> list[dict[str, Any]]:
    """Stop the service; every event that it logged."""
    status, printed = process.terminate()
    assert status == 0, printed
    assert "Exception in ASGI" not in printed
    return [json.loads(line) for line in printed.splitlines() if line.startswith("{")]


async def sign_up_over(client: httpx.AsyncClient, email: str = "ada@example.com") -> dict[str, str]:
    """Make an account and log in; the headers that prove it."""
    account = {"email": email, "password": PASSWORD}
    registered = await client.post("/auth/register", json=account)
    assert registered.status_code == 201, registered.text
    return await log_in_over(client, email)


async def log_in_over(client: httpx.AsyncClient, email: str = "ada@example.com") -> dict[str, str]:
    """Log in; the headers that prove it."""
    credentials = {"email": email, "password": PASSWORD, "transport": "bearer"}
    answer = await client.post("/auth/login", json=credentials)
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def titles_of_items(client: httpx.AsyncClient) -> set[str]:
    """The titles of all of the caller's items, a page at a time."""
    titles: set[str] = set()
    path: str | None = "/items/?limit=200"
    while path:
        page = await client.get(path)
        titles |= {item["title"] for item in page.json()}
        path = page.links.get("next", {}).get("url")
    return titles
