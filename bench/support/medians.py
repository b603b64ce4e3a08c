"""The statistics of a bench: medians of alternating rounds, and ratios of them."""

import statistics
from collections.abc import Sequence


def median(samples: Sequence[float]) -> float:
    """The middle of what was measured; a busy moment moves it little."""
    return statistics.median(samples)


def ratio(upper: Sequence[float], lower: Sequence[float]) -> float:
    """The median of the ratios, round by round.

    The two of a round were measured within seconds of each other, so that a machine that is slower
    for a minute is slower for both.
    """
    pairs = [above / below for above, below in zip(upper, lower, strict=False) if below]
    if not pairs:
        raise ValueError("there are no rounds to compare")
    return median(pairs)


def spread(samples: Sequence[float]) -> float:
    """How far apart the rounds are: the range over the median."""
    middle = median(samples)
    return (max(samples) - min(samples)) / middle if middle else 0.0
