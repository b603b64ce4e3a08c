"""How long from the start of the program to the first authenticated answer?"""

from functools import partial

from bench.subjects.gatepost import Gatepost
from bench.support.medians import median
from bench.support.results import Chapter, Figure
from bench.support.server import Server
from bench.support.stage import Stage, alternate
from bench.support.tables import at_most, cell

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
    mine = seconds.get(Gatepost.name)
    return Chapter(
        name="cold_start",
        title="Cold start",
        text=TEXT,
        columns=("", "to the first 200"),
        rows=[(name, cell(seconds, name, "s")) for name in parts],
        figures=[
            Figure("cold start to the first 200", median(mine) if mine else None, at_most(1.0), "s")
        ],
        failures=found.failures,
        samples={"s": seconds},
    )


def measure(server: Server) -> float:
    """Return the seconds of one start; it runs afterwards."""
    server.stop()
    return server.seconds_to_first_success()
