"""The type in which `observability.metrics` and the features declare their metrics."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Description:
    """A metric; `kind` is Prometheus's type: counter, gauge or histogram."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    initial_values: tuple[str, ...] = ()
    """Values of the only label that are exposed as 0 from the start."""
    by_event: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The audit events that it counts: for the name of each, the value of the only label."""
