"""How fast is Gatepost on a single file?"""

import sqlite3
from functools import partial

from bench import authenticated_read, cold_start, flood, login, memory, refresh
from bench.plan import Plan
from bench.subjects.floor import Floor
from bench.subjects.gatepost import GatepostOnSqlite
from bench.support.medians import median
from bench.support.questions import Question
from bench.support.results import Chapter
from bench.support.server import Server
from bench.support.stage import Stage, alternate
from bench.support.tables import cell, number, times

TEXT = (
    "The same questions to Gatepost on SQLite, whose file is on the disk of this machine with "
    "SQLite's own care for it (WAL). There are no promises here, and no peers."
)


def ask(stage: Stage) -> Chapter:
    """Ask the same again."""
    with stage.guest(Floor()) as floor, stage.guest(GatepostOnSqlite()) as server:
        rows = [*_reads(stage, floor, server), *_writes(stage, server), *_flood(stage, server)]
        rows.append(("memory after load", f"{number(memory.measure(server)[0])} MiB"))
        seconds = alternate({"": partial(cold_start.measure, server)}, stage.plan.starts)
        rows.append(("cold start to the first 200", cell(seconds.each(float), "", "s")))
    return Chapter(
        name="sqlite",
        title="On SQLite",
        text=TEXT,
        columns=("", f"SQLite {sqlite3.sqlite_version}"),
        rows=rows,
    )


def _reads(stage: Stage, floor: Server, server: Server) -> list[tuple[str, str]]:
    parts = {
        each.name: partial(authenticated_read.measure, each, stage.plan.seconds)
        for each in (floor, server)
    }
    rates = alternate(parts, stage.plan.long_rounds).each(lambda load: load.per_second)
    return [
        ("`GET /users/me` a second", cell(rates, server.name)),
        ("of the bare route", times(rates, server.name, Floor.name)),
    ]


def _writes(stage: Stage, server: Server) -> list[tuple[str, str]]:
    parts = {
        "logins a second": partial(login.measure, server, stage.plan.login_seconds),
        "refreshes a second": partial(refresh.measure, server, stage.plan.seconds),
    }
    rates = alternate(parts, stage.plan.long_rounds).each(float)
    return [(name, cell(rates, name)) for name in parts]


def _flood(stage: Stage, server: Server) -> list[tuple[str, str]]:
    found = [flood.measure(server, stage.plan.flood_seconds)]
    return [
        ("p99 in a flood of logins, over idle", f"{number(median([f.p99 for f in found]))} x"),
        ("requests/s in that flood, over idle", f"{number(median([f.rate for f in found]))} x"),
    ]


def _seconds(plan: Plan) -> float:
    return 10 + 4 * plan.long_rounds * (plan.seconds + 1) + 2 * plan.flood_seconds + plan.starts


QUESTION = Question("SQLite", ask, _seconds, promises=False)
