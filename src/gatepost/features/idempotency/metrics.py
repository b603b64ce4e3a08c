"""The metrics of requests with an idempotency key."""

from gatepost.observability.descriptions import Description

REPLAYS = Description(
    "gatepost_idempotent_replays_total",
    "counter",
    "Requests that were answered with the stored answer of their idempotency key.",
)

METRICS = (REPLAYS,)
