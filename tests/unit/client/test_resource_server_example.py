"""The example of a resource server runs as it stands, either way of verifying."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from gatepost.security import tokens
from gatepost.security.tokens import Algorithm
from tests.support import patience
from tests.support.jwks_server import JwksServer
from tests.unit.client.forge import AUDIENCE, ISSUER, SECRET, claims, key_of

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[3] / "examples" / "resource_server" / "app.py"
SERVING = re.compile(r"running on (http://127\.0\.0\.1:\d+)")


@contextmanager
def running(environ: Mapping[str, str]) -> Iterator[str]:
    """The example as a process on a port of its choice; gives its URL."""
    given = {"ISSUER": ISSUER, "AUDIENCE": AUDIENCE, "PORT": "0", **environ}
    inherited = {name: value for name, value in os.environ.items() if name not in ("SECRET_KEY",)}
    with subprocess.Popen(
        [sys.executable, EXAMPLE], env=inherited | given, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            said = ""
            for line in process.stderr:
                said += line
                if serving := SERVING.search(line):
                    yield serving[1]
                    return
            pytest.fail(said)
        finally:
            process.terminate()


@pytest.mark.parametrize(("algorithm", "role"), [("ES256", "user"), ("HS256", "admin")])
def test_the_example_lets_the_right_callers_in(
    jwks: JwksServer, algorithm: Algorithm, role: str
) -> None:
    environ = {"SECRET_KEY": SECRET} if algorithm == "HS256" else {"JWKS_URL": jwks.url}
    lasting = claims(role=role, exp=claims()["exp"] + 10**9, iat=1)
    token = tokens.encode(tokens.ACCESS, lasting, key_of(algorithm))
    with (
        running(environ) as url,
        httpx.Client(base_url=url, timeout=patience.SECONDS, trust_env=False) as client,
    ):
        assert client.get("/orders").status_code == 401
        client.headers["Authorization"] = f"Bearer {token}"
        assert client.get("/orders").json() == {"orders_of": 42, "role": role}
        assert client.delete("/orders").status_code == (200 if role == "admin" else 403)
