"""The examples that embed the service run as they stand."""

from pathlib import Path

import httpx
import pytest

from tests.support import patience
from tests.support.uvicorn import listening

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
PASSWORD = "correct horse battery staple"
SECRETS = {
    "SECRET_KEY": "of-the-only-door-0123456789-abcdefgh",
    "STAFF_SECRET_KEY": "of-the-staff-s3cret-0123456789-abcdefgh",
    "CUSTOMERS_SECRET_KEY": "of-the-customers-s3cret-0123456789-ijkl",
    "BOSS_PASSWORD": "first-come-first-served",
}


def environment(example: str, folder: Path) -> dict[str, str]:
    database = f"sqlite:///{folder}/example.db"
    path = str(EXAMPLES / example)
    return {**SECRETS, "DATABASE_URL": database, "FOLDER": str(folder), "PYTHONPATH": path}


def sign_up(client: httpx.Client, email: str) -> None:
    """Register, log in, and stay logged in."""
    body = {"email": email, "password": PASSWORD}
    assert client.post("/auth/register", json=body).status_code == 201
    log_in(client, "/auth", email, PASSWORD)


def log_in(client: httpx.Client, prefix: str, email: str, password: str) -> None:
    body = {"email": email, "password": password, "transport": "bearer"}
    answer = client.post(f"{prefix}/login", json=body)
    assert answer.status_code == 200, answer.text
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


def test_ten_lines_are_enough(tmp_path: Path) -> None:
    with (
        listening("hello:app", tmp_path, environment("embedding", tmp_path)) as url,
        httpx.Client(base_url=url, timeout=patience.SECONDS, trust_env=False) as client,
    ):
        assert client.get("/hello").status_code == 401
        sign_up(client, "ada@example.com")
        assert client.get("/hello").json() == "Hello ada@example.com"


def test_two_doors_let_in_their_own(tmp_path: Path) -> None:
    with (
        listening("two_doors:app", tmp_path, environment("embedding", tmp_path)) as url,
        httpx.Client(base_url=url, timeout=patience.SECONDS, trust_env=False) as customer,
        httpx.Client(base_url=url, timeout=patience.SECONDS, trust_env=False) as boss,
    ):
        sign_up(customer, "ada@example.com")
        assert customer.post("/notes", params={"text": "buy milk"}).status_code == 200
        assert customer.get("/notes").json() == ["buy milk"]
        log_in(boss, "/staff/auth", "boss@example.com", SECRETS["BOSS_PASSWORD"])
        assert boss.get("/staff/notes/count").json() == 1
        assert customer.get("/staff/notes/count").status_code == 401
        assert boss.get("/notes").status_code == 401
        closed = {"email": "eve@example.com", "password": PASSWORD}
        assert boss.post("/staff/auth/register", json=closed).status_code == 201
        closed["email"] = "mallory@example.com"
        assert httpx.post(f"{url}/staff/auth/register", json=closed).status_code == 403
    log = (tmp_path / "server.log").read_text(encoding="utf-8")
    assert log.index("open") < log.index("closed")


def test_hooks_are_told_and_may_fail(tmp_path: Path) -> None:
    with (
        listening("told:app", tmp_path, environment("hooks", tmp_path)) as url,
        httpx.Client(base_url=url, timeout=patience.SECONDS, trust_env=False) as client,
    ):
        sign_up(client, "ada@example.com")
        assert client.post("/auth/logout").status_code == 200
    log = (tmp_path / "server.log").read_text(encoding="utf-8")
    for told in ("welcome, user 1", "login.succeeded in request", "session.ended in request"):
        assert told in log
    assert "the pager is broken" in log
