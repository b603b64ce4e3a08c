"""Which core does what: the server under test has one of its own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.support.errors import BenchError


@dataclass(frozen=True, slots=True)
class Cores:
    """One core for the server, one for the load, and the database on a third if there is one."""

    server: int
    load: int
    database: int

    @property
    def everything(self) -> frozenset[int]:
        return frozenset({self.server, self.load, self.database})

    def describe(self) -> str:
        shares = "with the load" if self.database == self.load else f"core {self.database}"
        return f"server: core {self.server}; load: core {self.load}; PostgreSQL: {shares}"


def choose_cores() -> Cores:
    """Give the server the first core of this process's, the load the second."""
    owned = sorted(os.sched_getaffinity(0))
    if len(owned) < 2:
        raise BenchError("A bench needs two cores: one for the server and one for the load.")
    return Cores(server=owned[0], load=owned[1], database=owned[2 if len(owned) > 2 else 1])


@contextmanager
def running_on(core: int) -> Iterator[None]:
    """Have this process on that core alone for a while."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
