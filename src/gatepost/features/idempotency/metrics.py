"""The metrics of requests with an idempotency key."""

from gatepost.observability.descriptions import Description

REPLAYS = Description(
    "gatepost_idempotent_replays_total",
    "counter",
    "Requests that were answered from what the first of their key was answered.",
)

METRICS = (REPLAYS,)
