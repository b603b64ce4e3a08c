"""What importing the package does to the process that imports it: next to nothing."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.patience import SECONDS


def run(code: str, folder: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": "no secret",
        "DATABASE_URL": "nonsense",
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr


WATCHED = """
import importlib, os, pkgutil, sys

def ask(name):
    own = sys._getframe(2)
    while own and own.f_globals.get("__name__") in {"os", "io", "pathlib", "_collections_abc"}:
        own = own.f_back
    if own and own.f_globals.get("__name__", "").split(".")[0] == "gatepost":
        raise AssertionError(f"{own.f_globals['__name__']} asks for {name!r}")

class Watched(dict):
    def __getitem__(self, name):
        ask(name)
        return super().__getitem__(name)

    def get(self, name, default=None):
        ask(name)
        return super().get(name, default)

    def __contains__(self, name):
        ask(name)
        return super().__contains__(name)

    def __iter__(self):
        ask("everything")
        return super().__iter__()

os.environ = Watched(os.environ)
sys.addaudithook(lambda event, values: ask(values[0]) if event == "open" else None)
"""


def test_importing_the_package_reads_no_environment_and_touches_no_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SECRET_KEY=\nDATABASE_URL=nonsense\n", encoding="utf-8")
    code = (
        WATCHED
        + """
import gatepost
for name in gatepost.__all__:
    getattr(gatepost, name)
"""
    )
    run(code, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".env"]


def test_the_watch_of_that_test_sees_a_module_that_reads(tmp_path: Path) -> None:
    code = (
        WATCHED
        + """
for reading in ("os.environ.get('HOME')", "open('x')", "__import__('pathlib').Path('x').open()"):
    try:
        exec(reading, {"os": os, "__name__": "gatepost.imagined"})
    except AssertionError:
        continue
    raise SystemExit(f"unseen: {reading}")
"""
    )
    run(code, tmp_path)


STARTED = """
import asyncio, sys
from gatepost import Settings, create_app

settings = Settings(secret_key="of-the-tests-0123456789-abcdefghijklmn", database_url=sys.argv[1])
app = create_app(settings)

async def start():
    async with app.router.lifespan_context(app):
        pass

asyncio.run(start())
print(*(name for name in sys.argv[2:] if name in sys.modules))
"""

# Each takes its share of a second, for which nobody shall wait who does without.
NOT_FOR_EVERY_START = ("alembic", "httpx", "mako", "opentelemetry.sdk", "redis")


def test_a_start_loads_nothing_that_few_starts_need(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/test.db"
    for loaded in (["alembic", "mako"], []):  # the first start makes the schema
        words = [sys.executable, "-c", STARTED, url, *NOT_FOR_EVERY_START]
        done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=SECONDS)
        assert done.stdout.split() == loaded


COMMAND = """
import contextlib, io, sys
from gatepost.cli import main

with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    main()
print(*(name for name in ("fastapi", "starlette", "uvicorn") if name in sys.modules))
"""


def test_a_command_that_serves_nobody_loads_no_web_framework(tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": "of-the-tests-0123456789-abcdefghijklmn",
        "DATABASE_URL": f"sqlite:///{tmp_path}/test.db",
    }

    def loaded_by(*words: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=SECONDS,
        )
        assert not done.stderr
        return done.stdout.split()

    loaded_by("migrate")  # this one loads every table, and with them the routes beside them
    (tmp_path / "users.jsonl").write_text('{"email": "ada@example.com"}\n', encoding="utf-8")
    assert loaded_by("import-users", "users.jsonl") == []
    assert loaded_by("users", "list") == []
    assert loaded_by("purge") == []
