"""Real servers: started, asked, stopped; and what stands in their way."""

import http.client
import json
import socket
import sqlite3
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.support import patience
from tests.support.command import Gatepost, Process

pytestmark = pytest.mark.slow

UVICORN = (sys.executable, "-m", "uvicorn", "gatepost.asgi:app", "--port", "0")


def port_of(process: Process) -> int:
    return int(process.wait_for(r"http://127\.0\.0\.1:(\d+)")[1])


def ask(port: int, method: str, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=patience.SECONDS)
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
    connection.request(method, path, urlencode(form) if form else None, headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


@pytest.mark.parametrize("workers", [1, 2])
def test_the_service_serves_and_stops_when_told_despite_idle_clients(
    gatepost: Gatepost, workers: int
) -> None:
    with gatepost.start("serve", "--port", "0", "--workers", str(workers)) as process:
        port = port_of(process)
        idle = http.client.HTTPConnection("127.0.0.1", port, timeout=patience.SECONDS)
        idle.request("GET", "/health")
        answer = idle.getresponse()
        assert (answer.status, json.loads(answer.read())["status"]) == (200, "healthy")
        assert answer.getheader("server") is None
        silent = socket.create_connection(("127.0.0.1", port))
        status, printed = process.terminate()
        idle.close()
        silent.close()
    assert (status, "Traceback" in printed) == (0, False), printed


def test_the_service_answers_below_its_root_path_and_without_it(gatepost: Gatepost) -> None:
    with gatepost.start("serve", "--port", "0", "--root-path", "/team/accounts/") as process:
        port = port_of(process)
        for path in ("/team/accounts/", "/"):
            status, body = ask(port, "GET", path)
            assert (status, json.loads(body)["links"]["docs"]) == (200, "/team/accounts/docs")
        assert ask(port, "GET", "/health/live")[0] == 200


def test_a_root_path_that_is_no_path_is_told(gatepost: Gatepost) -> None:
    said = gatepost.refused("serve", "--root-path", "team accounts", status=2)
    assert "ROOT_PATH is not a path." in said


def test_the_service_makes_the_schema_and_the_first_admin(bare: Gatepost) -> None:
    gatepost = bare.having(
        SECRET_KEY="s0me-l0ng-and-rand0m-text-f0r-a-test-4711",
        FIRST_SUPERUSER_EMAIL="root@example.com",
        FIRST_SUPERUSER_PASSWORD="correct horse battery staple",
        FIRST_SUPERUSER_FULL_NAME="Root",
    )
    with gatepost.start("serve", "--port", "0") as process:
        form = {"username": "root@example.com", "password": "correct horse battery staple"}
        status, body = ask(port_of(process), "POST", "/api/v1/auth/login", form)
        assert (status, "access_token" in body) == (200, True)
        _, printed = process.terminate()
    assert "correct horse" not in printed
    [admin] = gatepost.json("users", "list")
    assert (admin["role"], admin["full_name"]) == ("admin", "Root")


def test_a_first_admins_weak_password_stops_the_start_with_a_sentence(gatepost: Gatepost) -> None:
    weak = gatepost.having(FIRST_SUPERUSER_PASSWORD="password1")
    said = weak.refused("serve", "--port", "0")
    assert said.startswith("Error: The first admin cannot be created: ")
    assert "password1" not in said


def test_a_first_admins_address_that_is_anothers_stops_the_start(gatepost: Gatepost) -> None:
    for email in ("ada@example.com", "bob@example.com"):
        gatepost.done("create-admin", email, "--generate")
    gatepost.done("users", "set-role", "2", "user")
    database = sqlite3.connect(gatepost.folder / "test.db")
    database.execute("UPDATE gatepost_users SET is_active = 0 WHERE id = 1")
    database.commit()
    database.close()
    clash = gatepost.having(
        FIRST_SUPERUSER_EMAIL="bob@example.com", FIRST_SUPERUSER_PASSWORD="a horse, a battery"
    )
    said = clash.refused("serve", "--port", "0")
    assert "Run `gatepost users set-role bob@example.com admin`" in said


def test_without_migrations_at_start_the_schema_has_to_be_there(bare: Gatepost) -> None:
    service = bare.having(
        SECRET_KEY="s0me-l0ng-and-rand0m-text-f0r-a-test-4711", MIGRATE_ON_START="false"
    )
    assert "Run `gatepost migrate`." in service.refused("serve", "--port", "0")


@pytest.fixture
def taken_port() -> Iterator[str]:
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield str(listener.getsockname()[1])


@pytest.mark.parametrize("command", ["serve", "dev"])
def test_a_port_that_is_taken_is_one_line(
    gatepost: Gatepost, taken_port: str, command: str
) -> None:
    said = gatepost.refused(command, "--port", taken_port)
    assert said == (
        f"Error: Cannot listen on 127.0.0.1:{taken_port}: another program listens there. "
        "Stop it, or choose another --port.\n"
    )


def test_an_address_of_another_machine_is_one_line(gatepost: Gatepost) -> None:
    said = gatepost.refused("serve", "--host", "192.0.2.1", "--port", "0")
    assert "this machine does not have that address" in said


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_database_that_is_not_there_is_one_line(gatepost: Gatepost, workers: str) -> None:
    away = gatepost.having(
        DATABASE_URL="postgresql://ada:lovelace@127.0.0.1:1/gatepost", DATABASE_WAIT_SECONDS="0"
    )
    done = away.run_process("serve", "--port", "0", "--workers", workers)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "Error: Cannot use the PostgreSQL database gatepost on 127.0.0.1:1: nothing listens there."
        " Check DATABASE_URL, and that the database is running.\n"
    )


def test_mistakes_are_told_once_however_many_processes_there_are_to_be(bare: Gatepost) -> None:
    done = bare.run_process("serve", "--workers", "4")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("SECRET_KEY is required") == 1
    assert "Traceback" not in done.stderr


def test_any_asgi_server_tells_mistakes_without_a_traceback(bare: Gatepost) -> None:
    with bare.start(command=UVICORN) as process:
        process.wait_for("SECRET_KEY is required and not set")
        status, printed = process.end()
    assert status == 2
    assert "Traceback" not in printed


def test_any_asgi_servers_workers_that_cannot_start_are_not_started_for_ever(
    bare: Gatepost,
) -> None:
    with bare.start("--workers", "2", command=UVICORN) as process:
        process.wait_for("SECRET_KEY is required and not set")
        process.end()


def test_any_asgi_server_tells_why_the_service_cannot_start(gatepost: Gatepost) -> None:
    away = gatepost.having(
        DATABASE_URL="postgresql://ada:lovelace@127.0.0.1:1/gatepost", DATABASE_WAIT_SECONDS="0"
    )
    with away.start(command=UVICORN) as process:
        process.wait_for("Cannot use the PostgreSQL database gatepost on 127.0.0.1:1")
        status, printed = process.end()
    assert status != 0
    assert "Traceback" not in printed
    assert "lovelace" not in printed


def test_dev_sets_everything_up_once_and_then_changes_nothing(bare: Gatepost) -> None:
    env_file = bare.folder / ".env"
    with bare.start("dev", "--port", "0") as process:
        port = port_of(process)
        password = process.wait_for(r"Password +(\S+)")[1]
        process.wait_for(r"-d username=admin@example.com -d password=\S+\n")
        form = {"username": "admin@example.com", "password": password}
        assert ask(port, "POST", "/api/v1/auth/login", form)[0] == 200
        assert ask(port, "GET", "/docs")[0] == 200
        assert process.terminate()[0] == 0
    assert permissions(env_file) == permissions(bare.folder / "gatepost.db") == 0o600
    written = env_file.read_text()
    assert "COOKIE_SECURE=false" in written
    assert password not in written
    with bare.start("dev", "--port", "0") as process:
        port = port_of(process)
        process.wait_for("gatepost users set-password admin@example.com")
        assert ask(port, "POST", "/api/v1/auth/login", form)[0] == 200
        _, printed = process.terminate()
    assert "shown only once" not in printed
    assert env_file.read_text() == written
    assert len(bare.json("users", "list")) == 1


def test_dev_leaves_an_env_file_alone_and_tells_what_it_lacks(bare: Gatepost) -> None:
    (bare.folder / ".env").write_text("SECRET_KEY=\n")
    assert "SECRET_KEY is required and not set." in bare.refused("dev", status=2)
    assert (bare.folder / ".env").read_text() == "SECRET_KEY=\n"
    assert [each.name for each in bare.folder.iterdir()] == [".env"]


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
