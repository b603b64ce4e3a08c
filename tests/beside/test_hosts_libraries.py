"""Gatepost beside fastapi-users, SQLModel and passlib: in one process, on one database."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import httpx
import pytest
from passlib.context import CryptContext
from pwdlib import PasswordHash

from tests.support.service import PASSWORD, SECRET, bearer
from tests.support.uvicorn import listening

ADA = {"email": "ada@example.com", "password": PASSWORD}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    database = tmp_path_factory.mktemp("beside") / "host.db"
    return {
        "SECRET_KEY": SECRET,
        "DATABASE_URL": f"sqlite:///{database}",
        "HOST_DATABASE_URL": f"sqlite+aiosqlite:///{database}",
        "PASSWORD_HASHER": "bcrypt",
        "COOKIE_SECURE": "false",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }


@pytest.fixture(scope="module")
def host(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("server")
    with (
        listening("tests.beside.host:app", folder, environment) as url,
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        yield client


def log_in(host: httpx.Client, credentials: dict[str, str]) -> dict[str, str]:
    answer = host.post("/auth/login", json={**credentials, "transport": "bearer"})
    assert answer.status_code == 200, answer.text
    return bearer(answer.json()["access_token"])


def run(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "gatepost", *arguments],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_fastapi_users_and_gatepost_log_their_users_in_side_by_side(host: httpx.Client) -> None:
    assert host.post("/legacy/register", json=ADA).status_code == 201
    assert host.post("/auth/register", json=ADA).status_code == 201

    legacy = host.post("/legacy/login", data={"username": ADA["email"], "password": PASSWORD})
    theirs, ours = bearer(legacy.json()["access_token"]), log_in(host, ADA)

    assert host.get("/legacy/me", headers=theirs).json() == ADA["email"]
    assert host.get("/auth/me", headers=ours).json()["email"] == ADA["email"]
    assert host.get("/legacy/me", headers=ours).status_code == 401
    assert host.get("/auth/me", headers=theirs).status_code == 401


def test_a_table_of_sqlmodel_refers_to_gateposts_users(host: httpx.Client) -> None:
    grace = {"email": "grace@example.com", "password": PASSWORD}
    host.post("/auth/register", json=grace)
    caller = log_in(host, grace)

    made = host.post("/heroes", json={"name": "Amazing", "owner_id": 0}, headers=caller)

    assert made.status_code == 200, made.text
    assert [each["name"] for each in host.get("/heroes", headers=caller).json()] == ["Amazing"]


@pytest.mark.parametrize(
    ("library", "hashed"),
    [
        ("passlib", CryptContext(schemes=["bcrypt"], bcrypt__rounds=4).hash(PASSWORD)),
        ("pwdlib", PasswordHash.recommended().hash(PASSWORD)),
        ("bcrypt", bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()),
    ],
)
def test_a_hash_of_a_library_of_the_host_logs_its_user_in(
    host: httpx.Client, environment: dict[str, str], tmp_path: Path, library: str, hashed: str
) -> None:
    user = {"email": f"{library}@example.com", "password_hash": hashed}
    (tmp_path / "users.jsonl").write_text(json.dumps(user))

    run(environment, "import-users", str(tmp_path / "users.jsonl"))

    log_in(host, {"email": user["email"], "password": PASSWORD})


def test_passlib_verifies_a_hash_that_gatepost_made(
    host: httpx.Client, environment: dict[str, str], tmp_path: Path
) -> None:
    host.post("/auth/register", json={"email": "mary@example.com", "password": PASSWORD})
    file = tmp_path / "users.jsonl"

    run(environment, "export-users", str(file), "--with-password-hashes")

    users = {each["email"]: each for each in map(json.loads, file.read_text().splitlines())}
    made = users["mary@example.com"]["password_hash"]
    assert CryptContext(schemes=["bcrypt"]).verify(PASSWORD, made)
