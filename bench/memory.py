"""How much memory does a process hold when the load has passed?"""

from bench.authenticated_read import CONNECTIONS
from bench.subjects.gatepost import Gatepost
from bench.support.errors import BenchError
from bench.support.results import Chapter, Figure
from bench.support.server import Server
from bench.support.stage import Stage
from bench.support.tables import at_most, cell

MIB = 2**20
TEXT = (
    "Resident memory after all the loads of the chapters above, and three more seconds of "
    "reads. Pages that processes share are counted in each."
)


def ask(stage: Stage) -> Chapter:
    """Look at the processes."""
    found: dict[str, list[float]] = {}
    failures: dict[str, str] = {}
    for name, server in stage.servers.items():
        try:
            found[name] = measure(server)
        except (BenchError, OSError) as error:
            failures[name] = str(error)
    largest = {name: sizes[:1] for name, sizes in found.items()}
    whole = {name: [sum(sizes)] for name, sizes in found.items()}
    mine = largest.get(Gatepost.name)
    return Chapter(
        name="memory",
        title="Memory",
        text=TEXT,
        columns=("", "largest process", "all", "processes"),
        rows=[
            (name, cell(largest, name, "MiB"), cell(whole, name, "MiB"), str(len(sizes)))
            for name, sizes in found.items()
        ],
        figures=[
            Figure("memory of a worker after load", mine[0] if mine else None, at_most(120), "MiB")
        ],
        failures=failures,
        samples={"MiB": largest},
    )


def measure(server: Server) -> list[float]:
    """Return the resident MiB of each of a server's processes after a load, the largest first."""
    server.process.settle()
    server.reading(CONNECTIONS).run(3)
    return [size / MIB for size in server.process.resident_bytes()]
