"""How many authenticated requests a second, and how far from a route that authenticates nobody?"""

from functools import partial

from bench.plan import Plan
from bench.subjects.floor import Floor
from bench.subjects.gatepost import Gatepost
from bench.subjects.peers import FastapiUsers
from bench.support.questions import Question
from bench.support.results import Chapter, Figure
from bench.support.server import Server
from bench.support.stage import Stage, alternate
from bench.support.tables import Samples, at_least, cell, ratio_figure, times
from bench.support.wrk import Load

CONNECTIONS = 32
TEXT = (
    "`GET /users/me` (better-auth: `GET /get-session`) for sixteen users in turn over 32 "
    "kept-open connections. The bare route returns the same JSON through the same response "
    "model, and knows neither tokens nor users. It and Gatepost run on the same packages."
)


def ask(stage: Stage) -> Chapter:
    """Read one's own account, again and again."""
    plan = stage.plan
    for server in stage.servers.values():
        measure(server, 1)  # to warm up
    parts = {name: partial(measure, each, plan.seconds) for name, each in stage.servers.items()}
    found = alternate(parts, plan.rounds)
    rates = found.each(lambda load: load.per_second)
    middles = found.each(lambda load: load.p50_ms)
    tails = found.each(lambda load: load.p99_ms)
    rows = [
        (
            name,
            cell(rates, name),
            times(rates, name, Floor.name),
            cell(middles, name, "ms"),
            cell(tails, name, "ms"),
        )
        for name in parts
    ]
    return Chapter(
        name="authenticated_read",
        title="Authenticated requests",
        text=TEXT,
        columns=("", "requests/s", "of the bare route", "p50", "p99"),
        rows=rows,
        figures=_figures(stage, rates),
        failures=found.failures,
        samples={"requests/s": rates, "p50 ms": middles, "p99 ms": tails},
    )


def measure(server: Server, seconds: int) -> Load:
    """Put the load on one server that is at rest."""
    server.process.settle()
    return server.reading(CONNECTIONS).run(seconds).check()


def _figures(stage: Stage, rates: Samples) -> list[Figure]:
    of_floor = "`GET /users/me` over the bare FastAPI route"
    rows = (Gatepost.name, Floor.name)
    headline = "authenticated requests/s, over a FastAPI route that authenticates nobody"
    figures = [ratio_figure(of_floor, rates, rows, at_least(0.8), headline)]
    if FastapiUsers.name in stage.plan.subjects:
        of_peer = "`GET /users/me` over fastapi-users'"
        rows = (Gatepost.name, FastapiUsers.name)
        headline = "authenticated requests/s, over fastapi-users"
        figures.append(ratio_figure(of_peer, rates, rows, at_least(10), headline))
    return figures


def _seconds(plan: Plan) -> float:
    return plan.servers * (3 + plan.rounds * (plan.seconds + 0.5))


QUESTION = Question("authenticated requests", ask, _seconds)
