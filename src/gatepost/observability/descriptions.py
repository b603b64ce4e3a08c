"""How a metric is described: features and `observability.metrics` say of each what it tells."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Description:
    """A metric: `kind` is Prometheus's own word, `labels` tell what it is divided by."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    initial_values: tuple[str, ...] = ()
    """Values of the only label that are exposed as 0 from the start."""
    by_event: Mapping[str, str] = field(default_factory=dict, hash=False)
    """By name of an audit event, the value of the only label under which it is counted."""
