"""A resource server that imports the client gets the client, and not the service."""

import subprocess
import sys

from tests.support import patience

PROGRAM = """
import sys
import gatepost.client
ours = {name for name in sys.modules if name.split(".")[0] == "gatepost"}
print(sorted(name for name in ours if not name.startswith("gatepost.client")))
print([name for name in ("sqlalchemy", "alembic", "argon2", "typer", "aiosqlite")
       if name in sys.modules])
"""


def test_the_client_brings_nothing_of_the_service() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        timeout=patience.SECONDS,
    )
    assert run.stdout.splitlines() == ["['gatepost']", "[]"]
