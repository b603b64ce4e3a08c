"""What the documentation shows is true: its commands and programs are run."""

import asyncio
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from tests.support import patience
from tests.support.pages import ROOT, Block, blocks_of, commands_and_output, name_of, pages_with
from tests.support.uvicorn import listening

pytestmark = pytest.mark.slow

SHOWN_ADDRESS = "http://127.0.0.1:8000"
ENVIRONMENT = {
    "SECRET_KEY": "the-documentation-has-a-s3cret-of-its-own-8f2a",
    "DATABASE_URL": "sqlite:///./gatepost.db",
    "FIRST_SUPERUSER_EMAIL": "admin@example.com",
    "FIRST_SUPERUSER_PASSWORD": "first-come-first-served",
    "ALLOWED_ORIGINS": "https://app.example.com",
    "COOKIE_SECURE": "false",
    "LOG_LEVEL": "WARNING",
}


@pytest.mark.parametrize("page", pages_with("bash"), ids=name_of)
def test_the_commands_of_a_page_do_what_it_says(page: Path, tmp_path: Path) -> None:
    with listening("gatepost.asgi:app", tmp_path, ENVIRONMENT) as url:
        examples = list(commands_and_output(page))
        script = "\n".join(f"echo '<<<{n}>>>'\n{b.code}" for n, (b, _) in enumerate(examples))
        script = script.replace(SHOWN_ADDRESS, url)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env={**os.environ, **ENVIRONMENT, "PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=10 * patience.SECONDS,
            check=False,
        )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    printed = re.split(r"<<<\d+>>>\n", done.stdout.replace(url, SHOWN_ADDRESS))[1:]
    for (block, promised), output in zip(examples, printed, strict=True):
        if promised is not None:
            assert matches(promised, output), f"{name_of(page)}:{block.line} prints\n{output}"


@pytest.mark.parametrize("page", pages_with("python"), ids=name_of)
def test_the_programs_of_a_page_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    names: dict[str, Any] = {"__name__": "page"}
    for block in blocks_of(page):
        if block.language == "python":
            run(page, block, names)


def run(page: Path, block: Block, names: dict[str, Any]) -> None:
    """Run a block after those before it, and start the application that it makes."""
    before = names.get("app")
    # Line numbers in a traceback are the page's.
    exec(compile("\n" * (block.line - 1) + block.code, str(page), "exec"), names)
    app = names.get("app")
    if isinstance(app, FastAPI) and app is not before:
        asyncio.run(start_and_stop(app))


async def start_and_stop(app: FastAPI) -> None:
    async with app.router.lifespan_context(app):
        assert app.openapi()["info"]["title"]


def matches(promised: str, printed: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in promised.strip().split("..."))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


def test_what_a_page_promises_is_compared() -> None:
    assert matches('{"id":1,...}\n', '{"id":1,"email":"ada@example.com"}\n')
    assert not matches('{"id":1,...}\n', '{"id":2,"email":"ada@example.com"}\n')
