"""What do items cost with everything on, and what do they cost written by hand without users?"""

from collections.abc import Mapping, Sequence
from functools import partial

from bench.authenticated_read import CONNECTIONS
from bench.plan import Plan
from bench.subjects.gatepost import Gatepost
from bench.subjects.hand_written import HandWritten
from bench.support.http import Request, post_json, send_expecting_success
from bench.support.questions import Question
from bench.support.results import Chapter, Figure
from bench.support.server import Server
from bench.support.stage import Stage, alternate
from bench.support.tables import Samples, at_least, cell, ratio_figure, times
from bench.support.wrk import Load

ITEMS = 20
ITEM, LIST, CREATE = "`GET /items/{id}`", "`GET /items/`, twenty items", "`POST /items/`"
GOALS = {ITEM: 1.5, LIST: 1.3, CREATE: 1.2}
TEXT = (
    "Items on PostgreSQL over 32 kept-open connections: Gatepost with everything on (tokens, "
    "sessions, owners, limits, request log, metrics) beside routes written by hand on the same "
    "packages, with the same queries by SQLAlchemy's session, and with none of that. Eight users "
    "read their own twenty items, eight others make new ones."
)


def ask(stage: Stage) -> Chapter:
    """Read an item, read a list, make an item."""
    names = [name for name in stage.servers if name.startswith(Gatepost.name)]
    with stage.guest(HandWritten()) as hand_written:
        servers = [*(stage.server(name) for name in names), hand_written]
        loads = {server.name: _requests(server) for server in servers}
        parts = {
            _row(what, server): partial(
                measure, server, loads[server.name][what], stage.plan.seconds
            )
            for what in GOALS
            for server in servers
        }
        found = alternate(parts, stage.plan.long_rounds)
    rates = found.each(lambda load: load.per_second)
    rows = [
        (name, cell(rates, name), times(rates, name, _row(what, hand_written)))
        for what in GOALS
        for name in (_row(what, server) for server in servers)
    ]
    return Chapter(
        name="items",
        title="Items",
        text=TEXT,
        columns=("", "requests/s", "of the one by hand"),
        rows=rows,
        figures=_figures(rates),
        failures=found.failures,
        samples={"requests/s": rates},
    )


def measure(server: Server, requests: Sequence[Request], seconds: int) -> Load:
    """Put these requests on one server that is at rest."""
    server.process.settle()
    send_expecting_success(server.site.port, requests[0])
    return server.load(requests, CONNECTIONS).run(seconds).check()


def _row(what: str, server: Server) -> str:
    return f"{what}: {server.name}"


def _figures(rates: Samples) -> list[Figure]:
    return [
        ratio_figure(
            f"{what} on PostgreSQL, over a hand-written route without users",
            rates,
            (f"{what}: {Gatepost.name}", f"{what}: {HandWritten.name}"),
            at_least(goal),
        )
        for what, goal in GOALS.items()
    ]


def _requests(server: Server) -> dict[str, list[Request]]:
    """The requests of each kind, after making the items that are read."""
    server.log_in()
    path = f"{server.subject.items}/"
    half = len(server.callers) // 2
    readers = [caller.headers for caller in server.callers[:half]]
    writers = [caller.headers for caller in server.callers[half:]]
    return {
        ITEM: [
            Request(f"{path}{number}", headers=headers)
            for headers in readers
            for number in _twenty_items(server, path, headers)
        ],
        LIST: [Request(f"{path}?limit={ITEMS}", headers=headers) for headers in readers],
        CREATE: [_creation(path, headers) for headers in writers],
    }


def _twenty_items(server: Server, path: str, headers: Mapping[str, str]) -> list[int]:
    """The ids of a caller's items, of which there are twenty afterwards."""
    reading = Request(path, headers=headers)
    port = server.site.port
    for _ in range(ITEMS - len(send_expecting_success(port, reading).json())):
        send_expecting_success(port, _creation(path, headers))
    return [item["id"] for item in send_expecting_success(port, reading).json()]


def _creation(path: str, headers: Mapping[str, str]) -> Request:
    return post_json(path, headers, title="An item", description="What it is")


def _seconds(plan: Plan) -> float:
    servers = 3 if plan.former else 2
    return 10 + servers * len(GOALS) * plan.long_rounds * (plan.seconds + 0.5)


QUESTION = Question("items", ask, _seconds)
