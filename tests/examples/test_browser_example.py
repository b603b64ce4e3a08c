"""A front end that renews its session at a 401, against a real server, many requests at once."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import patience
from tests.support.uvicorn import listening

EXAMPLE = Path(__file__).parents[2] / "examples" / "browser"
NODE = shutil.which("node")
NPM = shutil.which("npm")
NPM_SECONDS = 300

pytestmark = [
    pytest.mark.skipif(NODE is None, reason="there is no node: apt install nodejs"),
    pytest.mark.slow,
]


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    environment = {
        "SECRET_KEY": "of-the-only-door-0123456789-abcdefgh",
        "DATABASE_URL": "sqlite:///./gatepost.db",
    }
    with listening("gatepost.asgi:app", tmp_path_factory.mktemp("server"), environment) as url:
        yield url


@pytest.fixture(scope="module")
def folder_with_axios(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with its one dependency, which the repository does not hold."""
    if NPM is None:
        pytest.skip("there is no npm to install axios with: apt install npm")
    folder = tmp_path_factory.mktemp("browser") / "example"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("node_modules"))
    command = [NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    try:
        subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=NPM_SECONDS, check=True
        )
    except subprocess.SubprocessError as error:
        pytest.skip(f"npm ci in examples/browser fails here: {error}")
    return folder


def try_it(client: str, folder: Path, server: str) -> dict[str, object]:
    assert NODE is not None
    # The machine's proxy is not for a server of our own.
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    done = subprocess.run(
        [NODE, "try.mjs", client, server],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=patience.SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, object] = json.loads(done.stdout)
    return report


EXPECTED = {"succeeded": 12, "pairs_since_login": 1, "still_logged_in": True}


def test_a_dozen_refused_requests_renew_at_once_with_fetch(server: str) -> None:
    assert try_it("fetch", EXAMPLE, server) == EXPECTED


def test_a_dozen_refused_requests_renew_at_once_with_axios(
    server: str, folder_with_axios: Path
) -> None:
    assert try_it("axios", folder_with_axios, server) == EXPECTED


def test_the_lock_of_the_example_names_no_host() -> None:
    lock = json.loads((EXAMPLE / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert "node_modules/axios" in packages
    assert all("integrity" in package for package in packages.values())
    assert not any("resolved" in package for package in packages.values())
