"""How many refreshes a second, and how many would PostgreSQL alone allow?"""

import re
from functools import partial
from pathlib import Path

from bench.plan import Plan
from bench.subjects.gatepost import Gatepost
from bench.subjects.peers import DjangoRest
from bench.support.databases import Database, find_pgbench
from bench.support.errors import BenchError
from bench.support.processes import Command, run
from bench.support.questions import Question
from bench.support.results import Chapter
from bench.support.server import Server
from bench.support.stage import Stage, alternate
from bench.support.tables import at_least, cell, ratio_figure

CONNECTIONS = 32
RAW = "pgbench, one statement"
SCRIPT = Path(__file__).parent / "pgbench.sql"
TEXT = (
    "Refresh tokens traded over 32 connections, each for its successor. pgbench sends the one "
    "`UPDATE ... RETURNING` that it comes to, prepared, over 32 connections and from the "
    "server's core, to 10,000 rows of a table with the columns and indexes of Gatepost's "
    "`sessions`. The other peers have no refresh tokens."
)


def ask(stage: Stage) -> Chapter:
    """Trade refresh tokens, again and again."""
    plan = stage.plan
    servers = {name: each for name, each in stage.servers.items() if each.subject.refreshing}
    database = stage.server(Gatepost.name).site.database
    _make_table(database)
    parts = {
        RAW: partial(run_pgbench, stage, database, plan.seconds),
        **{name: partial(measure, each, plan.seconds) for name, each in servers.items()},
    }
    found = alternate(parts, plan.long_rounds)
    rates = found.each(float)
    of_raw = "refreshes/s over pgbench's one-statement `UPDATE ... RETURNING`"
    figures = [ratio_figure(of_raw, rates, (Gatepost.name, RAW), at_least(0.35))]
    if DjangoRest.name in plan.subjects:
        of_peer = "refreshes/s over simplejwt's with rotation and blacklist"
        rows = (Gatepost.name, DjangoRest.name)
        headline = "refreshes/s, over Django REST framework with simplejwt"
        figures.append(ratio_figure(of_peer, rates, rows, at_least(8), headline))
    return Chapter(
        name="refresh",
        title="Refreshes",
        text=TEXT,
        columns=("", "refreshes/s"),
        rows=[(name, cell(rates, name)) for name in parts],
        figures=figures,
        failures=found.failures,
        samples={"refreshes/s": rates},
    )


def measure(server: Server, seconds: int) -> float:
    """Refreshes a second of one server."""
    return server.refresh(CONNECTIONS, seconds).per_second


def _make_table(database: Database) -> None:
    database.execute(
        "CREATE TABLE IF NOT EXISTS bench_sessions (LIKE gatepost_sessions INCLUDING ALL)"
    )
    columns = str(
        database.value(
            "SELECT string_agg(column_name, ', ') FROM information_schema.columns "
            "WHERE table_name = 'gatepost_sessions' AND column_name <> 'id'"
        )
    )
    database.execute(
        f"INSERT INTO bench_sessions (id, {columns}) "  # noqa: S608 - names of our own columns
        f"SELECT number, {columns} FROM generate_series(1, 10000) AS number, "
        "(SELECT * FROM gatepost_sessions WHERE ended_at IS NULL LIMIT 1) AS one "
        "ON CONFLICT DO NOTHING"
    )


def run_pgbench(stage: Stage, database: Database, seconds: int) -> float:
    """Return pgbench's transactions a second."""
    options = ["--no-vacuum", "--protocol=prepared", f"--file={SCRIPT}", f"--time={seconds}"]
    command = Command(
        [find_pgbench(), *options, f"--client={CONNECTIONS}", "--jobs=1"],
        SCRIPT.parent,
        database.variables(),
    )
    output = run(command, seconds + 60, [stage.cores.server])
    rate = re.search(r"tps = ([\d.]+)", output)
    if rate is None:
        raise BenchError(f"pgbench said: {output[-200:]}")
    return float(rate[1])


def _seconds(plan: Plan) -> float:
    return (4 if plan.former else 3) * plan.long_rounds * (plan.seconds + 3)


QUESTION = Question("refreshes", ask, _seconds)
