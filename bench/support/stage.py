"""What stands while the questions are asked: servers, databases, a plan."""

import contextlib
import platform
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from bench.plan import Plan
from bench.subjects.subject import Site, Subject
from bench.support.cores import Cores
from bench.support.databases import Databases
from bench.support.errors import BenchError
from bench.support.http import HOST
from bench.support.results import Participant
from bench.support.server import Server, make_folder

T = TypeVar("T")


# No slots: Python 3.11 cannot make a generic one that is frozen and has them.
@dataclass(frozen=True)
class Rounds(Generic[T]):
    """What each part gave in each round, and why a part gave nothing more."""

    samples: dict[str, list[T]]
    failures: dict[str, str]

    def each(self, of: Callable[[T], float]) -> dict[str, list[float]]:
        """Return one number of every sample, of the parts that have any."""
        return {name: [of(one) for one in found] for name, found in self.samples.items() if found}


@dataclass(slots=True)
class Stage:
    """The surroundings of the questions."""

    plan: Plan
    cores: Cores
    databases: Databases
    folder: Path
    say: Callable[[str], None]
    servers: dict[str, Server] = field(default_factory=dict)
    participants: list[Participant] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)

    def invite(self, subject: Subject) -> None:
        """Set a subject up; one that cannot be is absent, with its reason, and the rest goes on."""
        self.say(f"setting up {subject.name}")
        try:
            subject.install()
            server = self.make_server(subject)
            self.servers[subject.name] = server
            server.set_up()
            versions = subject.versions()
        except (BenchError, OSError) as error:
            self.absent[subject.name] = str(error)
            self.dismiss(subject.name)
            return
        self.participants.append(
            Participant(subject.name, versions, subject.setup, subject.hashing)
        )

    def make_server(self, subject: Subject) -> Server:
        """Give a subject a folder, a port and a database; it does not run yet."""
        folder = make_folder(self.folder, f"{subject.name}-{time.monotonic_ns()}")
        database = self.databases.create("".join(filter(str.isalnum, subject.name.lower()))[:20])
        return Server(subject, Site(folder, _free_port(), database), self.cores)

    def server(self, name: str) -> Server:
        """Return one that takes part; raises `BenchError` with the reason if it does not."""
        if name not in self.servers:
            raise BenchError(f"{name} is absent: {self.absent.get(name, 'not in this plan')}")
        return self.servers[name]

    def dismiss(self, name: str) -> None:
        """Stop one."""
        if server := self.servers.pop(name, None):
            server.stop()

    def dismiss_all(self) -> None:
        """Stop every one."""
        for name in list(self.servers):
            self.dismiss(name)

    @contextlib.contextmanager
    def guest(self, subject: Subject) -> Iterator[Server]:
        """Have one more, set up for the block alone."""
        with self.guests([subject]) as (server,):
            yield server

    @contextlib.contextmanager
    def guests(self, subjects: Iterable[Subject]) -> Iterator[list[Server]]:
        """Have several more, set up for the block alone."""
        with contextlib.ExitStack() as guests:
            servers = []
            for subject in subjects:
                server = self.make_server(subject)
                guests.callback(server.stop)
                server.set_up()
                servers.append(server)
            yield servers


def alternate(parts: Mapping[str, Callable[[], T]], rounds: int) -> Rounds[T]:
    """Measure the parts in turn, A B C A B C: a slow minute of the machine is everybody's.

    A part that fails is left out from then on, and the others go on.
    """
    found = Rounds[T]({name: [] for name in parts}, {})
    for _ in range(rounds):
        for name, measure in parts.items():
            if name in found.failures:
                continue
            try:
                found.samples[name].append(measure())
            except (BenchError, OSError) as error:
                found.failures[name] = str(error)
    return found


def describe_machine(cores: Cores, databases: Databases, wrk: str) -> dict[str, str]:
    """Return what the absolute numbers depend on."""
    return {
        "processor": f"{_processor()}, {platform.machine()}",
        "cores": cores.describe(),
        "memory": f"{_memory_gib():.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "PostgreSQL": f"{databases.version} ({databases.description})",
        "load by": wrk,
    }


def _processor() -> str:
    text = Path("/proc/cpuinfo").read_text()
    lines = (line.partition(":") for line in text.splitlines())
    return next(
        (value.strip() for key, _, value in lines if key.strip() == "model name"), "unknown"
    )


def _memory_gib() -> float:
    kib = Path("/proc/meminfo").read_text().split()[1]
    return int(kib) / 2**20


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
