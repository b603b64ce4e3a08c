"""What a bench has found: kept as JSON, from which the report can be written again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

Unit = Literal["x", "s", "ms", "MiB"]
TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure is to be, at least or at most."""

    bound: float
    direction: Literal["at least", "at most"]

    def is_met(self, value: float) -> bool:
        return value >= self.bound if self.direction == "at least" else value <= self.bound

    def is_nearly_met(self, value: float) -> bool:
        """Whether it is met, or missed by no more than a tenth."""
        if self.direction == "at least":
            return value >= self.bound * (1 - TOLERANCE)
        return value <= self.bound * (1 + TOLERANCE)


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that Gatepost promises, and what it is today; None if it could not be measured."""

    what: str
    value: float | None
    goal: Goal
    unit: Unit = "x"
    headline: str = ""  # how README.md says it, if it does


@dataclass(frozen=True, slots=True)
class Chapter:
    """The answer to one question."""

    name: str
    title: str
    text: str
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    figures: Sequence[Figure] = ()
    failures: Mapping[str, str] = field(default_factory=dict)
    # What was measured, round by round: by measure, then by subject.
    samples: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)
    # The share of all cores that was busy with something else just before, from 0 to 1.
    busy: float | None = None


@dataclass(frozen=True, slots=True)
class Participant:
    """A subject as it was measured."""

    name: str
    versions: str
    setup: str
    hashing: str


@dataclass(frozen=True, slots=True)
class Results:
    """A whole run."""

    mode: str
    began: str
    minutes: float
    machine: Mapping[str, str]
    participants: Sequence[Participant]
    absent: Mapping[str, str]
    chapters: Sequence[Chapter]

    @property
    def figures(self) -> list[Figure]:
        return [figure for chapter in self.chapters for figure in chapter.figures]

    def chapter(self, name: str) -> Chapter | None:
        return next((each for each in self.chapters if each.name == name), None)

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")

    def with_chapters(self, chapters: Sequence[Chapter], order: Sequence[str]) -> Self:
        """Return the same with these added, or in the place of their namesakes, in this order."""
        by_name = {each.name: each for each in (*self.chapters, *chapters)}
        return replace(self, chapters=[by_name[name] for name in order if name in by_name])

    @classmethod
    def load(cls, path: Path) -> Self:
        found: dict[str, Any] = json.loads(path.read_text())
        participants = [Participant(**each) for each in found.pop("participants")]
        chapters = [_read_chapter(each) for each in found.pop("chapters")]
        return cls(participants=participants, chapters=chapters, **found)


def _read_chapter(found: dict[str, Any]) -> Chapter:
    figures = [Figure(**{**each, "goal": Goal(**each["goal"])}) for each in found.pop("figures")]
    return Chapter(figures=figures, **found)
