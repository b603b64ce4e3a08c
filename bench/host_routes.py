"""What does a host's own route pay for asking who calls?"""

from functools import partial

from bench import authenticated_read
from bench.plan import Plan
from bench.subjects.former import Former, programs_of
from bench.subjects.gatepost import PROGRAMS
from bench.subjects.host import Host
from bench.support.questions import Question
from bench.support.results import Chapter, Figure
from bench.support.stage import Stage, alternate
from bench.support.tables import Samples, at_least, cell, ratio_figure, times

BARE = "bare"
DEPENDENCIES = {
    BARE: "",
    "`CurrentPrincipal`": "principal",
    "`CurrentUser`": "user",
    "`require_role`": "role",
}
GOALS = {"`CurrentPrincipal`": 0.85, "`CurrentUser`": 0.8, "`require_role`": 0.8}
TEXT = (
    "Host applications of a single route, which returns the same small JSON: bare, and with each "
    "of Gatepost's dependencies. Requests are alike, with a token, for sixteen users in turn over "
    "32 kept-open connections. The users' sessions are known to the process."
)


def ask(stage: Stage) -> Chapter:
    """Read the one route of each host."""
    versions = {"": PROGRAMS}
    if stage.plan.former is not None:
        versions[f" ({Former(stage.plan.former).name})"] = programs_of(stage.plan.former)
    hosts = {
        f"{name}{version}": Host(dependency, programs)
        for version, programs in versions.items()
        for name, dependency in DEPENDENCIES.items()
    }
    with stage.guests(hosts.values()) as servers:
        parts = {
            name: partial(authenticated_read.measure, server, stage.plan.seconds)
            for name, server in zip(hosts, servers, strict=True)
        }
        found = alternate(parts, stage.plan.rounds)
    rates = found.each(lambda load: load.per_second)
    rows = [
        (f"{name}{version}", *_cells(rates, name, version))
        for version in versions
        for name in DEPENDENCIES
    ]
    return Chapter(
        name="host_routes",
        title="A host's own routes",
        text=TEXT,
        columns=("", "requests/s", "of the bare route"),
        rows=rows,
        figures=_figures(rates),
        failures=found.failures,
        samples={"requests/s": rates},
    )


def _cells(rates: Samples, name: str, version: str) -> tuple[str, str]:
    row = f"{name}{version}"
    return cell(rates, row), times(rates, row, f"{BARE}{version}")


def _figures(rates: Samples) -> list[Figure]:
    return [
        ratio_figure(
            f"a host's own route with {name} over the same route bare",
            rates,
            (name, BARE),
            at_least(goal),
        )
        for name, goal in GOALS.items()
    ]


def _seconds(plan: Plan) -> float:
    hosts = len(DEPENDENCIES) * (2 if plan.former else 1)
    return hosts * (4 + plan.rounds * (plan.seconds + 0.5))


QUESTION = Question("a host's own routes", ask, _seconds)
