"""What does a host's own route pay for asking who calls?"""

from functools import partial

from bench.authenticated_read import CONNECTIONS
from bench.plan import Plan
from bench.subjects.former import FormerHost
from bench.subjects.host import Host
from bench.support.http import Request, send_expecting_success
from bench.support.questions import Question
from bench.support.results import Chapter, Figure
from bench.support.server import Server
from bench.support.stage import Stage, alternate
from bench.support.tables import Samples, at_least, cell, ratio_figure, times
from bench.support.wrk import Load

BARE = "/bare"
GOALS = {"/principal": 0.85, "/user": 0.8, "/role": 0.8}
NAMES = {
    BARE: "bare",
    "/principal": "`CurrentPrincipal`",
    "/user": "`CurrentUser`",
    "/role": "`require_role`",
}
TEXT = (
    "A host application of four routes that return the same small JSON: one is bare, each of the "
    "others takes one of Gatepost's dependencies. Requests are alike, with a token, for sixteen "
    "users in turn over 32 kept-open connections. The host's sessions are known to its process."
)


def ask(stage: Stage) -> Chapter:
    """Read one route after the other."""
    hosts = [Host(), *([FormerHost(stage.plan.former)] if stage.plan.former else [])]
    with stage.guests(hosts) as servers:
        parts = {
            _row(server, path): partial(measure, server, path, stage.plan.seconds)
            for server in servers
            for path in NAMES
        }
        found = alternate(parts, stage.plan.rounds)
        rates = found.each(lambda load: load.per_second)
        rows = [
            (name, cell(rates, name), times(rates, name, _row(server, BARE)))
            for server in servers
            for name in (_row(server, path) for path in NAMES)
        ]
        figures = _figures(servers[0], rates)
    return Chapter(
        name="host_routes",
        title="A host's own routes",
        text=TEXT,
        columns=("", "requests/s", "of the bare route"),
        rows=rows,
        figures=figures,
        failures=found.failures,
        samples={"requests/s": rates},
    )


def measure(server: Server, path: str, seconds: int) -> Load:
    """Put the load on one route of a server that is at rest."""
    server.process.settle()
    requests = [Request(path, headers=caller.headers) for caller in server.callers]
    send_expecting_success(server.site.port, requests[0])
    return server.load(requests, CONNECTIONS).run(seconds).check()


def _row(server: Server, path: str) -> str:
    return f"{server.name}: {NAMES[path]}"


def _figures(server: Server, rates: Samples) -> list[Figure]:
    return [
        ratio_figure(
            f"a host's own route with {NAMES[path]} over the same route bare",
            rates,
            (_row(server, path), _row(server, BARE)),
            at_least(goal),
        )
        for path, goal in GOALS.items()
    ]


def _seconds(plan: Plan) -> float:
    hosts = 2 if plan.former else 1
    return hosts * (6 + len(NAMES) * plan.rounds * (plan.seconds + 0.5))


QUESTION = Question("a host's own routes", ask, _seconds)
