"""A question of the bench: what it is called, how it is asked, how long its answer takes."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.plan import Plan
from bench.support.results import Chapter
from bench.support.stage import Stage


@dataclass(frozen=True, slots=True)
class Question:
    """One file of this folder. `promises` is false where no figure is promised."""

    title: str
    ask: Callable[[Stage], Chapter]
    seconds: Callable[[Plan], float]
    promises: bool = True

    @property
    def name(self) -> str:
        return self.ask.__module__.rpartition(".")[2]
