"""What a service's own process loads at start, and what only once it is needed."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.support.patience import SECONDS

STARTED = """
import asyncio, json, sys
from gatepost.asgi import _service as app

def loaded():
    return [name for name in sys.argv[1].split(",") if sys.modules.get(name)]

async def start():
    async with app.router.lifespan_context(app):
        before = loaded()
        from gatepost.settings.addresses import normalise
        normalise("ada@example.com", special_domains=False)
        document = app.openapi()
        print(json.dumps([before, loaded(), len(document["paths"])]))

asyncio.run(start())
"""

NAMES = ["email_validator.syntax", "rich", "structlog", "alembic"]
if find_spec("fastapi._compat.v1") is None:  # older versions of FastAPI import it themselves
    NAMES.append("pydantic.v1")


def test_the_service_loads_what_few_requests_need_when_it_is_first_used(tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": "of-the-tests-0123456789-abcdefghijklmn",
        "DATABASE_URL": f"sqlite:///{tmp_path}/test.db",
    }
    for loaded_by_migrating in (["alembic"], []):
        words = [sys.executable, "-c", STARTED, ",".join(NAMES)]
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            check=True,
            timeout=SECONDS,
            env=environment,
            cwd=tmp_path,
        )
        before, after, paths = json.loads(done.stdout)
        assert before == loaded_by_migrating
        assert after == ["email_validator.syntax", *loaded_by_migrating]
        assert paths > 10
