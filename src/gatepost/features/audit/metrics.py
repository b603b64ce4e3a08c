"""The metrics of the audit log."""

from gatepost.observability.descriptions import Description

EVENTS = Description(
    "gatepost_audit_events_total",
    "counter",
    "Committed events of the audit log.",
    ("event", "outcome"),
)

METRICS = (EVENTS,)
