"""How much memory does a process hold when the load has passed, and when a flood has?"""

from collections.abc import Callable

from bench import flood
from bench.authenticated_read import CONNECTIONS
from bench.plan import Plan
from bench.subjects.gatepost import Gatepost
from bench.support.errors import BenchError
from bench.support.questions import Question
from bench.support.results import Chapter, Figure
from bench.support.server import Server
from bench.support.stage import Stage
from bench.support.tables import at_most, cell

MIB = 2**20
_LOAD_SECONDS = 3
TEXT = (
    "Resident memory after all the loads of the chapters above and three more seconds of reads; "
    "then at the end of one more flood of logins, with reads beside it. Pages that processes "
    "share are counted in each."
)


def ask(stage: Stage) -> Chapter:
    """Look at the processes after a load, and at Gatepost's after a flood."""
    failures: dict[str, str] = {}
    sizes = _each(list(stage.servers.values()), measure, failures)
    flooded_servers = [each for each in stage.servers.values() if _is_flooded(each)]
    seconds = stage.plan.flood_seconds
    flooded = _each(flooded_servers, lambda server: measure_flooded(server, seconds), failures)
    largest = {name: found[:1] for name, found in sizes.items()}
    whole = {name: [sum(found)] for name, found in sizes.items()}
    in_flood = {name: found[:1] for name, found in flooded.items()}
    return Chapter(
        name="memory",
        title="Memory",
        text=TEXT,
        columns=("", "largest process", "after a flood", "all", "processes"),
        rows=[
            (
                name,
                *(cell(each, name, "MiB") for each in (largest, in_flood, whole)),
                str(len(found)),
            )
            for name, found in sizes.items()
        ],
        figures=[
            _figure("memory of a worker after load", largest, 100),
            _figure("memory of a worker after a flood of logins", in_flood, 110),
        ],
        failures=failures,
        samples={"MiB": largest, "MiB after a flood": in_flood},
    )


def measure(server: Server) -> list[float]:
    """Return the resident MiB of each of a server's processes after a load, the largest first."""
    server.process.settle()
    server.reading(CONNECTIONS).run(_LOAD_SECONDS)
    return [size / MIB for size in server.process.resident_bytes()]


def measure_flooded(server: Server, seconds: int) -> list[float]:
    """Return the same at the end of a flood of logins, once the server has come to rest."""
    flood.measure(server, seconds)
    return [size / MIB for size in server.process.resident_bytes()]


def _is_flooded(server: Server) -> bool:
    return isinstance(server.subject, Gatepost)


def _each(
    servers: list[Server],
    look: Callable[[Server], list[float]],
    failures: dict[str, str],
) -> dict[str, list[float]]:
    """Look at each server; what goes wrong is noted, and the others are looked at."""
    found: dict[str, list[float]] = {}
    for server in servers:
        try:
            found[server.name] = look(server)
        except (BenchError, OSError) as error:
            failures[server.name] = str(error)
    return found


def _figure(what: str, samples: dict[str, list[float]], most: float) -> Figure:
    mine = samples.get(Gatepost.name)
    return Figure(what, mine[0] if mine else None, at_most(most), "MiB")


def _seconds(plan: Plan) -> float:
    flooded = 2 if plan.former else 1
    return plan.servers * (_LOAD_SECONDS + 0.5) + flooded * (plan.flood_seconds * 1.33 + 4)


QUESTION = Question("memory", ask, _seconds)
