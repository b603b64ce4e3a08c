"""How late are answers in a flood of logins, counted from when each request was due?"""

from dataclasses import dataclass
from functools import partial

from bench.flood import flooding
from bench.plan import Plan
from bench.subjects.former import FormerOnSqlite
from bench.subjects.gatepost import GatepostOnSqlite
from bench.support.medians import median
from bench.support.probe import Latencies, probe
from bench.support.questions import Question
from bench.support.results import Chapter, Figure
from bench.support.server import Server
from bench.support.stage import Stage, alternate
from bench.support.tables import at_most, cell

PER_SECOND = 100
TEXT = (
    "The flood above is a closed loop: while the server is slow, nobody asks, and the percentiles "
    "flatter. Here 100 requests a second read `GET /users/me` whatever happens, and a latency "
    "counts from the instant at which its request was due: in peace, then while 16 connections "
    "log in without pause. On SQLite, so that the load's core is the probe's alone."
)


@dataclass(frozen=True, slots=True)
class Probed:
    """The same probe in peace and in the flood."""

    idle: Latencies
    flooded: Latencies

    @property
    def p99(self) -> float:
        return self.flooded.percentile(99) / self.idle.percentile(99)


def ask(stage: Stage) -> Chapter:
    """Probe in peace, then in a flood."""
    former = stage.plan.former
    subjects = [GatepostOnSqlite(), *([FormerOnSqlite(former)] if former else [])]
    with stage.guests(subjects) as servers:
        parts = {each.name: partial(measure, each, stage.plan.probe_seconds) for each in servers}
        found = alternate(parts, stage.plan.long_rounds)
    samples = {
        "p50 ms idle": found.each(lambda probed: probed.idle.percentile(50)),
        "p50 ms flooded": found.each(lambda probed: probed.flooded.percentile(50)),
        "p99 ms idle": found.each(lambda probed: probed.idle.percentile(99)),
        "p99 ms flooded": found.each(lambda probed: probed.flooded.percentile(99)),
        "p99 x": found.each(lambda probed: probed.p99),
    }
    units = ("ms", "ms", "ms", "ms", "x")
    rows = [
        (
            name,
            *(cell(samples[what], name, unit) for what, unit in zip(samples, units, strict=True)),
        )
        for name in parts
    ]
    mine = samples["p99 x"].get(GatepostOnSqlite.name)
    what = "p99 of an open-loop probe in a flood of 16 login connections, over idle (SQLite)"
    return Chapter(
        name="open_loop_flood",
        title="A flood of logins, in an open loop",
        text=TEXT,
        columns=("", "p50 idle", "p50 flooded", "p99 idle", "p99 flooded", "p99"),
        rows=rows,
        figures=[Figure(what, median(mine) if mine else None, at_most(1.5))],
        failures=found.failures,
        samples=samples,
    )


def measure(server: Server, seconds: int) -> Probed:
    """Probe alone, then while others log in."""
    server.process.settle()
    port, requests = server.site.port, server.read_requests()
    idle = probe(port, requests, PER_SECOND, seconds)
    with flooding(server, seconds):
        flooded = probe(port, requests, PER_SECOND, seconds)
    server.process.settle()
    return Probed(idle, flooded)


def _seconds(plan: Plan) -> float:
    servers = 2 if plan.former else 1
    return servers * (5 + plan.long_rounds * (2 * plan.probe_seconds + 4))


QUESTION = Question("a flood of logins, in an open loop", ask, _seconds)
