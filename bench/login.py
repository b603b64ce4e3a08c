"""How many logins a second, and how many would the hash alone allow?"""

import sys
from functools import partial
from pathlib import Path

from bench.plan import Plan
from bench.subjects.gatepost import HASHING, Gatepost
from bench.support.clients import finished_per_second
from bench.support.processes import Command, run
from bench.support.questions import Question
from bench.support.results import Chapter
from bench.support.server import Server
from bench.support.stage import Stage, alternate
from bench.support.tables import at_least, cell, ratio_figure

CONNECTIONS = 16
RAW = "raw verification"
TEXT = (
    "Logins by password over 16 connections. A login costs what its hash costs, and each row "
    "has its product's own default: the rows are no race. The raw row is Gatepost's hash in a "
    "bare loop, with the same parameters, by the same build, on the same core."
)


def ask(stage: Stage) -> Chapter:
    """Log in, again and again."""
    plan = stage.plan
    servers = {name: each for name, each in stage.servers.items() if each.subject.hashing}
    parts = {
        RAW: partial(verify_raw, stage, plan.login_seconds),
        **{name: partial(measure, each, plan.login_seconds) for name, each in servers.items()},
    }
    found = alternate(parts, plan.long_rounds)
    rates = found.each(float)
    hashes = {name: each.subject.hashing for name, each in servers.items()}
    hashes[RAW] = hashes[Gatepost.name] = f"{HASHING} ({_build_of_gatepost(stage)})"
    what = "logins/s over the raw verify rate of the same hash on the same core"
    return Chapter(
        name="login",
        title="Logins",
        text=TEXT,
        columns=("", "logins/s", "hash"),
        rows=[(name, cell(rates, name), hashes[name]) for name in parts],
        figures=[ratio_figure(what, rates, (Gatepost.name, RAW), at_least(0.88))],
        failures=found.failures,
        samples={"logins/s": rates},
    )


def measure(server: Server, seconds: int) -> float:
    """Logins a second of one server that is at rest."""
    server.process.settle()
    port, requests = server.site.port, server.login_requests()
    return finished_per_second(port, requests, CONNECTIONS, seconds)


def verify_raw(stage: Stage, seconds: float) -> float:
    """Verifications a second of the hash that Gatepost uses, on the server's core."""
    return float(_verify(stage, seconds)[0])


def _build_of_gatepost(stage: Stage) -> str:
    """Which build of Argon2 Gatepost takes on this machine."""
    name = _verify(stage, 0.1)[1]
    return "built for this processor" if name == "native" else name


def _verify(stage: Stage, seconds: float) -> list[str]:
    root = Path(__file__).parents[1]
    command = Command([sys.executable, "-m", "bench.raw_verify", str(seconds)], root, {})
    return run(command, seconds + 60, [stage.cores.server]).split()


def _seconds(plan: Plan) -> float:
    return plan.servers * plan.long_rounds * (plan.login_seconds + 2)


QUESTION = Question("logins", ask, _seconds)
