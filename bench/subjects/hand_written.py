"""What a team writes that has no users yet: a few routes over SQLAlchemy, on uvicorn."""

from pathlib import Path

from bench.subjects.floor import Floor
from bench.subjects.gatepost import PROGRAMS
from bench.subjects.subject import Caller, Site
from bench.support.http import Answer, Request
from bench.support.processes import Command

_ROOT = Path(__file__).parents[2]


class HandWritten(Floor):
    """Items on PostgreSQL by SQLAlchemy's session and asyncpg; no users, no middleware, no log."""

    name = "hand-written"
    setup = "FastAPI, SQLAlchemy with asyncpg, a pool of 20; uvicorn, `--no-access-log`"
    items = "/items"

    def server(self, site: Site) -> Command:
        options = ["--port", str(site.port), "--no-access-log", "--app-dir", str(_ROOT)]
        application = "bench.subjects.hand_written_application:app"
        variables = {"DATABASE_URL": site.database.text("asyncpg")}
        return Command([str(PROGRAMS / "uvicorn"), application, *options], site.folder, variables)

    def log_in(self, email: str) -> Request:  # noqa: ARG002 - there is nothing to log in to
        return Request("/items/")

    def caller(self, answer: Answer) -> Caller:  # noqa: ARG002 - everybody is the same here
        return Caller({})

    def read_me(self, caller: Caller) -> Request:
        return Request("/items/", headers=caller.headers)
