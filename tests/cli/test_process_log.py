"""What a served process writes: JSON only, one line an event, no secret, in every worker."""

import http.client
import json
import os
import re
import secrets
import signal
import time
from collections.abc import Callable

import pytest

from tests.support import patience
from tests.support.command import Gatepost, Process

pytestmark = pytest.mark.slow

PASSWORD = "cAnary-of-a-pass-phrase"


def port_of(process: Process) -> int:
    return int(process.wait_for(r"http://127\.0\.0\.1:(\d+)")[1])


def ask(
    port: int, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=patience.SECONDS)
    sent = {"Content-Type": "application/json"} | (headers or {})
    connection.request(method, path, None if body is None else json.dumps(body), sent)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    is_json = "json" in (answer.getheader("content-type") or "")
    return answer.status, json.loads(text) if is_json else {"text": text.decode()}


def use(port: int, metrics_token: str) -> list[str]:
    """Log in, fail to, and be refused; returns every secret that was on the way."""
    account = {"email": "ada@example.com", "password": PASSWORD}
    assert ask(port, "POST", "/auth/register", account, {"Idempotency-Key": "cAnary-key"})[0] == 201
    _, tokens = ask(port, "POST", "/auth/login", account)
    wrong = account | {"password": "cAnary-of-a-wrong-one"}
    assert ask(port, "POST", "/auth/login", wrong)[0] == 401
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert ask(port, "GET", "/users/me", headers=bearer)[0] == 200
    assert ask(port, "GET", "/users/me?token=cAnary-query", headers=bearer)[0] == 422
    assert ask(port, "GET", "/cAnary-path", headers={"Cookie": "access_token=cAnary-ck"})[0] == 404
    seen = ask(port, "GET", "/metrics", headers={"Authorization": f"Bearer {metrics_token}"})
    assert seen[0] == 200
    assert "gatepost_logins_total" in str(seen[1])
    return ["cAnary", metrics_token, str(tokens["access_token"]), str(tokens["refresh_token"])]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_served_process_writes_json_without_a_secret(gatepost: Gatepost, workers: str) -> None:
    token = secrets.token_urlsafe(32)
    service = gatepost.having(METRICS_TOKEN=token, METRICS_ALLOWED="203.0.113.1", LOG_LEVEL="DEBUG")
    with service.start("serve", "--port", "0", "--workers", workers) as process:
        sent = use(port_of(process), token)
        status, printed = process.terminate()
    assert status == 0, printed
    lines = [json.loads(line) for line in printed.splitlines()]
    assert {"timestamp", "level", "event", "logger"} <= set.intersection(*map(set, lines))
    assert {"service.starting", "request.answered", "login.failed"} <= {x["event"] for x in lines}
    for secret in (*sent, gatepost.environ["SECRET_KEY"]):
        assert secret not in printed


def test_the_console_format_is_for_people(gatepost: Gatepost) -> None:
    service = gatepost.having(LOG_FORMAT="console")
    with service.start("serve", "--port", "0") as process:
        port = port_of(process)
        ask(port, "POST", "/auth/login", {"email": "ada@example.com", "password": "cAnary-pass"})
        status, printed = process.terminate()
    assert status == 0
    assert re.search(r"Gatepost \S+ serves http://127\.0\.0\.1:\d+ with 1 process", printed)
    assert re.search(r"request\.answered .*method='POST' route='/auth/login' status=401", printed)
    assert "cAnary" not in printed
    assert "\x1b[" not in printed


def shown(port: int) -> str:
    status, answer = ask(port, "GET", "/metrics")
    assert status == 200, answer
    return str(answer["text"])


def counted(port: int) -> float:
    name = r'gatepost_http_requests_total\{method="GET",route="/health/live",status="200"\} (\S+)'
    found = re.search(name, shown(port))
    return float(found[1]) if found else 0


def until(port: int, holds: Callable[[int], bool]) -> None:
    """Ask until it holds: a request is counted, and a process looks at itself, in its own time."""
    deadline = time.monotonic() + patience.SECONDS
    while not holds(port):
        assert time.monotonic() < deadline, shown(port)


def test_a_process_that_is_just_starting_hides_no_figures(gatepost: Gatepost) -> None:
    service = gatepost.having(TMPDIR=str(gatepost.folder))
    with service.start("serve", "--port", "0", "--workers", "2") as process:
        port = port_of(process)
        assert ask(port, "GET", "/health/live")[0] == 200  # a worker is there, and so its files are
        [folder] = gatepost.folder.glob("gatepost-metrics-*")
        (folder / "counter_0.db").touch()
        until(port, lambda port: counted(port) == 1)
        process.terminate()


def test_processes_count_together_and_forget_nothing_when_one_dies(gatepost: Gatepost) -> None:
    with gatepost.start("serve", "--port", "0", "--workers", "2") as process:
        port = port_of(process)
        for _ in range(40):
            assert ask(port, "GET", "/health/live")[0] == 200
        until(port, lambda port: counted(port) == 40)
        dead = int(process.wait_for(r"Started server process \[(\d+)\]")[1])
        os.kill(dead, signal.SIGKILL)
        process.wait_for(rf"Child process \[{dead}\] died")
        assert counted(port) == 40
        process.wait_for(r"(?s)(Application startup complete.*){3}")
        ten_of_each_living_process = "gatepost_database_pool_size 20.0"
        until(port, lambda port: ten_of_each_living_process in shown(port))
        assert counted(port) == 40
        process.terminate()
