"""A team's own FastAPI application with Gatepost installed in it, on SQLite."""

from pathlib import Path

from bench.subjects.gatepost import PROGRAMS, GatepostOnSqlite, settings_for
from bench.subjects.subject import PASSWORD, Caller, Site
from bench.support.http import Request, post_json
from bench.support.processes import Command

_ROOT = Path(__file__).parents[2]


class Host(GatepostOnSqlite):
    """A host with one route of its own; Gatepost's are below `/auth`."""

    setup = "uvicorn with uvloop and httptools, `--no-access-log`, one process; SQLite"

    def __init__(self, dependency: str, programs: Path = PROGRAMS) -> None:
        """Take the name of what the route asks for, "" for nothing, and whose Gatepost it is."""
        self.name = f"host application {dependency}".rstrip()
        self.dependency = dependency
        self.programs = programs

    def server(self, site: Site) -> Command:
        options = ["--port", str(site.port), "--no-access-log", "--app-dir", str(_ROOT)]
        application = "bench.subjects.host_application:app"
        command = [str(self.programs / "uvicorn"), application, *options]
        variables = {**self.settings, "BENCH_DEPENDENCY": self.dependency}
        return Command(command, site.folder, settings_for(site, **variables))

    def register(self, email: str) -> Request:
        return post_json("/auth/register", email=email, password=PASSWORD)

    def log_in(self, email: str) -> Request:
        return post_json("/auth/login", email=email, password=PASSWORD)

    def read_me(self, caller: Caller) -> Request:
        return Request("/route", headers=caller.headers)
