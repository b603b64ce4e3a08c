"""A team's own FastAPI application with Gatepost installed in it, on SQLite."""

from pathlib import Path

from bench.subjects.gatepost import GatepostOnSqlite, settings_for
from bench.subjects.subject import PASSWORD, Caller, Site
from bench.support.http import Request, post_json
from bench.support.processes import Command

_ROOT = Path(__file__).parents[2]


class Host(GatepostOnSqlite):
    """The host's own routes; Gatepost's are below `/auth`."""

    name = "host application"
    setup = "uvicorn with uvloop and httptools, `--no-access-log`, one process; SQLite"

    def server(self, site: Site) -> Command:
        options = ["--port", str(site.port), "--no-access-log", "--app-dir", str(_ROOT)]
        application = "bench.subjects.host_application:app"
        command = [str(self.programs / "uvicorn"), application, *options]
        return Command(command, site.folder, settings_for(site, **self.settings))

    def register(self, email: str) -> Request:
        return post_json("/auth/register", email=email, password=PASSWORD)

    def log_in(self, email: str) -> Request:
        return post_json("/auth/login", email=email, password=PASSWORD)

    def read_me(self, caller: Caller) -> Request:
        return Request("/principal", headers=caller.headers)
