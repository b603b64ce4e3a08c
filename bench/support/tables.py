"""Numbers as the report writes them, and figures from what was measured."""

from collections.abc import Mapping, Sequence

from bench.support.medians import median, ratio
from bench.support.results import Figure, Goal

Samples = Mapping[str, Sequence[float]]


def number(value: float) -> str:
    """Write a number with three digits that mean something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(samples: Samples, name: str, unit: str = "") -> str:
    """Write the median of one row's samples, or a dash where there are none."""
    if not samples.get(name):
        return "-"
    return f"{number(median(samples[name]))} {unit}".rstrip()


def times(samples: Samples, upper: str, lower: str) -> str:
    """Write one row's ratio to another row."""
    value = ratio_of(samples, upper, lower)
    return "-" if value is None else f"{number(value)} x"


def ratio_of(samples: Samples, upper: str, lower: str) -> float | None:
    """The ratio of two rows, round by round; None where one is missing."""
    if not samples.get(upper) or not samples.get(lower):
        return None
    return ratio(samples[upper], samples[lower])


def at_least(bound: float) -> Goal:
    return Goal(bound, "at least")


def at_most(bound: float) -> Goal:
    return Goal(bound, "at most")


def ratio_figure(
    what: str, samples: Samples, rows: tuple[str, str], goal: Goal, headline: str = ""
) -> Figure:
    """A figure that is the ratio of two rows."""
    return Figure(what, ratio_of(samples, *rows), goal, headline=headline)
