"""What do all others notice while sixteen connections log in without pause?"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from bench.authenticated_read import CONNECTIONS
from bench.login import CONNECTIONS as FLOODING
from bench.plan import Plan
from bench.subjects.gatepost import Gatepost
from bench.support.medians import median
from bench.support.questions import Question
from bench.support.results import Chapter, Figure
from bench.support.server import Server
from bench.support.stage import Stage, alternate
from bench.support.tables import at_least, at_most, cell
from bench.support.wrk import Load

HEAD_START_SECONDS = 1
TEXT = (
    "`GET /users/me` over 32 connections, first alone, then while 16 more connections on the "
    "load's core log in again and again. A request that is unanswered when its round ends is in "
    "no percentile: those who stall stall for longer yet."
)


@dataclass(frozen=True, slots=True)
class Flood:
    """The same reads, in peace and under the flood."""

    idle: Load
    flooded: Load

    @property
    def p99(self) -> float:
        return self.flooded.p99_ms / self.idle.p99_ms

    @property
    def rate(self) -> float:
        return self.flooded.per_second / self.idle.per_second


def ask(stage: Stage) -> Chapter:
    """Read one's own account in peace, then in a flood."""
    plan = stage.plan
    servers = {name: each for name, each in stage.servers.items() if each.subject.hashing}
    parts = {name: partial(measure, each, plan.flood_seconds) for name, each in servers.items()}
    found = alternate(parts, plan.long_rounds)
    samples = {
        "p99 ms idle": found.each(lambda flood: flood.idle.p99_ms),
        "p99 ms flooded": found.each(lambda flood: flood.flooded.p99_ms),
        "p99 x": found.each(lambda flood: flood.p99),
        "requests/s idle": found.each(lambda flood: flood.idle.per_second),
        "requests/s flooded": found.each(lambda flood: flood.flooded.per_second),
        "requests/s x": found.each(lambda flood: flood.rate),
    }
    units = ("ms", "ms", "x", "", "", "x")
    rows = [
        (
            name,
            *(cell(samples[what], name, unit) for what, unit in zip(samples, units, strict=True)),
        )
        for name in parts
    ]
    return Chapter(
        name="flood",
        title="A flood of logins",
        text=TEXT,
        columns=("", "p99 idle", "p99 flooded", "", "requests/s idle", "flooded", ""),
        rows=rows,
        figures=figures(
            samples["p99 x"].get(Gatepost.name), samples["requests/s x"].get(Gatepost.name)
        ),
        failures=found.failures,
        samples=samples,
    )


def measure(server: Server, seconds: int) -> Flood:
    """Read alone, then read while others log in."""
    server.process.settle()
    reading = server.reading(CONNECTIONS)
    idle = reading.run(max(seconds // 3, 2)).check()
    with flooding(server, seconds):
        flooded = reading.run(seconds)
    if not flooded.requests:
        # Nobody was answered: the slowest waited for as long as this was watched, at the least.
        flooded = replace(flooded, p99_ms=seconds * 1000.0)
    server.process.settle()  # else what is left of its flood would weigh on the next one's peace
    return Flood(idle, flooded)


@contextmanager
def flooding(server: Server, seconds: float) -> Iterator[None]:
    """Have sixteen connections log in while the block runs, for so long at least."""
    logging_in = server.load(server.login_requests(), FLOODING)
    with logging_in.running(math.ceil(seconds) + 2 * HEAD_START_SECONDS):
        time.sleep(HEAD_START_SECONDS)
        yield


def figures(p99: list[float] | None, rate: list[float] | None) -> list[Figure]:
    """What is promised under a flood."""
    of_p99 = "p99 of `GET /users/me` in a flood of 16 login connections, over its idle p99"
    of_rate = "requests/s in that flood, over idle"
    headline = "the slowest hundredth of them while 16 connections log in without pause, over idle"
    return [
        Figure(of_p99, median(p99) if p99 else None, at_most(1.5), headline=headline),
        Figure(of_rate, median(rate) if rate else None, at_least(0.8)),
    ]


def _seconds(plan: Plan) -> float:
    return (plan.servers - 1) * (2 + plan.long_rounds * (plan.flood_seconds * 1.33 + 4))


QUESTION = Question("a flood of logins", ask, _seconds)
