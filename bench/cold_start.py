"""How long from the start of the program to the first authenticated answer?"""

from functools import partial

from bench.plan import Plan
from bench.subjects.former import Former
from bench.subjects.gatepost import Gatepost
from bench.support.medians import median
from bench.support.questions import Question
from bench.support.results import Chapter, Figure
from bench.support.server import Server
from bench.support.stage import Stage, alternate
from bench.support.tables import Samples, at_most, cell, ratio_figure

TEXT = (
    "From starting the program to the first 200 of `GET /users/me`, on a database that is ready "
    "and with files that the system has read before. Tokens from before the start are good "
    "after it."
)


def ask(stage: Stage) -> Chapter:
    """Stop and start."""
    for server in stage.servers.values():
        server.log_in()
    parts = {name: partial(measure, server) for name, server in stage.servers.items()}
    found = alternate(parts, stage.plan.starts)
    seconds = found.each(float)
    return Chapter(
        name="cold_start",
        title="Cold start",
        text=TEXT,
        columns=("", "to the first 200"),
        rows=[(name, cell(seconds, name, "s")) for name in parts],
        figures=_figures(stage, seconds),
        failures=found.failures,
        samples={"s": seconds},
    )


def _figures(stage: Stage, seconds: Samples) -> list[Figure]:
    mine = seconds.get(Gatepost.name)
    what = "cold start to the first 200"
    figures = [Figure(what, median(mine) if mine else None, at_most(1.0), "s")]
    for name in stage.servers:
        if isinstance(stage.servers[name].subject, Former):
            rows = (Gatepost.name, name)
            figures.append(ratio_figure(f"{what}, over {name}", seconds, rows, at_most(0.75)))
    return figures


def measure(server: Server) -> float:
    """Return the seconds of one start; it runs afterwards."""
    server.stop()
    return server.seconds_to_first_success()


def _seconds(plan: Plan) -> float:
    return plan.servers * 3 * plan.starts


QUESTION = Question("cold start", ask, _seconds)
