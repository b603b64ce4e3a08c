"""How many users a second can be imported, and how many rows would COPY alone take?"""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from bench.plan import Plan
from bench.subjects.gatepost import Gatepost, gatepost
from bench.support.cores import running_on
from bench.support.databases import Database
from bench.support.errors import BenchError
from bench.support.processes import run
from bench.support.questions import Question
from bench.support.results import Chapter
from bench.support.server import Server
from bench.support.stage import Stage, alternate
from bench.support.tables import at_least, cell, ratio_figure
from bench.support.user_files import write_users

IMPORT_SECONDS = 900.0
RAW = "COPY of the same rows"
IMPORT = "`gatepost import-users`"
ROUNDS = 3
TEXT = (
    "Users with hashes, from a file of JSON Lines to rows of a database that has none: from "
    "start of the command to its end. Beside it a binary COPY of the rows that came of it, "
    "ready in memory, to a table with the same indexes and constraints."
)


def ask(stage: Stage) -> Chapter:
    """Import, and copy what was imported."""
    count = stage.plan.imported_users
    path = stage.folder / "users.jsonl"
    write_users(path, count)
    imports = Imports(stage, path, count)
    parts = {IMPORT: imports.import_once, RAW: imports.copy_latest}
    found = alternate(parts, ROUNDS)
    rates = found.each(float)
    what = "import of hashed users over raw `COPY`"
    return Chapter(
        name="importing",
        title="Import",
        text=TEXT,
        columns=("", f"users/s, of {count:,}"),
        rows=[(name, cell(rates, name)) for name in parts],
        figures=[ratio_figure(what, rates, (IMPORT, RAW), at_least(0.5))],
        failures=found.failures,
        samples={"users/s": rates},
    )


def make_empty(stage: Stage) -> Server:
    """Return a Gatepost that does not run, on a database that has its tables and no users."""
    server = stage.make_server(Gatepost())
    run(gatepost(server.site, "migrate"), IMPORT_SECONDS, stage.cores.everything)
    return server


def import_file(stage: Stage, server: Server, path: Path) -> float:
    """Import a file on the server's core; returns the seconds it took."""
    began = time.monotonic()
    command = gatepost(server.site, "import-users", str(path))
    run(command, IMPORT_SECONDS, [stage.cores.server])
    return time.monotonic() - began


@dataclass(slots=True)
class Imports:
    """Imports of one file, each into an empty database, of which the latest is there to copy."""

    stage: Stage
    path: Path
    count: int
    latest: Database | None = None

    def import_once(self) -> float:
        """Return the users a second that are imported."""
        server = make_empty(self.stage)
        seconds = import_file(self.stage, server, self.path)
        self.latest = server.site.database
        return self.count / seconds

    def copy_latest(self) -> float:
        """Return the rows a second that are copied."""
        if self.latest is None:
            raise BenchError("nothing was imported that could be copied")
        with running_on(self.stage.cores.server):
            return asyncio.run(_copy_users(self.latest))


async def _copy_users(database: Database) -> float:
    """Copy the users to a table like theirs; returns the rows a second."""
    connection = await asyncpg.connect(database.text())
    try:
        await connection.execute("CREATE TABLE users_again (LIKE gatepost_users INCLUDING ALL)")
        rows = await connection.fetch("SELECT * FROM gatepost_users ORDER BY id")
        records = [tuple(row) for row in rows]
        began = time.monotonic()
        await connection.copy_records_to_table("users_again", records=records)
        return len(records) / (time.monotonic() - began)
    finally:
        await connection.close()


def _seconds(plan: Plan) -> float:
    return 15 + plan.imported_users / 12_000


QUESTION = Question("import", ask, _seconds)
