"""A bare FastAPI route on uvicorn: what is left when all that Gatepost does is left out."""

from importlib.metadata import version
from pathlib import Path

from bench.subjects.gatepost import PROGRAMS
from bench.subjects.subject import Caller, Site, Subject
from bench.support.http import Answer, Request
from bench.support.processes import Command

_ROOT = Path(__file__).parents[2]
# As long as the tokens that the others are sent.
_TOKEN = "x" * 400


class Floor(Subject):
    """No database, no authentication, no middleware, no log of requests."""

    name = "bare FastAPI route"
    setup = "uvicorn with uvloop and httptools, `--no-access-log`, one process"

    def versions(self) -> str:
        return ", ".join(f"{name} {version(name)}" for name in ("fastapi", "uvicorn"))

    def server(self, site: Site) -> Command:
        options = ["--port", str(site.port), "--no-access-log", "--app-dir", str(_ROOT)]
        application = "bench.subjects.floor_application:app"
        return Command([str(PROGRAMS / "uvicorn"), application, *options], site.folder, {})

    def log_in(self, email: str) -> Request:
        """There is nothing to log in to: it is the same route."""
        return Request("/api/v1/users/me", headers={"X-Caller": email})

    def caller(self, answer: Answer) -> Caller:  # noqa: ARG002 - everybody is the same here
        return Caller({"Authorization": f"Bearer {_TOKEN}"})

    def read_me(self, caller: Caller) -> Request:
        return Request("/api/v1/users/me", headers=caller.headers)
