"""Does anything become slower when there are a thousand times as many users?"""

import random
from collections.abc import Callable, Sequence
from functools import partial

from bench.importing import import_file
from bench.plan import Plan
from bench.subjects.gatepost import GatepostWithCheapHashes, gatepost
from bench.subjects.subject import EMAILS, PASSWORD
from bench.support.http import Request, post_json, send_expecting_success
from bench.support.medians import median
from bench.support.processes import run
from bench.support.questions import Question
from bench.support.results import Chapter, Figure
from bench.support.server import Server
from bench.support.stage import Stage, alternate
from bench.support.tables import at_most, number
from bench.support.user_files import address, write_users

FEW = 1_000
ADMIN = "admin@example.org"
_DIFFERENT = 2_000
_SETUP_SECONDS = 60.0
TEXT = (
    "The same requests to two databases, one after the other over a single connection; the "
    "users are chosen at random from all there are. Hashes are made so cheap for this that a "
    "login shows what its queries cost."
)

Measure = Callable[[Server, int, int], float]


def ask(stage: Stage) -> Chapter:
    """Ask few, ask many."""
    many = stage.plan.many_users
    few_server = _populate(stage, FEW)
    many_server = _populate(stage, many)
    rows: list[tuple[str, ...]] = []
    figures: list[Figure] = []
    failures: dict[str, str] = {}
    samples: dict[str, dict[str, list[float]]] = {}
    try:
        for what, measure in MEASURES.items():
            parts = {
                f"{count:,}": partial(measure, server, count, stage.plan.scale_seconds)
                for server, count in ((few_server, FEW), (many_server, many))
            }
            found = alternate(parts, stage.plan.long_rounds)
            failures |= {f"{what} of {name}": why for name, why in found.failures.items()}
            times = samples[what] = found.each(lambda rate: 1000 / rate)
            small, large = (times.get(name, []) for name in parts)
            growth = median(large) / median(small) if small and large else None
            rows.append((what, *(_milliseconds(each) for each in (small, large)), _times(growth)))
            figures.append(Figure(f"{what} at {many:,} users over {FEW:,}", growth, at_most(1.3)))
    finally:
        few_server.stop()
        many_server.stop()
    return Chapter(
        name="scale",
        title="Many users",
        text=TEXT,
        columns=("", f"{FEW:,} users", f"{many:,} users", ""),
        rows=rows,
        figures=figures,
        failures=failures,
        samples=samples,
    )


def _milliseconds(samples: Sequence[float]) -> str:
    return f"{number(median(samples))} ms" if samples else "-"


def _times(growth: float | None) -> str:
    return "-" if growth is None else f"{number(growth)} x"


def _populate(stage: Stage, count: int) -> Server:
    """Return a server over so many users that the importer has made."""
    server = stage.make_server(GatepostWithCheapHashes())
    path = stage.folder / f"users-{count}.jsonl"
    write_users(path, count)
    for arguments in (("migrate",), ("create-admin", ADMIN, "--generate")):
        run(gatepost(server.site, *arguments), _SETUP_SECONDS, stage.cores.everything)
    import_file(stage, server, path)
    path.unlink()
    server.site.database.execute("VACUUM ANALYZE gatepost_users")
    server.set_up()
    # Reading others is for moderators.
    server.site.database.execute(
        f"UPDATE gatepost_users SET role = 'moderator' WHERE email_key = '{EMAILS[0]}'"  # noqa: S608
    )
    server.log_in()
    return server


def _get_by_id(server: Server, count: int, seconds: int) -> float:
    least = int(server.site.database.value("SELECT min(id) FROM gatepost_users"))
    ids = [least + random.randrange(count) for _ in range(_DIFFERENT)]  # noqa: S311
    return _rate(server, [_as_moderator(server, f"/api/v1/users/{each}") for each in ids], seconds)


def _first_page(server: Server, count: int, seconds: int) -> float:  # noqa: ARG001 - as they all
    return _rate(server, [_as_moderator(server, "/api/v1/users?limit=50")], seconds)


def _log_in(server: Server, count: int, seconds: int) -> float:
    emails = [address(random.randrange(count)) for _ in range(_DIFFERENT)]  # noqa: S311
    requests = [post_json("/api/v1/auth/login", email=each, password=PASSWORD) for each in emails]
    return _rate(server, requests, seconds)


def _refresh(server: Server, count: int, seconds: int) -> float:  # noqa: ARG001 - as they all
    return server.refresh(1, seconds).per_second


MEASURES: dict[str, Measure] = {
    "get by id": _get_by_id,
    "login lookup": _log_in,
    "refresh": _refresh,
    "first page": _first_page,
}


def _as_moderator(server: Server, path: str) -> Request:
    return Request(path, headers=server.callers[0].headers)


def _rate(server: Server, requests: Sequence[Request], seconds: int) -> float:
    server.process.settle()
    send_expecting_success(server.site.port, requests[0])
    return server.load(requests, 1).run(seconds).check().per_second


def _seconds(plan: Plan) -> float:
    return 8 + plan.many_users / 45_000 + 8 * plan.long_rounds * (plan.scale_seconds + 0.5)


QUESTION = Question("many users", ask, _seconds)
