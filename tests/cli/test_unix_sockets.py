"""Behind a Unix socket clients are who the proxy says; else it is told that they are one."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from tests.support import patience
from tests.support.command import Gatepost

pytestmark = pytest.mark.slow


@pytest.fixture
def path() -> Iterator[str]:
    """Where a socket may be: its path may only be short."""
    with TemporaryDirectory(prefix="gatepost-") as folder:
        yield str(Path(folder) / "socket")


def uvicorn_at(path: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "uvicorn", "gatepost.asgi:app", "--uds", path)


def remaining(path: str, forwarded: str) -> str:
    """What is left of a client's limit."""
    transport = httpx.HTTPTransport(uds=path)
    with httpx.Client(transport=transport, timeout=patience.SECONDS) as client:
        answer = client.get("http://unix.test/", headers={"X-Forwarded-For": forwarded})
    assert answer.status_code == 200
    return answer.headers["x-ratelimit-remaining"]


def test_clients_behind_a_unix_socket_are_told_apart(gatepost: Gatepost, path: str) -> None:
    served = gatepost.having(TRUSTED_PROXIES="unix", LOG_FORMAT="json", RATE_LIMIT_REQUESTS="9")
    with served.start(command=uvicorn_at(path)) as process:
        process.wait_for("Uvicorn running on unix socket")
        assert [remaining(path, f"203.0.113.{n}") for n in (1, 2, 1)] == ["8", "8", "7"]
        _, printed = process.terminate()
    assert '"203.0.113.2"' in printed
    assert "clients.unknown" not in printed


def test_that_they_cannot_be_is_told_at_start(gatepost: Gatepost, path: str) -> None:
    served = gatepost.having(LOG_FORMAT="json", RATE_LIMIT_REQUESTS="9")
    with served.start(command=uvicorn_at(path)) as process:
        line = process.wait_for(r"\{.*clients\.unknown.*\}")[0]
        assert [remaining(path, f"203.0.113.{n}") for n in (1, 2)] == ["8", "7"]
    told = json.loads(line)
    assert told["level"] == "warning"
    assert "add unix to TRUSTED_PROXIES" in told["note"]


def test_nothing_is_told_where_clients_have_addresses(gatepost: Gatepost) -> None:
    with gatepost.start("serve", "--port", "0") as process:
        process.wait_for(r"http://127\.0\.0\.1:(\d+)")
        _, printed = process.terminate()
    assert "clients.unknown" not in printed
